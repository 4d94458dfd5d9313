"""When a fit ends: not before the factors are found, and not long after."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.factors import FactorModel, Moments, fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.real import RealEmbedding

NOISE = np.tile([0.4, 0.8], 10)  # standard deviations of the columns
USED = np.array([[1, 1, 1, 0], [1, 1, 0, 1]], bool)  # by two views of ten columns: two factors shared, one private each


def drawn(seed: int, count: int = 1000, share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """(N, 20) of planted factors, and the same with NaN for a share of the entries."""
    rng = np.random.default_rng(seed)
    weights = rng.choice([-1.0, 1.0], (20, 4)) * rng.uniform(0.5, 1.0, (20, 4)) * USED.repeat(10, axis=0)
    x = rng.standard_normal((count, 4)) @ weights.T + NOISE * rng.standard_normal((count, 20))
    return x, np.where(rng.random(x.shape) < share, np.nan, x)


def fitted(holes: np.ndarray, sweeps: int = 300, tolerance: float = 1.0) -> tuple[FactorModel, np.ndarray]:
    """The model, and (N, D) expected entries in units of x."""
    local = {name: RealEmbedding(part) for name, part in zip("ab", np.split(holes, 2, axis=1), strict=True)}
    evidence = Embeddings({}, {}, local, ("a", "b"))
    model = fit(evidence.moments(), 10, sweeps=sweeps, local=evidence, tolerance=tolerance)
    evidence.settle(model)
    return model, np.concatenate([evidence.expect(model, name) / own.scale for name, own in local.items()], axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_it_ends_once_nothing_is_left_to_gain_and_the_planted_factors_are_found(seed: int) -> None:
    x, holes = drawn(seed)
    model, expected = fitted(holes)
    longer, later = fitted(holes, tolerance=0.01)  # with none at all it would never ask for spare factors
    assert len(model.bound) <= len(longer.bound) < 300
    assert longer.bound[-1] - model.bound[-1] < 3
    for one in (model, longer):
        found = np.stack(list(one.active.values()))
        assert sorted(map(tuple, found.T)) == sorted(map(tuple, USED.T))
    gap = np.isnan(holes)
    error, least = (np.sqrt(np.mean(((made - x) / NOISE)[gap] ** 2)) for made in (expected, later))
    assert error == pytest.approx(least, abs=0.01)
    assert error < 1.4  # of noise 1, and what is not known of the factors


def test_a_bound_that_still_gains_goes_on() -> None:
    """As one of few sweeps does, with whatever is left to gain."""
    x, _ = drawn(0)
    moments = Moments.from_arrays({"a": x})
    gains = np.diff(fit(moments, 10, sweeps=60, tolerance=0.0).bound)
    at_once = fit(moments, 10, tolerance=1e9)
    assert len(at_once.bound) == 30  # three rotations, of which the last two are compared
    ended = fit(moments, 10, tolerance=1.0)
    assert gains[len(ended.bound) - 11 : len(ended.bound) - 1].sum() < 1.0
