"""`fit`: the bound never falls, planted structure is found, a failure says where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays as np_arrays

from favae_cli.factors import EngineError, FactorModel, Moments, fit
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.bound import bound_terms
from favae_cli.factors.curvature import Curvature
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.second_moment import Square
from favae_cli.factors.spectral_start import spectral_start
from favae_cli.factors.updates import LatentSums, update_latents, update_view

if TYPE_CHECKING:
    from tests.factors.conftest import Plant, Planted

SIZES = {"a": 6, "b": 5, "x": 4}
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]


def with_labels(planted: Planted) -> Embeddings:
    """The planted embeddings, view x turned into labels of which some entries are missing."""
    table = planted.arrays["x"]
    bits = np.where(np.isnan(table), np.nan, table > 0)
    bits[:, 1][::7] = np.nan
    fixed = {view: planted.arrays[view] for view in ("a", "b")}
    return Embeddings(fixed, {}, {"x": binary(bits)}, ("a", "b", "x"))


def assert_never_falls(bound: tuple[float, ...]) -> None:
    assert np.all(np.diff(bound) >= -1e-9 * np.abs(bound[:-1]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["fixed", "bernoulli", "copies"])
def test_bound_never_falls_over_sweeps_rotations_and_pruning(
    plant: Plant, missing: float, kind: str, seed: int
) -> None:
    planted = plant(seed, 200, SIZES, 3, missing)
    options: dict[str, Any] = {"sweeps": 80, "rotate_every": 7}
    if kind == "fixed":
        model = fit(Moments.from_arrays(planted.arrays), 12, seed, **options)
    else:
        embeddings = with_labels(planted)
        copies = {"x": 5.0, "b": 0.5} if kind == "copies" else {}
        model = fit(embeddings.moments(), 12, seed, copies=copies, local=embeddings, **options)
    assert model.factors < 12, "nothing was pruned: the test would not see what pruning does to the bound"
    assert_never_falls(model.bound)
    assert model.bound[-1] == pytest.approx(sum(model.terms.values()))


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(present=np_arrays(bool, (40, 3)))
def test_bound_never_falls_whatever_is_missing(plant: Plant, present: np.ndarray) -> None:
    planted = plant(1, 40, SIZES, 3)
    present[:2] = True
    present[~present.any(axis=1), 0] = True
    tables = {
        view: np.where(present[:, [place]], table, np.nan) for place, (view, table) in enumerate(planted.arrays.items())
    }
    model = fit(Moments.from_arrays(tables), 8, sweeps=40, rotate_every=5)
    assert_never_falls(model.bound)


def test_rotation_raises_the_bound_that_sweeps_alone_reach(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 500, {"a": 12, "b": 10}, 5).arrays)
    plain, rotated = (fit(moments, 5, sweeps=60, rotate_every=every, prune=False) for every in (0, 10))
    assert rotated.bound[-1] > plain.bound[-1]


def counts(active: dict[str, np.ndarray]) -> tuple[int, ...]:
    """Factors active in a, in b, in a alone, in b alone, and in both."""
    a, b = active["a"], active["b"]
    return int(a.sum()), int(b.sum()), int((a & ~b).sum()), int((b & ~a).sum()), int((a & b).sum())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_planted_structure_is_found_exactly(plant: Plant, seed: int) -> None:
    precision = {"a": (1.0, 0.5)[seed % 2], "b": (1.0, 2.0)[seed % 2]}
    planted = plant(seed, 20_000, {"a": 100, "b": 80}, 20, precision=precision)
    model = fit(Moments.from_arrays(planted.arrays), factors=100, seed=seed)
    assert counts(model.active) == counts({"a": planted.usage[:, 0], "b": planted.usage[:, 1]})
    assert model.factors == 20
    assert int(model.shared().sum()) == counts(model.active)[4]
    assert int(model.private("a").sum()) == counts(model.active)[2]
    for view, true in precision.items():
        assert model.noise_precision[view] == pytest.approx(true, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_narrow_view_beside_a_wide_one_keeps_its_noise(plant: Plant, seed: int) -> None:
    """With K over the embedding sizes, a start that leaves no noise would never find any again."""
    planted = plant(seed, 5_000, {"a": 40, "b": 5}, 5)
    model = fit(Moments.from_arrays(planted.arrays), factors=100, seed=seed)
    assert model.factors == 5
    assert model.noise_precision["b"] == pytest.approx(1.0, rel=0.1)


def test_data_without_noise_are_fitted() -> None:
    """tau grows until float64 cannot tell the residual from zero; that is no failure."""
    rng = np.random.default_rng(0)
    model = fit(Moments.from_arrays({"a": rng.standard_normal((50, 3)) @ rng.standard_normal((3, 8))}), 8)
    assert model.noise_precision["a"] > 1e5


def test_same_seed_gives_the_same_numbers(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 300, SIZES, 4).arrays)
    first, again, other = (fit(moments, 10, seed, sweeps=30) for seed in (3, 3, 4))
    for view in SIZES:
        np.testing.assert_array_equal(first.weights[view], again.weights[view])
    assert first.bound == again.bound
    assert first.bound != other.bound


def test_fit_goes_on_from_a_model(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 300, SIZES, 4).arrays)
    whole = fit(moments, 10, sweeps=30, tolerance=0.0)
    half = fit(moments, 10, sweeps=20, tolerance=0.0)
    rest = fit(moments, 10, start=half, sweeps=10, tolerance=0.0)
    assert half.bound + rest.bound == pytest.approx(whole.bound, rel=1e-12)


@pytest.mark.parametrize("factors", [0, -3])
def test_too_few_factors_are_refused(plant: Plant, factors: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, got {factors}"):
        fit(Moments.from_arrays(plant(0, 20, SIZES, 2).arrays), factors)


class Renewed:
    """Local embeddings that give these moments and likelihoods, one a sweep."""

    def __init__(self, answers: list[tuple[Moments, dict[str, float]]]) -> None:
        self.answers = iter(answers)

    @property
    def noise(self) -> dict[str, Curvature]:
        return {}

    def refresh(self, model: FactorModel) -> tuple[Moments, dict[str, float]]:
        return next(self.answers)

    def begin(self, moments: Moments) -> Moments:
        return moments

    @property
    def alone(self) -> bool:
        return True

    def reset(self) -> Moments:
        raise AssertionError("there is nothing to choose")

    def stretch(self, model: FactorModel, latents: LatentSums) -> tuple[FactorModel, LatentSums]:
        return model, latents

    def improve(self, model: FactorModel) -> None:
        pass

    @property
    def scales(self) -> dict[str, np.ndarray]:
        return {}

    def rescale(self, by: Mapping[str, np.ndarray]) -> None:
        pass

    def held(self) -> dict[str, np.ndarray]:
        return {}

    def put_back(self, held: Mapping[str, np.ndarray]) -> None:
        pass


def broken(moments: Moments, column: int) -> Moments:
    """The moments with one column of the stacked embedding not a number."""
    pattern, sums = next(iter(moments.patterns.items()))
    outer = sums.outer.dense().copy()
    outer[column] = outer[:, column] = np.nan
    return replace(moments, patterns={pattern: replace(sums, outer=Square(outer))})


def test_failure_at_the_start_names_view_and_variable(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 50, SIZES, 2).arrays)
    with pytest.raises(EngineError, match="view 'b': the variance of z is nan"):
        fit(broken(moments, SIZES["a"] + 1), 3)


def test_view_that_does_not_vary_is_named(plant: Plant) -> None:
    table = plant(0, 50, SIZES, 2).arrays["a"]
    with pytest.raises(EngineError, match="view 'b': the variance of z is 0"):
        fit(Moments.from_arrays({"a": table, "b": np.ones((50, 2))}), 3)


def test_failure_later_names_sweep_view_and_variable(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 50, SIZES, 2).arrays)
    renewed = Renewed([(moments, {}), (moments, {}), (broken(moments, 0), {})])
    with pytest.raises(EngineError, match="sweep 2: view 'a': the moments of z are not finite"):
        fit(moments, 3, local=renewed)


def test_a_bound_term_that_is_not_finite_is_named(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 50, SIZES, 2).arrays)
    with pytest.raises(EngineError, match="sweep 0: the bound's term x/x is not finite"):
        fit(moments, 3, local=Renewed([(moments, {"x": np.nan})]))


def test_falling_bound_is_a_failure(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 50, SIZES, 2).arrays)
    with pytest.raises(EngineError, match="sweep 1: the bound fell from"):
        fit(moments, 3, local=Renewed([(moments, {"x": value}) for value in (0.0, -1e6)]))


@pytest.mark.parametrize(
    ("variable", "spoiled"),
    [
        ("precision of W", {"gg": np.full((3, 3), np.nan)}),
        ("precision of W", {"gg": -1e6 * np.eye(3)}),
        ("mean of W", {"zg": np.full((SIZES["a"], 3), np.inf)}),
        ("mean of b", {"z": np.full(SIZES["a"], np.nan)}),
        ("mean of tau", {"squares": np.full(SIZES["a"], -1e6)}),
    ],
)
def test_failed_update_names_view_and_variable(plant: Plant, variable: str, spoiled: dict[str, Any]) -> None:
    moments = Moments.from_arrays(plant(0, 50, SIZES, 2).arrays)
    model = spectral_start(moments, 3)
    sums = replace(update_latents(model, moments).views["a"], **spoiled)
    with pytest.raises(EngineError, match=f"view 'a': the {variable} is not"), np.errstate(invalid="ignore"):
        update_view("a", model.views["a"], sums)


def test_bound_terms_name_every_kl(plant: Plant) -> None:
    moments = Moments.from_arrays(plant(0, 50, SIZES, 2).arrays)
    model = spectral_start(moments, 3)
    terms = bound_terms(model, update_latents(model, moments))
    parts = ("z", "W", "alpha", "tau", "b")
    assert set(terms) == {"g", *(f"{part}/{view}" for part in parts for view in SIZES)}
    assert all(value < 0 for name, value in terms.items() if not name.startswith("z/"))
