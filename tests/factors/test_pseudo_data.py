"""Likelihoods as pseudo-data: the bound is one, it touches, and what is learned of a likelihood is the best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit, log_softmax
from scipy.stats import norm

from favae_cli.factors import FactorModel, Gamma, ViewFactors, fit
from favae_cli.factors.bernoulli import Bernoulli
from favae_cli.factors.bound import bound_terms
from favae_cli.factors.categorical import Softmax, contrasts
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.ordinal import CumulativeLogit, first_thresholds, level_probabilities
from favae_cli.factors.pseudo_data import Likelihood, PseudoData
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.updates import update_latents

GROUPS = (3, 2)


def one_hot_turned(*categories: int) -> np.ndarray:
    return np.concatenate(
        [np.eye(size)[kind] @ contrasts(size) for kind, size in zip(categories, GROUPS, strict=True)]
    )[None]


def bits() -> tuple[Likelihood, np.ndarray]:
    return Bernoulli(np.array([-2.0, 0.0, 0.4])), np.array([[1.0, 0.0, 1.0]])


def kinds() -> tuple[Likelihood, np.ndarray]:
    return Softmax(GROUPS, np.array([0.5, -1.0, 0.2])), one_hot_turned(2, 0)


def levels() -> tuple[Likelihood, np.ndarray]:
    cuts = [np.array([-1.5, 0.1, 0.7]), np.array([0.0]), np.array([-0.2, 2.0])]
    return CumulativeLogit(cuts), np.array([[1.0, 1.0, 2.0]])


each_likelihood = pytest.mark.parametrize("made", [bits, kinds, levels])


@each_likelihood
def test_gradient_is_that_of_the_density_and_curvature_bounds_it(
    made: Callable[[], tuple[Likelihood, np.ndarray]],
) -> None:
    likelihood, x = made()
    rng = np.random.default_rng(0)
    for _ in range(20):
        eta = 3 * rng.standard_normal((1, 3))
        slope = approx_fprime(eta[0], lambda at: likelihood.log_density(x, at[None]), 1e-6)
        np.testing.assert_allclose(likelihood.gradient(x, eta)[0], slope, atol=1e-5)
        hessian = approx_fprime(eta[0], lambda at: likelihood.gradient(x, at[None])[0], 1e-6)
        np.testing.assert_allclose(likelihood.curving(x, eta)[0], -np.diag(hessian), atol=1e-5)
        assert np.linalg.eigvalsh(likelihood.curvature * np.eye(3) + (hessian + hessian.T) / 2).min() > -1e-5


def test_densities_are_those_of_the_probabilities() -> None:
    x = np.array([[1.0, np.nan]])
    eta = np.array([[0.3, 5.0]])
    assert Bernoulli(-1.0).log_density(x, eta) == pytest.approx(np.log(expit(-0.7)))
    softmax, turned = kinds()
    logits = contrasts(3) @ np.array([0.6, -0.8])
    pair = contrasts(2) @ np.array([0.2 - 0.4])
    expected = log_softmax(logits)[2] + log_softmax(pair)[0]
    assert softmax.log_density(turned, np.array([[0.1, 0.2, -0.4]])) == pytest.approx(expected)
    turned[0, :2] = np.nan
    assert softmax.log_density(turned, np.array([[0.1, 0.2, -0.4]])) == pytest.approx(log_softmax(pair)[0])
    cuts = np.array([-1.0, 0.5, 2.0])
    p = level_probabilities(cuts, np.array([0.8]), np.zeros(1))[0]
    assert p.sum() == pytest.approx(1)
    for level in range(4):
        found = CumulativeLogit([cuts]).log_density(np.array([[float(level)]]), np.array([[0.8]]))
        assert found == pytest.approx(np.log(p[level]))


def known_weights(weights: np.ndarray, local: PseudoData) -> FactorModel:
    """One factor whose weights are certain."""
    size, tiny = len(weights), 1e-13
    view = ViewFactors(
        weights=weights,
        weights_cov=np.array([[tiny]]),
        bias=np.zeros(size),
        bias_var=tiny,
        noise=local.noise,
        ard=Gamma(1.0, np.ones(1)),
        count=1,
        usage=np.ones(1),
        variance=np.ones(size),
    )
    return FactorModel({"x": view})


@each_likelihood
@pytest.mark.parametrize("strength", [0.3, 1.5])
def test_bound_lies_below_the_marginal_likelihood(
    made: Callable[[], tuple[Likelihood, np.ndarray]], strength: float
) -> None:
    """Against log of the integral over g of p(x | W g) N(g), by brute force."""
    likelihood, x = made()
    weights = strength * np.array([[1.0], [-0.7], [0.5]])
    local = PseudoData(x, likelihood)
    evidence, model = Embeddings({}, {}, {"x": local}, ("x",)), known_weights(weights, local)
    evidence.settle(model, tolerance=1e-12, steps=1000)
    terms = bound_terms(model, update_latents(model, evidence.moments(model)))
    bound = terms["z/x"] + terms["g"] + local.log_likelihood() - likelihood.log_prior()

    g = np.linspace(-9, 9, 401)  # a sum at equal steps is as good as exact where a smooth density ends at nothing
    density = norm.logpdf(g) + [likelihood.log_density(x, (at * weights).T) for at in g]
    truth = np.log(np.trapezoid(np.exp(density), g))
    assert bound < truth
    chance = np.exp(density) / np.sum(np.exp(density))
    mean = chance @ g
    ((_, covariance),) = evidence.covariances(model)
    assert evidence.latents(model)[0, 0] == pytest.approx(mean, abs=0.1 * strength)
    assert np.ravel(covariance)[0] == pytest.approx(chance @ (g - mean) ** 2, rel=0.2)  # the bound alone: half of it
    assert bound == pytest.approx(truth, abs=0.03 if strength < 1 else 0.35)


def drawn_levels(seed: int, count: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers and the levels of two ordered variables that follow one factor; and the predictors of the levels."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((count, 1))
    numbers = latent @ rng.standard_normal((1, 4)) + 0.5 * rng.standard_normal((count, 4))
    eta = latent @ np.array([[2.5, -2.0]])
    noisy = eta + rng.logistic(size=eta.shape)
    return numbers, np.stack([np.digitize(noisy[:, 0], [-2, 2]), np.digitize(noisy[:, 1], [-1, 0, 3])], axis=1), eta


def test_thresholds_are_the_best_for_the_predictors() -> None:
    _, x, eta = drawn_levels(0)
    likelihood = CumulativeLogit([np.array([-0.5, 0.5]), np.array([-0.5, 0.0, 0.5])])

    def value(flat: np.ndarray) -> float:
        other = CumulativeLogit([flat[:2], flat[2:]])
        return other.log_density(x.astype(float), eta) + other.log_prior()

    for _ in range(5):
        likelihood.improve(x.astype(float), eta, np.asarray)
    found = np.concatenate(likelihood.thresholds)
    slope = approx_fprime(found, value, 1e-6)
    np.testing.assert_allclose(slope, 0, atol=0.02)
    np.testing.assert_allclose(found, [-2, 2, -1, 0, 3], atol=0.35)


def test_a_level_that_no_sample_has_keeps_a_place() -> None:
    counts = np.array([40, 0, 30])
    likelihood = CumulativeLogit([first_thresholds(counts)])
    x = np.repeat([0.0, 2.0], [40, 30])[:, None]
    for _ in range(5):
        likelihood.improve(x, np.zeros_like(x), np.asarray)
    p = level_probabilities(likelihood.thresholds[0], np.zeros(1), np.zeros(1))[0]
    assert 0 < p[1] < 0.02
    assert p[0] == pytest.approx(40.5 / 71.5, abs=1e-3)


def test_middle_levels_are_foretold_as_often_as_they_occur() -> None:
    """One logit a level against the rest would hardly ever answer with the middle one."""
    numbers, x, _ = drawn_levels(1, 1200)
    train, new = slice(600), slice(600, None)
    counts = [np.bincount(column[train]) for column in x.T]
    local = PseudoData(x[train], CumulativeLogit([first_thresholds(count) for count in counts]))
    evidence = Embeddings({}, {}, {"n": RealEmbedding(numbers[train]), "x": local}, ("n", "x"))
    model = fit(evidence.moments(), 4, sweeps=220, local=evidence)
    assert np.all(np.diff(model.bound) >= -1e-9 * np.abs(model.bound[:-1]))
    real = evidence.local["n"]
    assert isinstance(real, RealEmbedding)
    asked = Embeddings({}, {}, {"n": RealEmbedding(numbers[new] * real.scale)}, ("n",))
    mean, variance = asked.predict(model, "x")
    likelihood = local.likelihood
    assert isinstance(likelihood, CumulativeLogit)
    answered = []
    for column, cuts in enumerate(likelihood.thresholds):
        p = level_probabilities(cuts, mean[:, column], variance[:, column])
        np.testing.assert_allclose(p.mean(axis=0), counts[column] / 600, atol=0.03)
        answered.append(np.bincount(p.argmax(axis=1), minlength=len(cuts) + 1) / 600)
    assert answered[0][1] == pytest.approx(np.mean(x[new, 0] == 1), abs=0.15)


def test_categories_are_foretold_with_the_chance_that_they_have() -> None:
    rng = np.random.default_rng(3)
    latent = rng.standard_normal((1500, 2))
    numbers = latent @ rng.standard_normal((2, 6)) + 0.4 * rng.standard_normal((1500, 6))
    logits = latent @ (1.5 * rng.standard_normal((2, 4))) + np.array([1.0, 0, -0.5, -2])
    kind = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    x = np.eye(4)[kind] @ contrasts(4)
    train, new = slice(700), slice(700, None)
    local = PseudoData(x[train], Softmax((4,), np.log(np.bincount(kind[train])) @ contrasts(4)))
    evidence = Embeddings({}, {}, {"n": RealEmbedding(numbers[train]), "x": local}, ("n", "x"))
    model = fit(evidence.moments(), 5, sweeps=80, local=evidence)
    assert np.all(np.diff(model.bound) >= -1e-9 * np.abs(model.bound[:-1]))
    real = evidence.local["n"]
    assert isinstance(real, RealEmbedding)
    asked = Embeddings({}, {}, {"n": RealEmbedding(numbers[new] * real.scale)}, ("n",))
    softmax = local.likelihood
    assert isinstance(softmax, Softmax)
    eta = softmax.centre + asked.expect(model, "x")
    lost = -log_softmax(eta @ contrasts(4).T, axis=1)[np.arange(800), kind[new]].mean()
    best = -log_softmax(logits[new], axis=1)[np.arange(800), kind[new]].mean()
    assert lost < best + 0.08
