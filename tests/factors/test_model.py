"""Posterior queries against dense linear algebra on the joint Gaussian, and what a fitted model offers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import chi2

from favae_cli.factors import FactorModel, Gamma, Moments, ViewFactors, fit

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

Arrays = dict[str, np.ndarray]
Fitted = tuple[FactorModel, Arrays]

SIZES = {"a": 4, "b": 3}
FACTORS = 2


def known_model(weights_spread: float = 0.0) -> FactorModel:
    """W, b and tau known exactly, unless W is given a variance."""
    rng = np.random.default_rng(0)
    views = {}
    for view, size in SIZES.items():
        views[view] = ViewFactors(
            weights=rng.standard_normal((size, FACTORS)),
            weights_cov=weights_spread * np.eye(FACTORS),
            bias=rng.standard_normal(size),
            bias_var=0.0,
            noise=Gamma(2.0, np.asarray(rng.uniform(0.5, 2.0))),
            ard=Gamma(1.0, np.ones(FACTORS)),
            count=10,
            usage=np.full(FACTORS, 10.0),
            variance=np.ones(size),
        )
    return FactorModel(views)


def joint(model: FactorModel) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Mean and covariance of (g, z^a, z^b), and where each part lies in it."""
    mapping = np.concatenate([np.eye(FACTORS), *(view.weights for view in model.views.values())])
    noise = np.concatenate([np.zeros(FACTORS), *(np.full(v.size, 1 / v.tau) for v in model.views.values())])
    mean = np.concatenate([np.zeros(FACTORS), *(view.bias for view in model.views.values())])
    places = np.split(np.arange(len(mean)), [FACTORS, FACTORS + SIZES["a"]])
    return mean, mapping @ mapping.T + np.diag(noise), dict(zip(("g", "a", "b"), places, strict=True))


def conditioned(model: FactorModel, wanted: str, observed: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean (N, .) and covariance of a part of the joint Gaussian given others."""
    mean, covariance, place = joint(model)
    here = place[wanted]
    there = np.concatenate([place[view] for view in observed])
    gain = covariance[np.ix_(here, there)] @ np.linalg.inv(covariance[np.ix_(there, there)])
    offset = np.concatenate(list(observed.values()), axis=1) - mean[there]
    left = covariance[np.ix_(here, here)] - gain @ covariance[np.ix_(there, here)]
    return mean[here] + offset @ gain.T, left


@pytest.fixture
def samples() -> Arrays:
    rng = np.random.default_rng(1)
    return {view: rng.standard_normal((5, size)) for view, size in SIZES.items()}


@pytest.mark.parametrize("pattern", [("a",), ("b",), ("a", "b")])
def test_posterior_of_g_is_the_conditional_of_the_joint_gaussian(samples: Arrays, pattern: tuple[str, ...]) -> None:
    model = known_model()
    observed = {view: samples[view] for view in pattern}
    mean, covariance = model.posterior(observed)
    expected_mean, expected_covariance = conditioned(model, "g", observed)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-12)
    np.testing.assert_allclose(covariance, expected_covariance, atol=1e-12)


def test_posterior_handles_each_sample_by_the_views_it_has(samples: Arrays) -> None:
    model = known_model()
    mixed = {view: table.copy() for view, table in samples.items()}
    mixed["a"][[0, 3]] = np.nan
    mixed["b"][1] = np.nan
    mean, covariance = model.posterior(mixed)
    assert covariance.shape == (5, FACTORS, FACTORS)
    for row, pattern in enumerate([("b",), ("a",), ("a", "b"), ("b",), ("a", "b")]):
        alone = {view: samples[view][[row]] for view in pattern}
        expected_mean, expected_covariance = model.posterior(alone)
        np.testing.assert_allclose(mean[[row]], expected_mean, atol=1e-12)
        np.testing.assert_allclose(covariance[row], expected_covariance, atol=1e-12)


@pytest.mark.parametrize(("given", "missing"), [("a", "b"), ("b", "a")])
def test_prediction_of_a_missing_view_is_its_conditional(samples: Arrays, given: str, missing: str) -> None:
    model = known_model()
    observed = {given: samples[given]}
    mean, variance = model.predict(missing, *model.posterior(observed))
    expected_mean, expected_covariance = conditioned(model, missing, observed)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-12)
    np.testing.assert_allclose(variance, np.tile(np.diag(expected_covariance), (5, 1)), atol=1e-12)


def test_prediction_counts_the_uncertainty_of_weights_and_bias() -> None:
    """Against Monte Carlo over W, b, g and the noise."""
    model = known_model(weights_spread=0.3)
    model = replace(model, views={name: replace(view, bias_var=0.2) for name, view in model.views.items()})
    view, rng, draws = model.views["a"], np.random.default_rng(2), 400_000
    mean, covariance = np.array([[0.5, -1.0]]), np.array([[0.4, 0.1], [0.1, 0.2]])
    latent = rng.multivariate_normal(mean[0], covariance, draws)
    weights = view.weights[0] + np.sqrt(0.3) * rng.standard_normal((draws, FACTORS))
    bias = view.bias[0] + np.sqrt(0.2) * rng.standard_normal(draws)
    drawn = (weights * latent).sum(axis=1) + bias + rng.standard_normal(draws) / np.sqrt(view.tau)
    predicted_mean, predicted_variance = model.predict("a", mean, covariance)
    assert predicted_mean[0, 0] == pytest.approx(drawn.mean(), abs=0.01)
    assert predicted_variance[0, 0] == pytest.approx(drawn.var(), rel=0.01)


def test_uncertain_weights_widen_the_precision_of_g() -> None:
    """Sigma_G^-1 = I + tau (W^T W + D Sigma_W)."""
    model = known_model(weights_spread=0.3)
    view = model.views["a"]
    _, covariance = model.posterior({"a": np.zeros((1, SIZES["a"]))})
    gram = view.weights.T @ view.weights + SIZES["a"] * 0.3 * np.eye(FACTORS)
    precision = np.eye(FACTORS) + view.tau * gram
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), atol=1e-12)


def test_two_copies_of_a_view_count_as_if_seen_twice(samples: Arrays) -> None:
    model = known_model()
    copied = replace(model, views=model.views | {"a": replace(model.views["a"], copies=2.0)})
    sharper = Gamma(2 * model.views["a"].noise.shape, model.views["a"].noise.rate)
    doubled = replace(model, views=model.views | {"a": replace(model.views["a"], noise=sharper)})
    for found, expected in zip(copied.posterior(samples), doubled.posterior(samples), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_unknown_view_is_named(samples: Arrays) -> None:
    with pytest.raises(KeyError, match="no view 'c'; the model has a, b"):
        known_model().posterior({"a": samples["a"], "c": samples["b"]})


@pytest.fixture(scope="module")
def fitted(plant: Plant) -> Fitted:
    planted = plant(4, 1000, {"a": 10, "b": 8}, 4)
    return fit(Moments.from_arrays(planted.arrays), factors=15, seed=0), planted.arrays


def test_fitted_model_offers_what_its_users_script_against(fitted: Fitted) -> None:
    model, arrays = fitted
    factors = model.factors
    for view, table in arrays.items():
        assert model.weights[view].shape == (table.shape[1], factors)
        assert model.noise_precision[view] == pytest.approx(1.0, rel=0.1)
        assert model.relevance[view].shape == model.active[view].shape == (factors,)
        assert model.active[view].dtype == bool
        np.testing.assert_array_equal(model.relevance[view] > 1e-3, model.active[view])
    assert len(model.bound) > 1
    mean, covariance = model.posterior({"a": arrays["a"]})
    assert mean.shape == (1000, factors)
    assert covariance.shape == (factors, factors)


def test_relevance_is_the_share_of_variance_that_factors_explain(fitted: Fitted) -> None:
    model, arrays = fitted
    for view, table in arrays.items():
        noise = np.mean(1 / model.noise_precision[view] / table.var(axis=0))
        assert model.relevance[view].sum() == pytest.approx(1 - noise, abs=0.02)


def test_every_factor_is_private_to_one_view_or_shared(fitted: Fitted) -> None:
    model, _ = fitted
    kinds = np.stack([model.shared(), model.private("a"), model.private("b")])
    np.testing.assert_array_equal(kinds.sum(axis=0), 1)


def test_one_view_predicts_the_other(fitted: Fitted) -> None:
    model, arrays = fitted
    mean, variance = model.predict("b", *model.posterior({"a": arrays["a"]}))
    error = (arrays["b"] - mean) ** 2
    assert error.mean() < arrays["b"].var(axis=0).mean()
    assert (error / variance).mean() == pytest.approx(1.0, abs=0.05)


def test_selected_factors_keep_their_place_in_every_view(fitted: Fitted) -> None:
    model, arrays = fitted
    chosen = np.array([2, 0])
    part = model.select(chosen)
    assert part.factors == 2
    for view in arrays:
        np.testing.assert_array_equal(part.weights[view], model.weights[view][:, chosen])
        np.testing.assert_allclose(part.relevance[view], model.relevance[view][chosen], rtol=1e-12)
        np.testing.assert_array_equal(part.active[view], model.active[view][chosen])


# Draws

COVARIANCE = np.array([[0.4, 0.1], [0.1, 0.2]])


def drawn(model: FactorModel, mean: np.ndarray, seed: int = 3) -> np.ndarray:
    return model.sample("a", mean, COVARIANCE, np.random.default_rng(seed))


def within_chance(squares: np.ndarray, variance: np.ndarray, draws: int) -> np.ndarray:
    """Whether sums of squares of so many independent draws suit the variance, but for one case in 10^6."""
    low, high = chi2.ppf([5e-7, 1 - 5e-7], draws)
    return (squares >= low * variance) & (squares <= high * variance)


@pytest.mark.parametrize("precision", [0.04, 1.0, 25.0])
def test_draws_spread_as_g_and_the_noise_do(precision: float) -> None:
    """Var z = 1/tau + diag(W Sigma W'): with sqrt(tau) for 1/sqrt(tau) it would not but at tau = 1."""
    model, count = known_model(), 4000
    part = replace(model.views["a"], noise=Gamma(2.0, np.asarray(2 / precision)))
    mean = np.random.default_rng(4).standard_normal((count, FACTORS))
    z = drawn(replace(model, views=model.views | {"a": part}), mean)
    around = z - mean @ part.weights.T - part.bias
    expected = part.weights @ COVARIANCE @ part.weights.T + np.eye(part.size) / precision
    assert within_chance(np.square(around).sum(axis=0), np.diag(expected), count).all()
    # In any direction, along the factors' and across them.
    directions = np.linalg.svd(part.weights)[0]
    along = np.square(around @ directions).sum(axis=0)
    assert within_chance(along, np.diag(directions.T @ expected @ directions), count).all()
    assert not within_chance(along, np.diag(directions.T @ expected @ directions) * 1.3, count).any()


def test_every_draw_has_noise_and_factors_of_its_own() -> None:
    model, count = known_model(), 4000
    part, mean = model.views["a"], np.zeros((4000, FACTORS))
    around = drawn(model, mean) - part.bias
    # Half the squared difference of two draws has their variance, and none if they shared a part of it.
    halves = (around[0::2] - around[1::2]) / np.sqrt(2)
    expected = np.diag(part.weights @ COVARIANCE @ part.weights.T) + 1 / part.tau
    assert within_chance(np.square(halves).sum(axis=0), expected, count // 2).all()
    correlation = np.corrcoef(around[1:, 0], around[:-1, 0])[0, 1]
    assert abs(correlation) < 5 / np.sqrt(count)
    assert len(np.unique(around[:, 0])) == count


def test_the_mean_of_the_draws_is_the_views_mean_and_a_seed_gives_them_again() -> None:
    model, mean = known_model(), np.array([[2.0, -1.0]])
    part, count = model.views["a"], 4000
    z = drawn(model, np.repeat(mean, count, axis=0))
    error = np.sqrt((np.diag(part.weights @ COVARIANCE @ part.weights.T) + 1 / part.tau) / count)
    assert (np.abs(z.mean(axis=0) - (mean[0] @ part.weights.T + part.bias)) < 5 * error).all()
    assert np.array_equal(drawn(model, np.repeat(mean, count, axis=0)), z)
    assert not np.array_equal(drawn(model, np.repeat(mean, count, axis=0), seed=5), z)
