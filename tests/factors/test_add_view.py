"""A view that joins later: as good as if it had been there from the start, and no other view notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.add_view import NewView, extend
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.real import RealEmbedding

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

SIZES = {"a": 8, "b": 6, "c": 5}
TRAIN, TEST = slice(600), slice(600, 900)


@pytest.fixture(scope="module")
def arrays(plant: Plant) -> dict[str, np.ndarray]:
    return plant(11, 900, SIZES, 5, precision=dict.fromkeys(SIZES, 4.0)).arrays


def evidence(
    arrays: dict[str, np.ndarray], views: str, rows: slice, local: Mapping[str, LocalEmbedding] | None = None
) -> Embeddings:
    return Embeddings({view: arrays[view][rows] for view in views}, {}, local or {}, (*views, *(local or {})))


@pytest.fixture(scope="module")
def old(arrays: dict[str, np.ndarray]) -> FactorModel:
    """Of two views, before the third joins."""
    return fit(evidence(arrays, "ab", TRAIN).moments(), 10, sweeps=100)


@pytest.mark.slow
def test_it_is_foretold_as_well_as_by_a_joint_fit_and_the_others_do_not_change(
    arrays: dict[str, np.ndarray], old: FactorModel
) -> None:
    c = arrays["c"][TRAIN]
    extended = extend(old, "c", evidence(arrays, "ab", TRAIN), NewView(c, np.zeros_like(c)))
    joint = fit(evidence(arrays, "abc", TRAIN).moments(), 10)
    given = evidence(arrays, "ab", TEST)
    later, at_once = (r2_score(arrays["c"][TEST], given.predict(model, "c")[0]) for model in (extended, joint))
    assert at_once > 0.4
    assert later > at_once - 0.02
    for view in "ab":
        for before, after in zip(given.predict(old, view), given.predict(extended, view), strict=True):
            np.testing.assert_array_equal(before, after)


def test_noise_and_weights_are_those_of_least_squares(arrays: dict[str, np.ndarray], old: FactorModel) -> None:
    """With the prior all but flat and g nearly known, the mean of W is the regression on g."""
    given, c = evidence(arrays, "ab", TRAIN), arrays["c"][TRAIN]
    extended = extend(old, "c", given, NewView(c, np.zeros_like(c)))
    assert {name.partition("/")[2] for name in extended.terms} == {"c"}
    assert sum(extended.terms.values()) < -1.0  # of 600 samples, in nats
    view = extended.views["c"]
    g = given.latents(old)
    second = g.T @ g
    for rows, covariance in given.covariances(old):
        second += len(rows) * covariance
    design = np.block([[second, g.sum(0)[:, None]], [g.sum(0)[None], np.array([[len(g)]])]])
    solved = np.linalg.solve(design, np.concatenate([g.T @ c, c.sum(0)[None]]))
    used = (view.weights**2).sum(axis=0) > 0.05
    assert used.any()
    np.testing.assert_allclose(view.weights[:, used], solved[:-1].T[:, used], atol=0.05)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_real_columns_with_holes_join(arrays: dict[str, np.ndarray], old: FactorModel, share: float) -> None:
    rng = np.random.default_rng(0)
    c = np.where(rng.random(arrays["c"][TRAIN].shape) < share, np.nan, arrays["c"][TRAIN])
    local = RealEmbedding(c)
    extended = extend(old, "c", evidence(arrays, "ab", TRAIN), NewView(local.mean, local.variance, local))
    mean, variance = evidence(arrays, "ab", TEST).predict(extended, "c")
    mean, deviation = mean / local.scale, np.sqrt(variance) / local.scale
    assert r2_score(arrays["c"][TEST], mean) > 0.4
    covered = np.abs(mean - arrays["c"][TEST]) < 1.645 * deviation
    assert covered.mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.slow
def test_binary_columns_join(arrays: dict[str, np.ndarray], old: FactorModel) -> None:
    labels = (arrays["c"] > np.median(arrays["c"], axis=0)).astype(float)
    local = binary(labels[TRAIN])
    extended = extend(old, "c", evidence(arrays, "ab", TRAIN), NewView(local.mean, local.variance, local))
    local = binary(labels[TRAIN])
    with_labels = evidence(arrays, "ab", TRAIN, {"c": local})
    joint = fit(with_labels.moments(), 10, local=with_labels)
    given = evidence(arrays, "ab", TEST)
    later, at_once = (
        np.mean([roc_auc_score(labels[TEST, d], given.predict(model, "c")[0][:, d]) for d in range(5)])
        for model in (extended, joint)
    )
    assert later > at_once - 0.02


def test_mistakes_are_told(arrays: dict[str, np.ndarray], old: FactorModel) -> None:
    c = arrays["c"]
    with pytest.raises(ValueError, match="a view 'a' already"):
        extend(old, "a", evidence(arrays, "ab", TRAIN), NewView(c[TRAIN], np.zeros_like(c[TRAIN])))
    with pytest.raises(ValueError, match="900 samples of the new view, but 600"):
        extend(old, "c", evidence(arrays, "ab", TRAIN), NewView(c, np.zeros_like(c)))
