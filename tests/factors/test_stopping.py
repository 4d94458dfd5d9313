"""When a fit ends: not before the factors are found, and not long after."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.factors import EngineError, FactorModel, Moments, fit
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


def fitted(holes: np.ndarray, rotate_every: int, tolerance: float = 1.0) -> tuple[FactorModel, np.ndarray]:
    """The model, and (N, D) expected entries in units of x."""
    local = {name: RealEmbedding(part) for name, part in zip("ab", np.split(holes, 2, axis=1), strict=True)}
    evidence = Embeddings({}, {}, local, ("a", "b"))
    model = fit(evidence.moments(), 10, sweeps=300, rotate_every=rotate_every, local=evidence, tolerance=tolerance)
    evidence.settle(model)
    return model, np.concatenate([evidence.expect(model, name) / own.scale for name, own in local.items()], axis=1)


@pytest.mark.parametrize(
    ("seed", "rotate_every"),
    [
        (0, 10),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0, 1), (1, 1), (2, 1), (3, 1), (1, 10), (2, 10))),
    ],
)
def test_it_ends_once_nothing_is_left_to_gain_and_the_planted_factors_are_found(seed: int, rotate_every: int) -> None:
    x, holes = drawn(seed)
    model, expected = fitted(holes, rotate_every)
    longer, later = fitted(holes, rotate_every, tolerance=0.01)  # with none at all it would never ask for spare factors
    assert len(model.bound) <= len(longer.bound) < 300
    assert longer.bound[-1] - model.bound[-1] < 3
    for one in (model, longer):
        found = np.stack(list(one.active.values()))
        assert sorted(map(tuple, found.T)) == sorted(map(tuple, USED.T))
    gap = np.isnan(holes)
    error, least = (np.sqrt(np.mean(((made - x) / NOISE)[gap] ** 2)) for made in (expected, later))
    assert error == pytest.approx(least, abs=0.01)
    assert error < 1.4  # of noise 1, and what is not known of the factors


@pytest.mark.parametrize(
    ("rotate_every", "least"),
    [(10, 30), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((1, 21), (4, 28), (15, 45)))],
)
def test_a_bound_that_still_gains_goes_on(rotate_every: int, least: int) -> None:
    """As one of few sweeps does, with whatever is left to gain; what ten sweeps at least gained is asked."""
    x, _ = drawn(0)
    moments = Moments.from_arrays({"a": x})
    gains = np.diff(fit(moments, 10, sweeps=100, rotate_every=rotate_every, tolerance=0.0).bound)
    at_once = fit(moments, 10, rotate_every=rotate_every, tolerance=1e9)
    assert len(at_once.bound) == least
    ended = fit(moments, 10, rotate_every=rotate_every, tolerance=1.0)
    assert gains[len(ended.bound) - 11 : len(ended.bound) - 1].sum() < 1.0


@pytest.mark.slow
def test_scales_are_learned_before_it_ends_also_in_a_short_fit() -> None:
    """Columns of unequal noise are of unequal scale then, whatever is asked."""
    _, holes = drawn(0)
    for rotate_every, sweeps in ((1, 100), (10, 12)):
        local = RealEmbedding(holes)
        evidence = Embeddings({}, {}, {"a": local}, ("a",))
        model = fit(evidence.moments(), 10, sweeps=sweeps, rotate_every=rotate_every, local=evidence, tolerance=1e9)
        assert len(model.bound) <= 30
        assert local.scale[::2].mean() > 1.5 * local.scale[1::2].mean()


class Fragile(Embeddings):
    """With which sweeps fail from some of the two starts: scales as given, and chosen ones."""

    fails: frozenset[bool] = frozenset()
    chosen = False

    def reset(self) -> Moments:
        self.chosen = False
        return super().reset()

    def begin(self, moments: Moments) -> Moments:
        self.chosen = True
        return super().begin(moments)

    def refresh(self, model: FactorModel) -> tuple[Moments, dict[str, float]]:
        if self.chosen in self.fails:
            raise EngineError(f"chosen {self.chosen}")
        return super().refresh(model)


@pytest.mark.parametrize("fails", [{False}, {True}, {False, True}])
def test_a_start_that_fails_is_the_worse_one(fails: set[bool]) -> None:
    _, holes = drawn(0, 200)
    evidence = Fragile({}, {}, {"a": RealEmbedding(holes)}, ("a",))
    evidence.fails = frozenset(fails)
    if len(fails) == 2:
        with pytest.raises(EngineError, match="chosen True"):
            fit(evidence.moments(), 10, local=evidence, sweeps=3)
        return
    found = fit(evidence.moments(), 10, local=evidence, sweeps=1)
    assert np.isfinite(found.bound).all()
    assert evidence.chosen is not fails.pop()
