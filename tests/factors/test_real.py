"""Real columns with missing entries: exact posteriors, honest imputation, and a noise for every column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.updates import update_latents


def planted(seed: int, samples: int, noise: np.ndarray, factors: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((len(noise), factors))
    return rng.standard_normal((samples, factors)) @ weights.T + noise * rng.standard_normal((samples, len(noise)))


def with_holes(x: np.ndarray, share: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(x.shape) < share, np.nan, x)


def fitted(x: np.ndarray, factors: int = 10, **options: Any) -> tuple[FactorModel, Embeddings]:
    evidence = Embeddings({}, {}, {"x": RealEmbedding(x)}, ("x",))
    return fit(evidence.moments(), factors, 0, local=evidence, **options), evidence


def scale_of(evidence: Embeddings) -> np.ndarray:
    """(D,) s of the real view x."""
    local = evidence.local["x"]
    assert isinstance(local, RealEmbedding)
    return local.scale


def test_g_is_as_uncertain_as_the_entries_leave_it() -> None:
    """Against the Gaussian posterior of each sample, from its seen entries alone."""
    model, _ = fitted(with_holes(planted(0, 200, np.full(5, 0.4)), 0.4, 1), sweeps=40)
    asked = with_holes(planted(0, 30, np.full(5, 0.4)), 0.5, 2)
    asked[0] = np.nan
    evidence = Embeddings({}, {}, {"x": RealEmbedding(asked)}, ("x",))
    evidence.settle(model, tolerance=1e-12)
    view, mean = model.views["x"], evidence.latents(model)
    covariance = np.empty((30, model.factors, model.factors))
    for rows, found in evidence.covariances(model):
        covariance[rows] = found
    for row in range(30):
        seen = ~np.isnan(asked[row])
        own = view.weights[seen]
        # The covariance of W counts for all entries of a sample that has the view.
        beyond = view.size * view.weights_cov if seen.any() else 0
        expected = np.linalg.inv(np.eye(model.factors) + view.tau * (own.T @ own + beyond))
        np.testing.assert_allclose(covariance[row], expected, rtol=1e-8)
        pull = own.T @ (asked[row, seen] - view.bias[seen])
        np.testing.assert_allclose(mean[row], expected @ pull * view.tau, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_intervals_of_imputed_entries_cover_what_they_say(share: float) -> None:
    noise = np.array([0.2, 0.2, 0.4, 0.4, 0.8, 0.8, 0.5, 0.3])
    x = planted(3, 600, noise)
    holes = with_holes(x, share, 4)
    model, evidence = fitted(holes, sweeps=80)
    evidence.settle(model)
    mean, variance = evidence.predict(model, "x")
    scale = scale_of(evidence)
    missing = np.isnan(holes)
    missing &= ~missing.all(axis=1, keepdims=True)
    distance = np.abs(mean / scale - x)[missing] / np.sqrt(variance / scale**2)[missing]
    for probability, reach in ((0.5, 0.674), (0.9, 1.645)):
        assert np.mean(distance < reach) == pytest.approx(probability, abs=0.04)
    # And column by column, though their noise differs.
    for column in range(len(noise)):
        here = missing[:, column]
        reach = 1.645 * np.sqrt(variance[here, column]) / scale[column]
        assert np.mean(np.abs(mean[here, column] / scale[column] - x[here, column]) < reach) > 0.76  # some 60 entries


@pytest.mark.slow
def test_the_noise_of_each_column_is_found() -> None:
    noise = np.array([0.1, 0.2, 0.4, 0.8, 0.1, 0.2, 0.4, 0.8])
    # With as many factors as there are: further ones could stand for the noise of a single column.
    model, evidence = fitted(with_holes(planted(5, 1500, noise), 0.2, 6), factors=2, sweeps=150)
    found = 1 / np.sqrt(model.views["x"].tau) / scale_of(evidence)
    np.testing.assert_allclose(found, noise, rtol=0.15)


@pytest.mark.slow
def test_factors_are_recovered_where_a_third_is_missing() -> None:
    x = planted(7, 800, np.full(12, 0.4), factors=4)
    model, _ = fitted(with_holes(x, 0.33, 8), sweeps=100)
    assert model.factors == 4


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 0.7), st.floats(0.3, 4.0))
def test_the_bound_never_falls(seed: int, share: float, copies: float) -> None:
    x = with_holes(planted(seed, 40, np.array([0.1, 1.0, 0.3, 0.5])), share, seed)
    x[0] = 0.1
    evidence = Embeddings({}, {}, {"x": RealEmbedding(x)}, ("x",))
    # `fit` raises if the bound falls.
    model = fit(evidence.moments(), 4, 0, local=evidence, copies={"x": copies}, sweeps=45, prune=False)
    assert model.bound[-1] >= model.bound[0]


@pytest.mark.slow
def test_columns_in_other_units_are_imputed_the_same() -> None:
    x = with_holes(planted(9, 300, np.full(5, 0.3)), 0.3, 10)
    one, evidence = fitted(x, sweeps=100)
    evidence.settle(one)
    first = evidence.predict(one, "x")[0] / scale_of(evidence)
    units = np.array([1.0, 2.0, 0.5, 1.0, 1.5])
    other, evidence = fitted(x * units, sweeps=100)
    evidence.settle(other)
    again = evidence.predict(other, "x")[0] / scale_of(evidence)
    # Not to the last digit: the prior of b and the factors that are pruned depend on the units a little.
    assert np.sqrt(np.mean((first - again / units) ** 2)) < 0.1 * np.sqrt(np.mean(first**2))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [(8, 3), (4, 6)])
def test_intervals_beside_binary_columns_cover_what_they_say(columns: tuple[int, int]) -> None:
    """What a bit says of g is no more than a bit: z of a binary column is not known."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((500, 4))
    weights, logits = (size * rng.standard_normal((count, 4)) for size, count in zip((1, 2), columns, strict=True))
    x = latent @ weights.T + 0.5 * rng.standard_normal((500, columns[0]))
    bits = (rng.random((500, columns[1])) < 1 / (1 + np.exp(-latent @ logits.T))).astype(float)
    holes, some = with_holes(x, 0.2, 1), with_holes(bits, 0.2, 2)
    evidence = Embeddings({}, {}, {"x": RealEmbedding(holes), "bits": binary(some)}, ("x", "bits"))
    model = fit(evidence.moments(), 20, 0, local=evidence, sweeps=80)
    evidence.settle(model)
    mean, variance = evidence.predict(model, "x")
    scale = scale_of(evidence)
    missing = np.isnan(holes) & ~np.isnan(holes).all(axis=1, keepdims=True)
    covered = np.abs(mean / scale - x)[missing] < 1.645 * np.sqrt(variance / scale**2)[missing]
    assert 0.85 < covered.mean() < 0.95


@pytest.mark.parametrize(
    "kind", ["constant", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("copy", "multiple"))]
)
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_column_without_noise_spoils_nothing(kind: str, share: float) -> None:
    x = planted(12, 80, np.full(5, 0.3))
    x[:, 0] = {"constant": 0 * x[:, 1], "copy": x[:, 1], "multiple": 2 * x[:, 1]}[kind]
    holes = with_holes(x, share, 13)
    model, evidence = fitted(holes, sweeps=150)
    evidence.settle(model)
    mean, _ = evidence.predict(model, "x")
    scale = scale_of(evidence)
    assert np.isfinite(mean).all()
    assert (scale > 0.03).all()
    assert (scale < 31).all()
    others = np.isnan(holes[:, 1:]) & ~np.isnan(holes).all(axis=1, keepdims=True)
    if share:
        error = (mean / scale - x)[:, 1:][others]
        assert np.sqrt(np.mean(error**2)) < 0.9 * x[:, 1:].std()


def test_moments_follow_every_update_and_stretch_though_settled_samples_are_not_summed_again() -> None:
    rng = np.random.default_rng(5)
    z = rng.standard_normal((60, 3))
    z[50:] = np.nan
    holes = with_holes(planted(6, 60, np.full(4, 0.5)), 0.1, 7)
    bits = (rng.random((60, 2)) < 0.5).astype(float)
    bits[:40] = np.nan
    local: dict[str, LocalEmbedding] = {"x": RealEmbedding(holes), "bits": binary(bits)}
    evidence = Embeddings({"z": z}, {}, local, ("z", "x", "bits"))
    model = fit(evidence.moments(), 3, 0, sweeps=5)
    before = local["x"].mean.copy()
    for _ in range(3):
        moments, _ = evidence.refresh(model)
        model, _ = evidence.stretch(model, update_latents(model, moments))
    evidence.refresh(model)
    assert not np.allclose(local["x"].mean[~np.isnan(holes)], before[~np.isnan(holes)])
    tables = {"z": z, "x": local["x"].mean, "bits": local["bits"].mean}
    found = evidence.moments()
    assert sum(part.count for part in found.patterns.values()) == 60
    for pattern, part in found.patterns.items():
        rows = evidence.groups[pattern].rows
        stacked = np.concatenate([tables[view][rows] for view in pattern], axis=1)
        spread = {view: local[view].variance[rows] for view in pattern if view in local}
        np.testing.assert_allclose(part.total, stacked.sum(0), atol=1e-12)
        np.testing.assert_allclose(part.outer.dense(), stacked.T @ stacked, atol=1e-12)
        for view, variance in spread.items():
            seen = variance[variance > 0]
            assert part.entropy[view] == pytest.approx(0.5 * np.log(2 * np.pi * np.e * seen).sum())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_columns_stored_in_float32_are_fitted_to_the_end(seed: int) -> None:
    """As views give them: no rounding lowers the bound, which the engine would take for a mistake of its own."""
    x = with_holes(planted(seed, 120, np.full(4, 0.4)), 0.1, seed + 10).astype(np.float32)
    single, _ = fitted(x, 4, sweeps=300, tolerance=0.0)
    double, _ = fitted(x.astype(np.float64), 4, sweeps=300, tolerance=0.0)
    assert len(single.bound) == 300
    assert single.bound[-1] == pytest.approx(double.bound[-1], rel=1e-9)


class Named(str):
    """The name of a view, with a place in sets that is chosen: that of a plain str differs between processes."""

    place: int

    def __new__(cls, name: str, place: int) -> Named:
        made = super().__new__(cls, name)
        made.place = place
        return made

    def __hash__(self) -> int:
        return self.place


@pytest.mark.slow
def test_the_numbers_do_not_hang_on_the_order_that_a_set_of_views_has() -> None:
    x = planted(3, 200, np.full(13, 0.5))
    found = []
    for places in ((1, 2), (2, 1)):
        names = tuple(Named(name, place) for name, place in zip(("numbers", "labels"), places, strict=True))
        local = (RealEmbedding(with_holes(x, 0.2, 0)), binary(x[:, :5] > 0))
        evidence = Embeddings({}, {}, dict[str, LocalEmbedding](zip(names, local, strict=True)), names)
        model = fit(evidence.moments(), 4, local=evidence, sweeps=30)
        found.append([view.weights for view in model.views.values()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
