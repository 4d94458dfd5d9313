"""The rotation gives the bound what its objective promises, and leaves the likelihood as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from favae_cli.factors import FactorModel, Moments, rotation
from favae_cli.factors.bound import bound_terms
from favae_cli.factors.rotation import _negative_gain
from favae_cli.factors.spectral_start import spectral_start
from favae_cli.factors.updates import LatentSums, ViewSums, update_ard, update_latents, update_view

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

State = tuple[FactorModel, LatentSums]

SIZES = {"a": 7, "b": 6}
FACTORS = 4


@pytest.fixture
def state(plant: Plant, missing: float) -> State:
    """A model some sweeps from its start, alpha up to date, with the q(g) it was updated by."""
    moments = Moments.from_arrays(plant(0, 60, SIZES, FACTORS, missing).arrays)
    model = spectral_start(moments, FACTORS)
    for _ in range(3):
        latents = update_latents(model, moments)
        views = {name: update_view(name, view, latents.views[name]) for name, view in model.views.items()}
        model = replace(model, views=views)
    return model, latents


def stacked(model: FactorModel) -> np.ndarray:
    return np.concatenate(list(model.weights.values()))


def rotation_between(before: FactorModel, after: FactorModel) -> np.ndarray:
    """The R with W_after = W_before R."""
    return np.linalg.lstsq(stacked(before), stacked(after), rcond=None)[0]


def carried_over(latents: LatentSums, rotation: np.ndarray) -> LatentSums:
    """q(g) of R^-1 g."""
    inverse = np.linalg.inv(rotation)

    def turn(sums: ViewSums) -> ViewSums:
        return replace(sums, g=inverse @ sums.g, gg=inverse @ sums.gg @ inverse.T, zg=sums.zg @ inverse.T)

    gg = inverse @ latents.gg @ inverse.T
    volume = latents.count * np.linalg.slogdet(rotation)[1]
    kl = latents.kl + 0.5 * (np.trace(gg) - np.trace(latents.gg)) + volume
    return LatentSums({name: turn(sums) for name, sums in latents.views.items()}, gg, latents.count, kl)


def rotate(model: FactorModel, latents: LatentSums) -> FactorModel:
    return rotation.rotated(model, latents, rotation.best_rotation(model, latents))


def test_bound_gains_what_the_objective_promises(state: State) -> None:
    model, latents = state
    rotated = rotate(model, latents)
    rotation = rotation_between(model, rotated)
    before, after = bound_terms(model, latents), bound_terms(rotated, carried_over(latents, rotation))
    grams = [view.gram for view in model.views.values()]
    objective = [
        _negative_gain(matrix, latents.gg, latents.count, grams, list(SIZES.values()))[0]
        for matrix in (np.eye(FACTORS), rotation)
    ]
    promised = latents.count * (objective[0] - objective[1])
    assert promised > 1.0
    assert sum(after.values()) - sum(before.values()) == pytest.approx(promised, rel=1e-8)
    for view in SIZES:
        assert after[f"z/{view}"] == pytest.approx(before[f"z/{view}"], rel=1e-10)


# At the end that is asked for curvatures are of tens of nats, so that a slope of 0.1 is next to nothing to gain.
@pytest.mark.parametrize(("least", "slope"), [(0.0, 1e-3), (rotation.LEAST, 0.1)])
def test_no_small_change_of_the_rotation_gains_more(
    least: float, slope: float, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimiser does not stop early, as it does with SciPy's own tolerances."""
    monkeypatch.setattr(rotation, "LEAST", least)
    model, latents = state
    rotated = rotate(model, latents)
    latents = carried_over(latents, rotation_between(model, rotated))
    grams = [view.gram for view in rotated.views.values()]
    _, gradient = _negative_gain(np.eye(FACTORS), latents.gg, latents.count, grams, list(SIZES.values()))
    assert np.abs(gradient).max() * latents.count < slope


def test_objective_has_the_gradient_it_says(state: State) -> None:
    model, latents = state
    grams = [view.gram for view in model.views.values()]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        return _negative_gain(flat.reshape(FACTORS, FACTORS), latents.gg, latents.count, grams, list(SIZES.values()))

    at = (np.eye(FACTORS) + 0.1 * np.random.default_rng(0).standard_normal((FACTORS, FACTORS))).ravel()
    numeric = approx_fprime(at, lambda flat: objective(flat)[0], 1e-7)
    np.testing.assert_allclose(objective(at)[1], numeric, rtol=1e-4, atol=1e-5)


def test_objective_refuses_a_reflection() -> None:
    mirror = np.diag([1.0, -1.0])
    value, _ = _negative_gain(mirror, np.eye(2), 10, [np.eye(2)], [3])
    assert value == np.inf


def test_rotation_carries_relevance_along(state: State) -> None:
    """What view and factor explain together is that of the rotated g, before any further sweep."""
    model, latents = state
    rotated = rotate(model, latents)
    turned = carried_over(latents, rotation_between(model, rotated))
    for name, view in rotated.views.items():
        np.testing.assert_allclose(view.usage, np.diag(turned.views[name].gg), rtol=1e-8)
        assert update_ard(view).ard.rate == pytest.approx(view.ard.rate)
