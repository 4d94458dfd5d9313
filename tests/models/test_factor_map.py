"""The map that gradients pass through is the factor model's own answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from favae_cli.factors import FactorModel, Moments, ViewFactors, fit
from favae_cli.models.factor_map import FactorMap

CPU = torch.device("cpu")
GIVEN = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 1, 0]], bool)
Known = Callable[[np.ndarray, np.ndarray, float], ViewFactors]


@pytest.fixture(scope="module")
def embeddings() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(200, 2))
    return {
        name: latent @ rng.normal(size=(2, size)) + 0.3 * rng.normal(size=(200, size)) + 1
        for name, size in (("a", 3), ("b", 4), ("c", 2))
    }


@pytest.fixture(scope="module")
def factors(embeddings: dict[str, np.ndarray]) -> FactorModel:
    return fit(Moments.from_arrays(embeddings), factors=3, seed=0, copies={"c": 2.0})


def tensors(embeddings: dict[str, np.ndarray], count: int) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(z[:count], dtype=torch.float32) for name, z in embeddings.items()}


def test_it_answers_as_the_factor_model_does(factors: FactorModel, embeddings: dict[str, np.ndarray]) -> None:
    asked = np.random.default_rng(1).integers(0, len(GIVEN), (30, 3))
    through = FactorMap(factors, GIVEN, CPU)
    found = through.expected(tensors(embeddings, 30), torch.from_numpy(asked))
    for target, name in enumerate(factors.views):
        for sample in range(30):
            given = [view for view, here in zip(factors.views, GIVEN[asked[sample, target]], strict=True) if here]
            if given:
                mean, covariance = factors.posterior({view: embeddings[view][[sample]] for view in given})
            else:
                mean, covariance = np.zeros((1, factors.factors)), np.eye(factors.factors)
            expected, _ = factors.predict(name, mean, covariance)
            np.testing.assert_allclose(found[name][sample].numpy(), expected[0], rtol=1e-4, atol=1e-5)


def test_it_is_the_conditional_mean_of_the_joint_gaussian(known_factors: Known) -> None:
    rng = np.random.default_rng(2)
    parts = {
        name: known_factors(rng.normal(size=(size, 2)), rng.normal(size=size), 3.0)
        for name, size in (("a", 3), ("b", 4), ("c", 2))
    }
    z = {name: rng.normal(size=(1, part.size)) for name, part in parts.items()}
    weights = np.concatenate([part.weights for part in parts.values()])
    covariance, bias = weights @ weights.T + np.eye(9) / 3.0, np.concatenate([part.bias for part in parts.values()])
    seen, target = np.r_[3:9], np.r_[0:3]  # b and c given, a asked for
    stacked = np.concatenate([value[0] for value in z.values()])
    expected = bias[target] + covariance[np.ix_(target, seen)] @ np.linalg.solve(
        covariance[np.ix_(seen, seen)], stacked[seen] - bias[seen]
    )
    asked = torch.tensor([[2, 0, 0]])
    through = FactorMap(FactorModel(parts), GIVEN, CPU)
    np.testing.assert_allclose(through.expected(tensors(z, 1), asked)["a"][0].numpy(), expected, rtol=1e-3, atol=1e-4)
    left = covariance[np.ix_(target, target)] - covariance[np.ix_(target, seen)] @ np.linalg.solve(
        covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, target)]
    )
    np.testing.assert_allclose(through.variance("a", asked[:, 0])[0].numpy(), np.diag(left), rtol=1e-3)


def test_gradients_reach_the_given_views_alone(factors: FactorModel, embeddings: dict[str, np.ndarray]) -> None:
    means = {name: value.requires_grad_() for name, value in tensors(embeddings, 5).items()}
    found = FactorMap(factors, GIVEN, CPU).expected(means, torch.ones(5, 3, dtype=torch.int64))
    found["a"].square().sum().backward()
    assert means["b"].grad is not None
    assert means["b"].grad.abs().sum() > 0
    assert all(means[name].grad is None or not means[name].grad.any() for name in ("a", "c"))


def test_sets_count_by_the_share_of_the_variance_that_they_tell(known_factors: Known) -> None:
    """Of one factor, of weights 1, b leaves 1 / (1 + 4 tau), b, c 1 / (1 + 6 tau), a, b 1 / (1 + 7 tau)."""
    parts = {
        name: known_factors(np.ones((size, 1)), np.zeros(size), 0.1) for name, size in (("a", 3), ("b", 4), ("c", 2))
    }
    parts = {name: replace(part, weights_cov=np.zeros((1, 1)), bias_var=0.0) for name, part in parts.items()}
    asked = torch.tensor([0, 1, 2])  # nothing, b, b and c
    told = FactorMap(FactorModel(parts), GIVEN, CPU).told("a", asked)
    np.testing.assert_allclose(told, np.array([0, 0.4 / 1.4, 0.6 / 1.6]) / (0.7 / 1.7), rtol=1e-5)
