"""More dimensions than samples: the samples are held instead of sums over them, and all numbers stay the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from favae_cli.factors import FactorModel, Moments, fit
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.second_moment import Rows, Square, added, second_moment
from favae_cli.factors.spectral_start import spectral_start

if TYPE_CHECKING:
    from tests.factors.conftest import Hold, Plant

SIZES = {"a": 30, "b": 12, "c": 25}


def forms(moments: Moments) -> set[type]:
    return {type(part.outer) for part in moments.patterns.values()}


def uncertain(plant: Plant, missing: float) -> Moments:
    """Of embeddings one of which has variances."""
    arrays = plant(0, 24, SIZES, 3, missing).arrays
    return Moments.from_arrays(arrays, {"b": np.random.default_rng(1).uniform(0.1, 0.5, (24, SIZES["b"]))})


def inferred(plant: Plant, missing: float) -> Embeddings:
    """Real columns with holes and binary ones beside an embedding that is given."""
    arrays, rng = plant(0, 24, SIZES, 3, missing).arrays, np.random.default_rng(1)
    real, bits = arrays["a"], np.where(np.isnan(arrays["b"]), np.nan, arrays["b"] > 0)
    real[rng.random(real.shape) < missing / 5] = np.nan
    local: dict[str, LocalEmbedding] = {"a": RealEmbedding(real), "b": binary(bits)}
    return Embeddings({"c": arrays["c"]}, {}, local, tuple(SIZES))


def assert_same_model(one: FactorModel, other: FactorModel) -> None:
    np.testing.assert_allclose(one.bound, other.bound, rtol=1e-8)
    assert one.factors == other.factors
    for name, view in one.views.items():
        for field in ("weights", "weights_cov", "bias", "tau", "usage", "variance"):
            found, expected = getattr(view, field), getattr(other.views[name], field)
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8, err_msg=f"{field}, {name}")
        np.testing.assert_allclose(view.ard.mean, other.views[name].ard.mean, rtol=1e-7)


@pytest.mark.parametrize("rotate_every", [0, 5])
def test_both_forms_give_the_same_fit(plant: Plant, missing: float, hold: Hold, rotate_every: int) -> None:
    found, start = [], None
    for rows in (True, False):
        hold(rows)
        moments = uncertain(plant, missing)
        assert forms(moments) == {Rows if rows else Square}
        start = start or spectral_start(moments, 6)
        found.append(fit(moments, start=start, sweeps=20, rotate_every=rotate_every))
    assert_same_model(*found)


def test_both_forms_give_the_same_fit_with_views_that_are_inferred(plant: Plant, missing: float, hold: Hold) -> None:
    found, start, answers = [], None, []
    for rows in (True, False):
        hold(rows)
        evidence = inferred(plant, missing)
        moments = evidence.moments()
        assert forms(moments) == {Rows if rows else Square}
        start = start or spectral_start(moments, 6, noise=evidence.noise)
        found.append(fit(moments, start=start, sweeps=25, rotate_every=0, local=evidence))
        evidence.settle(found[-1])
        answers.append([evidence.latents(found[-1]), *evidence.predict(found[-1], "a")])
    assert_same_model(*found)
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)


def test_both_forms_begin_with_the_same_space(plant: Plant, missing: float, hold: Hold) -> None:
    begun = []
    for rows in (True, False):
        hold(rows)
        moments = Moments.from_arrays(plant(0, 24, SIZES, 3, missing).arrays)
        begun.append(spectral_start(moments, 3))
    for name, view in begun[0].views.items():
        other = begun[1].views[name]
        cosines = np.abs(np.sum(view.weights * other.weights, axis=0))
        lengths = np.linalg.norm(view.weights, axis=0) * np.linalg.norm(other.weights, axis=0)
        np.testing.assert_allclose(cosines, lengths, rtol=1e-4)  # the jitter remains, which has no sign
        assert view.tau == pytest.approx(other.tau, rel=1e-4)


def test_more_factors_than_samples_are_not_begun_with(plant: Plant) -> None:
    assert spectral_start(Moments.from_arrays(plant(0, 24, SIZES, 3).arrays), 60).factors == 24


def test_bound_never_falls_and_factors_are_found(plant: Plant) -> None:
    planted = plant(2, 60, {"a": 200, "b": 150}, 4)
    model = fit(Moments.from_arrays(planted.arrays), 10, sweeps=100)
    assert np.all(np.diff(model.bound) >= -1e-9 * np.abs(model.bound[:-1]))
    latent = model.posterior(planted.arrays)[0]
    left = planted.latent - planted.latent.mean(axis=0)
    centred = latent - latent.mean(axis=0)
    rest = left - centred @ np.linalg.lstsq(centred, left)[0]
    assert np.all(1 - rest.var(axis=0) / left.var(axis=0) > 0.99)


ANSWERS: dict[str, Callable[[Rows | Square], np.ndarray]] = {
    "product": lambda moment: moment @ np.arange(12.0).reshape(6, 2),
    "diagonal": lambda moment: moment.diagonal(),
    "scaled": lambda moment: moment.scaled(np.arange(6.0)).dense(),
}


@pytest.mark.parametrize("asked", ANSWERS)
def test_answers_are_those_of_the_sum_itself(asked: str) -> None:
    rows = np.random.default_rng(0).standard_normal((4, 6))
    moment = second_moment(rows)
    assert isinstance(moment, Rows)
    np.testing.assert_allclose(ANSWERS[asked](moment), ANSWERS[asked](Square(rows.T @ rows)), atol=1e-12)


def test_few_samples_become_many() -> None:
    rows = np.random.default_rng(0).standard_normal((7, 6))
    parts = [second_moment(rows[where]) for where in (slice(2), slice(2, 4), slice(4, 7))]
    few = added(parts[0], parts[1])
    assert isinstance(few, Rows)
    many = added(few, parts[2])
    assert isinstance(many, Square)
    np.testing.assert_allclose(many.table, rows.T @ rows, atol=1e-12)
    np.testing.assert_allclose(added(many, parts[0]).dense(), rows.T @ rows + rows[:2].T @ rows[:2], atol=1e-12)
