"""Real columns that do not vary in training say nothing: the others are as without them."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.views.real import RealView

STILL = [1.0, 5000.0, -2.0]
TRAIN, LACKING = slice(200), slice(3)


def table(seed: int) -> np.ndarray:
    """(300, 10) of three factors, with a few holes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 10)) + 0.5 * rng.standard_normal((300, 10))
    return np.where(rng.random(x.shape) < 0.05, np.nan, x)


def fitted(x: np.ndarray) -> tuple[RealView, FactorModel]:
    view = RealView(x.shape[1])
    view.fit(x[TRAIN])
    evidence = Embeddings({}, {}, {"x": (local := view.local(x[TRAIN]))}, ("x",))
    model = fit(evidence.moments(), 10, local=evidence)
    view.rescale(local.scale)
    return view, model


def foretold(view: RealView, model: FactorModel, x: np.ndarray) -> np.ndarray:
    evidence = Embeddings({}, {}, {"x": view.local(x)}, ("x",))
    evidence.settle(model)
    return view.decode(evidence.expect(model, "x"))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_others_are_as_without_them_and_they_decode_to_what_they_are(seed: int) -> None:
    x = table(seed)
    errors, factors = [], []
    for still in ([], STILL):
        view, model = fitted(np.column_stack([x, *np.repeat(np.array(still)[:, None], len(x), axis=1)]))
        other = np.full((100, len(still)), 7.0)  # than ever before, which says nothing
        asked = np.column_stack([x[200:], other])
        asked[:, LACKING] = np.nan
        found = foretold(view, model, asked)
        errors.append(np.sqrt(np.nanmean((found - asked[:, : found.shape[1]])[:, 3:10] ** 2)))
        errors.append(np.sqrt(np.nanmean((found[:, LACKING] - x[200:, LACKING]) ** 2)))
        factors.append(model.factors)
        assert found[:, 10:] == pytest.approx(np.tile(still, (100, 1)))
    assert factors == [3, 3]
    assert errors[2:] == pytest.approx(errors[:2], rel=0.02, abs=1e-3)


def test_a_sample_of_nothing_else_is_as_one_of_which_nothing_is_known() -> None:
    view, model = fitted(np.column_stack([table(0), np.ones(300)]))
    asked = np.full((2, 11), np.nan)
    asked[0, 10] = 1.0
    found = foretold(view, model, asked)
    np.testing.assert_array_equal(found[0], found[1])
