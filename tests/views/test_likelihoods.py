"""Likelihoods against scipy.stats, and what a missing entry must not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit
from scipy.stats.distributions import rv_frozen
from torch import Tensor

from favae_cli.views.count_likelihoods import NegativeBinomial, Poisson, ZeroInflated
from favae_cli.views.likelihoods import Bernoulli, Gaussian, Likelihood, PixelGaussian, Variance

ROWS, COLUMNS = 6, 3
RNG = np.random.default_rng(0)
REAL = (RNG.standard_normal((ROWS, COLUMNS)) * [1, 20, 0.01] + [0, 300, -5]).astype(np.float32)
BITS = (RNG.random((ROWS, COLUMNS)) < 0.5).astype(np.float32)
COUNTS = RNG.poisson([0.3, 8, 400], (ROWS, COLUMNS)).astype(np.float32)
OUTPUT = (RNG.standard_normal((ROWS, COLUMNS)) / 2).astype(np.float32)


def learned(likelihood: Likelihood, name: str) -> Tensor:
    """A parameter of the likelihood, set to what it could have learned."""
    parameter = dict(likelihood.named_parameters())[name]
    parameter.data = torch.tensor([-1.0, 0.5, 2.0]).reshape(parameter.shape)
    return parameter.detach()


def gaussian(variance: float | None) -> tuple[Likelihood, np.ndarray, rv_frozen, np.ndarray | float]:
    likelihood = Gaussian(variance or "learned", COLUMNS)
    likelihood.fit(REAL)
    mean, scale = REAL.mean(axis=0, dtype=float), REAL.std(axis=0, dtype=float)
    spread = variance or learned(likelihood, "noise.log_variance").exp().numpy() + 1e-4
    # Of the standardised data: their density is larger by their scale.
    return likelihood, REAL, stats.norm(mean + scale * OUTPUT, scale * np.sqrt(spread)), np.log(scale)


def bernoulli() -> tuple[Likelihood, np.ndarray, rv_frozen, np.ndarray | float]:
    return Bernoulli(), BITS, stats.bernoulli(1 / (1 + np.exp(-OUTPUT.astype(float)))), 0.0


def poisson() -> tuple[Likelihood, np.ndarray, rv_frozen, np.ndarray | float]:
    likelihood = Poisson(COLUMNS)
    likelihood.fit(COUNTS)
    return likelihood, COUNTS, stats.poisson(COUNTS.mean(axis=0, dtype=float) * np.exp(OUTPUT)), 0.0


def negative_binomial() -> tuple[Likelihood, np.ndarray, rv_frozen, np.ndarray | float]:
    likelihood = NegativeBinomial(COLUMNS)
    likelihood.fit(COUNTS)
    mean = COUNTS.mean(axis=0, dtype=float) * np.exp(OUTPUT)
    theta = learned(likelihood, "log_theta").exp().double().numpy()
    return likelihood, COUNTS, stats.nbinom(theta, theta / (theta + mean)), 0.0


class Inflated(stats.rv_discrete):  # type: ignore[misc]
    """0 in a share of the cases, else negative binomial."""

    def _pmf(self, x: np.ndarray, lost: np.ndarray, theta: np.ndarray, p: np.ndarray) -> np.ndarray:
        return lost * (x == 0) + (1 - lost) * stats.nbinom.pmf(x, theta, p)

    def _stats(self, lost: np.ndarray, theta: np.ndarray, p: np.ndarray) -> tuple[Any, ...]:
        mean, variance = stats.nbinom.stats(theta, p)
        squares = (1 - lost) * (variance + mean**2)
        return (1 - lost) * mean, squares - ((1 - lost) * mean) ** 2, None, None


def zero_inflated() -> tuple[Likelihood, np.ndarray, rv_frozen, np.ndarray | float]:
    likelihood = ZeroInflated(COLUMNS)
    likelihood.fit(COUNTS)
    theta = learned(likelihood, "log_theta").exp().double().numpy()
    lost = expit(learned(likelihood, "lost_logit").double().numpy())
    mean = np.exp(likelihood.offset.double().numpy() + OUTPUT)
    inflated = Inflated(name="inflated", shapes="lost, theta, p")
    return likelihood, COUNTS * (RNG.random(COUNTS.shape) < 0.7), inflated(lost, theta, theta / (theta + mean)), 0.0


CASES = {
    "fixed": lambda: gaussian(0.3),
    "learned": lambda: gaussian(None),
    "bernoulli": bernoulli,
    "poisson": poisson,
    "negative_binomial": negative_binomial,
    "zinb": zero_inflated,
}
Case = tuple[Likelihood, np.ndarray, rv_frozen, np.ndarray | float]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """A likelihood, data for it, what it says of them at OUTPUT, and what it counts more than that."""
    return CASES[request.param]()


def log_prob(expected: rv_frozen, values: np.ndarray) -> np.ndarray:
    return expected.logpdf(values) if hasattr(expected.dist, "pdf") else expected.logpmf(values)


def test_it_is_the_distribution_that_it_says(case: Case) -> None:
    likelihood, values, expected, more = case
    output = torch.from_numpy(OUTPUT)
    terms = log_prob(expected, values.astype(float)) + more
    np.testing.assert_allclose(
        likelihood.log_prob(torch.from_numpy(values), output).detach(), terms.sum(axis=1), rtol=1e-4
    )
    np.testing.assert_allclose(likelihood.mean(output).detach(), expected.mean(), rtol=1e-4)
    np.testing.assert_allclose(likelihood.variance(output).detach(), expected.var(), rtol=1e-4)


def test_a_missing_entry_adds_nothing_to_the_sum_and_nothing_to_any_gradient(case: Case) -> None:
    likelihood, values, expected, more = case
    holes = np.random.default_rng(1).random(values.shape) < 0.4
    output = torch.from_numpy(OUTPUT.copy()).requires_grad_()
    found = likelihood.log_prob(torch.from_numpy(np.where(holes, np.float32(np.nan), values)), output)
    terms = np.where(holes, 0, log_prob(expected, values.astype(float)) + more)
    np.testing.assert_allclose(found.detach(), terms.sum(axis=1), rtol=1e-4)

    found.sum().backward()
    assert output.grad is not None
    assert np.array_equal(output.grad.numpy() != 0, ~holes)
    assert all(bool(torch.isfinite(p.grad).all()) for p in likelihood.parameters() if p.grad is not None)


def test_all_missing_is_a_log_likelihood_of_zero(case: Case) -> None:
    likelihood, values, _, _ = case
    nothing = torch.full(values.shape, torch.nan)
    assert torch.equal(likelihood.log_prob(nothing, torch.from_numpy(OUTPUT)), torch.zeros(ROWS))


def test_gradients_are_those_of_the_log_likelihood(case: Case) -> None:
    likelihood, values, _, _ = case
    x = torch.from_numpy(values).double()
    likelihood.double()
    output = torch.from_numpy(OUTPUT).double().requires_grad_()
    likelihood.log_prob(x, output).sum().backward()
    step = 1e-3
    for i in range(COLUMNS):
        shifted = [output.detach() + side * step * torch.eye(COLUMNS)[i] for side in (1, -1)]
        up, down = (likelihood.log_prob(x, at).detach().double() for at in shifted)
        np.testing.assert_allclose(output.grad[:, i], (up - down) / (2 * step), rtol=5e-2, atol=5e-3)


@pytest.mark.parametrize("variance", [0.02, "learned"])
def test_pixels_lie_around_a_sigmoid_with_a_learned_variance_for_each_channel(variance: Variance) -> None:
    likelihood = PixelGaussian(variance, COLUMNS)
    spread = np.full(COLUMNS, 0.02)
    if variance == "learned":
        spread = learned(likelihood, "noise.log_variance").exp().numpy().ravel() + 1e-4
    generator = torch.Generator().manual_seed(0)
    x, output = torch.rand(4, COLUMNS, 5, 2, generator=generator), torch.randn(4, COLUMNS, 5, 2, generator=generator)
    expected = stats.norm(torch.sigmoid(output), np.sqrt(spread)[:, None, None])
    np.testing.assert_allclose(
        likelihood.log_prob(x, output).detach(), expected.logpdf(x).sum(axis=(1, 2, 3)), rtol=1e-4
    )
    np.testing.assert_allclose(likelihood.mean(output), expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(likelihood.variance(output).detach(), expected.var(), rtol=1e-4)


def test_a_dispersion_begins_at_what_the_counts_vary_more_than_their_rates() -> None:
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(2, 0.7, (4000, 3)))
    gamma = np.stack([rng.gamma(4.0, rates[:, 0] / 4.0), rng.gamma(0.5, rates[:, 1] / 0.5), rates[:, 2]], axis=1)
    counts = rng.poisson(gamma).astype(float)
    counts[::7] = np.nan
    likelihood = NegativeBinomial(3)
    likelihood.start_around(counts, rates)
    theta = likelihood.log_theta.exp().detach().numpy()
    np.testing.assert_allclose(theta[:2], [4.0, 0.5], rtol=0.2)
    assert theta[2] > 30  # as good as a Poisson distribution


def test_the_share_that_is_lost_begins_at_the_zeros_that_the_other_counts_do_not_explain() -> None:
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(4.0, 4.0 / (4.0 + np.array([20.0, 20.0, 1.0])), (4000, 3)).astype(float)
    lost = rng.random(counts.shape) < [0.4, 0.0, 0.0]
    likelihood = ZeroInflated(3)
    likelihood.fit(np.where(lost, 0, counts))
    found = likelihood.lost_logit.sigmoid().detach().numpy()
    np.testing.assert_allclose(found, [0.4, 0.01, 0.01], atol=0.06)
    np.testing.assert_allclose(likelihood.offset.exp(), counts.mean(axis=0), rtol=0.1)  # of what was not lost


def best_after(likelihood: Likelihood, x: Tensor, output: Tensor, steps: int = 400) -> None:
    """Train the likelihood's own parameters on x."""
    optimizer = torch.optim.Adam(likelihood.parameters(), 0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (-likelihood.log_prob(x, output).mean()).backward()
        optimizer.step()


def test_a_learned_variance_becomes_that_of_the_errors() -> None:
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((500, 2)) * [0.2, 3]).float()
    likelihood = Gaussian("learned", 2)  # not fitted: in the data's units
    best_after(likelihood, x, torch.zeros_like(x))
    expected = x.double().square().mean(0).expand(500, 2)
    torch.testing.assert_close(likelihood.variance(torch.zeros_like(x)).detach(), expected, rtol=0.02, atol=0)


@pytest.mark.slow
def test_the_learned_dispersion_is_the_one_that_was_planted() -> None:
    theta, mean = np.array([0.5, 5.0]), np.array([3.0, 40.0])
    counts = np.random.default_rng(0).negative_binomial(theta, theta / (theta + mean), (4000, 2)).astype(np.float32)
    likelihood = NegativeBinomial(2)
    likelihood.fit(counts)
    best_after(likelihood, torch.from_numpy(counts), torch.zeros(4000, 2), 150)
    np.testing.assert_allclose(likelihood.log_theta.detach().exp(), theta, rtol=0.1)


def test_a_column_that_does_not_vary_keeps_the_learned_variance_from_zero() -> None:
    likelihood = Gaussian("learned", 1)
    x = torch.full((10, 1), 0.1)
    likelihood.fit(x.numpy())
    best_after(likelihood, x, torch.zeros_like(x), 500)
    assert likelihood.variance(torch.zeros(1, 1)).item() == pytest.approx(1e-4, rel=0.1)


@pytest.mark.parametrize("family", [Poisson, NegativeBinomial])
def test_columns_without_a_count_and_far_outputs_stay_finite(family: Callable[[int], Likelihood]) -> None:
    likelihood = family(3)
    counts = np.array([[0, np.nan, 1e6], [0, np.nan, 2e6]], np.float32)
    likelihood.fit(counts)
    for far in (-300.0, 300.0):
        output = torch.full((2, 3), far, requires_grad=True)
        found = likelihood.log_prob(torch.from_numpy(counts), output)
        found.sum().backward()
        moments = likelihood.mean(output), likelihood.variance(output)
        for values in (found, output.grad, *moments):
            assert torch.isfinite(values).all()
    # Nearly as few as were seen, and not none: a count is not impossible.
    assert 0 < likelihood.mean(torch.zeros(1, 3))[0, 0] < 0.5


def test_large_counts_keep_their_digits() -> None:
    """In float32 the logarithms of the factorials alone would err by more than a nat."""
    likelihood = Poisson(1)
    counts = np.array([[3_000_000.0], [3_001_000.0]], np.float32)
    likelihood.fit(counts)
    expected = stats.poisson(3_000_500.0).logpmf(counts.ravel().astype(float))
    offset = likelihood.offset.double().exp().item() / 3_000_500.0
    assert offset == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(likelihood.log_prob(torch.from_numpy(counts), torch.zeros(2, 1)), expected, rtol=2e-2)
