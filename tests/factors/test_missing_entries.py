"""Sigma of g where entries are open, and what sums over samples have of it: against every sample by itself."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from favae_cli.factors import FactorModel, Gamma, Moments, ViewFactors, fit, missing_entries
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.missing_entries import Holes
from favae_cli.factors.real import RealEmbedding

SIZES = {"a": 5, "b": 4}
PATTERN = ("a", "b")


@pytest.fixture(scope="module")
def model() -> FactorModel:
    """Of three factors, so that some samples lack fewer entries and some more."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((60, 3))
    arrays = {
        name: latent @ rng.standard_normal((3, size)) + 0.5 * rng.standard_normal((60, size))
        for name, size in SIZES.items()
    }
    return fit(Moments.from_arrays(arrays), 3, copies={"b": 2.0}, sweeps=15, prune=False)


def shares_of(kind: str) -> np.ndarray:
    """(30, 9) of samples that lack up to eight entries; of a few sets, or in part."""
    rng = np.random.default_rng(1)
    shares = (rng.random((30, 9)) < np.linspace(0, 0.9, 30)[:, None]).astype(float)
    if kind == "few sets":
        return shares[[0, 12, 25]][rng.integers(0, 3, 30)]
    return shares * rng.random((30, 9)) if kind == "in part" else shares


@pytest.mark.parametrize("chunk", [missing_entries.CHUNK, 30])
@pytest.mark.parametrize("kind", ["missing", "few sets", "in part"])
def test_every_sample_has_its_own_sigma(
    model: FactorModel, kind: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_entries, "CHUNK", chunk)
    shares, pulls = shares_of(kind), np.random.default_rng(2).standard_normal((30, 3))
    holes = Holes.sorted(shares, np.arange(30)) if kind == "in part" else Holes.of(shares > 0)
    views = model.of(PATTERN)
    tau = np.concatenate([np.full(view.size, view.copies * view.tau) for view in views])
    weights = np.concatenate([view.weights for view in views])
    whole = np.linalg.inv(model.precision(PATTERN))
    expected = np.linalg.inv(model.precision(PATTERN) - np.einsum("nd,dk,dl->nkl", shares * tau, weights, weights))
    seen: list[int] = []
    gg, zg, variance = np.zeros((3, 3)), np.zeros((len(tau), 3)), np.zeros(len(tau))
    log_det = 0.0
    for spread in holes.spreads(model, PATTERN):
        seen.extend(spread.samples)
        np.testing.assert_allclose(spread.covariance, expected[spread.samples], atol=1e-12)
        products = np.einsum("nkl,nl->nk", expected[spread.samples], pulls[spread.samples])
        np.testing.assert_allclose(spread.times(pulls[spread.samples]), products, atol=1e-12)
        joint = spread.joint
        gg, zg, variance = gg + joint.gg, zg + joint.zg, variance + joint.variance
        log_det += joint.log_det
    assert sorted(seen) == [*range(30)]
    np.testing.assert_allclose(gg, expected.sum(axis=0) - 30 * whole, atol=1e-11)
    np.testing.assert_allclose(zg, np.einsum("nd,dk,nkl->dl", shares, weights, expected), atol=1e-11)
    np.testing.assert_allclose(variance, np.einsum("nd,dk,nkl,dl->d", shares, weights, expected, weights), atol=1e-11)
    logs = np.linalg.slogdet(whole)[1] - np.linalg.slogdet(expected)[1]
    assert log_det == pytest.approx(logs.sum())


def test_entries_missing_in_several_views_settle_at_once_to_what_is_seen(model: FactorModel) -> None:
    """Against the Gaussian posterior given the entries that are seen, of both views together."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((30, 9))
    x[shares_of("missing") > 0] = np.nan
    x[:, [0, 5]] = 0.3  # each view has an entry
    local: dict[str, LocalEmbedding] = {"a": RealEmbedding(x[:, :5].copy()), "b": RealEmbedding(x[:, 5:].copy())}
    evidence = Embeddings({}, {}, local, PATTERN)
    evidence.settle(model, steps=1)
    tau = np.concatenate([np.full(view.size, view.copies * view.tau) for view in model.of(PATTERN)])
    weights, bias = np.concatenate([view.weights for view in model.of(PATTERN)]), model.bias(PATTERN)
    for row, latent in enumerate(evidence.latents(model)):
        lacks = np.isnan(x[row])
        precision = model.precision(PATTERN) - (weights[lacks].T * tau[lacks]) @ weights[lacks]
        pull = (weights[~lacks].T * tau[~lacks]) @ (x[row] - bias)[~lacks]
        np.testing.assert_allclose(latent, np.linalg.solve(precision, pull), atol=1e-10)


@pytest.mark.parametrize("lacks", [(0,), (0, 3), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("part", [1.0, 0.9999999])
def test_sigma_keeps_its_digits_where_a_column_without_noise_is_missing(lacks: tuple[int, ...], part: float) -> None:
    """Against the sum over what is seen, in fractions: one column says a million million times as much as the prior."""
    rng = np.random.default_rng(0)
    view = ViewFactors(
        weights=np.concatenate([[[1.0, -0.7]], 1e-5 * rng.standard_normal((6, 2))]),
        weights_cov=1e-16 * np.eye(2),
        bias=np.zeros(7),
        bias_var=0.0,
        noise=Gamma(1.0, np.asarray(1e-12)),
        ard=Gamma(1.0, np.ones(2)),
        count=100,
        usage=np.full(2, 100.0),
        variance=np.ones(7),
    )
    model = FactorModel({"x": view})
    shares = np.zeros((1, 7))
    shares[0, list(lacks)] = part
    (spread,) = Holes.sorted(shares, np.zeros(1, int)).spreads(model, ("x",))

    def precision(share: np.ndarray) -> np.ndarray:
        """(2, 2) of I + tau (D Sigma_W + the sum of (1 - s) w w^T), exact."""
        rows = [[Fraction(value) for value in row] for row in view.weights]
        own = [Fraction(view.tau) * (1 - Fraction(value)) for value in share]
        found = [[sum(k * row[i] * row[j] for k, row in zip(own, rows, strict=True)) for j in (0, 1)] for i in (0, 1)]
        unsure = 1 + Fraction(view.tau) * 7 * Fraction(1e-16)
        return np.array(found, object) + np.array([[unsure, 0], [0, unsure]], object)

    def det(matrix: np.ndarray) -> Fraction:
        return Fraction(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])

    kept = precision(shares[0])
    exact = (np.array([[kept[1, 1], -kept[0, 1]], [-kept[1, 0], kept[0, 0]]], object) / det(kept)).astype(float)
    np.testing.assert_allclose(spread.covariance[0], exact, rtol=1e-9)
    pull = np.array([[0.3, -2.0]])
    np.testing.assert_allclose(spread.times(pull), pull @ exact, rtol=1e-9)
    np.testing.assert_allclose(spread.joint.zg[list(lacks)], part * view.weights[list(lacks)] @ exact, rtol=1e-9)
    ratio = float(det(kept) / det(precision(np.zeros(7))))
    assert spread.joint.log_det == pytest.approx(np.log(ratio), rel=1e-6)


@pytest.mark.parametrize("seed", [2, 1006])
def test_the_bound_is_right_where_columns_that_factors_tell_for_certain_are_missing(seed: int) -> None:
    """Little of P is left then, and P^-1 is ill-conditioned: wrong bounds fall, or let a step ahead go too far."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((80, 2))
    odds = 1.5 * latent @ rng.standard_normal((2, 30))
    bits = (odds > np.median(odds)) * 1.0
    bits[rng.random(bits.shape) < 0.3] = np.nan
    numbers = latent @ rng.standard_normal((2, 6)) + rng.standard_normal((80, 6))
    numbers[rng.random(numbers.shape) < 0.15] = np.nan
    z = latent @ rng.standard_normal((2, 24)) + rng.standard_t(3, (80, 24))
    z[rng.random(80) < 0.3] = np.nan
    embeddings = Embeddings({"z": z}, {}, {"bits": binary(bits), "x": RealEmbedding(numbers)}, ("z", "bits", "x"))
    bound = fit(embeddings.moments(), 20, local=embeddings, sweeps=100, copies={"bits": 10.0, "x": 4.0}).bound
    assert np.all(np.diff(bound) >= -1e-9 * np.abs(bound[:-1]))
