"""What a prediction of a table is worth: its log-likelihood, where z is uncertain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from favae_cli.views import BernoulliView, CategoricalView, OrdinalView, RealView


@pytest.fixture
def predicted() -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of z, each (50, 5)."""
    rng = np.random.default_rng(0)
    return torch.tensor(rng.normal(0, 2, (50, 5))), torch.tensor(rng.uniform(0.1, 3, (50, 5)))


def test_of_bits_it_is_that_of_the_decoded_probabilities(predicted: tuple[torch.Tensor, torch.Tensor]) -> None:
    mean, variance = predicted
    x = torch.tensor(np.random.default_rng(1).integers(0, 2, (50, 5)).astype(float))
    x[::3, 1] = torch.nan
    p = BernoulliView(5).decode(mean.numpy(), variance.numpy())
    terms = np.where(x == 1, np.log(p), np.log1p(-p))
    expected = np.where(np.isnan(x.numpy()), 0, terms).sum(1)
    found = BernoulliView(5).log_likelihood(x, mean, variance)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0.1, atol=0.1)  # the logit is nearly the one
    exact = BernoulliView(5).log_likelihood(x, mean, torch.zeros_like(variance))
    p = 1 / (1 + np.exp(-mean.numpy()))
    expected = np.where(np.isnan(x.numpy()), 0, np.where(x == 1, np.log(p), np.log1p(-p))).sum(1)
    np.testing.assert_allclose(exact.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("kind", "groups"), [(CategoricalView, (3, 2)), (OrdinalView, (4, 3))])
def test_of_categories_and_levels_it_is_that_of_the_decoded_probabilities(
    kind: type[CategoricalView | OrdinalView], groups: tuple[int, int], predicted: tuple[torch.Tensor, torch.Tensor]
) -> None:
    view, (size, other) = kind(groups), groups
    mean, variance = (part[:, : view.size] for part in predicted)
    x, first, second = np.zeros((50, size + other)), np.arange(50) % size, np.arange(50) % other
    x[np.arange(50), first] = x[np.arange(50), size + second] = 1
    view.fit(x[:40])
    x[7, size:] = np.nan
    seen = torch.tensor(view.local(x).x)
    for spread, nearly in ((torch.zeros_like(variance), 1e-6), (variance, 0.2)):
        p = view.decode(mean.numpy(), spread.numpy())
        np.testing.assert_allclose(p[:, :size].sum(axis=1), 1)
        both = np.where(np.arange(50) == 7, 0, np.log(p[np.arange(50), size + second]))
        expected = np.log(p[np.arange(50), first]) + both
        np.testing.assert_allclose(view.log_likelihood(seen, mean, spread).numpy(), expected, rtol=nearly, atol=nearly)


def test_of_real_columns_it_is_the_normal_one(predicted: tuple[torch.Tensor, torch.Tensor]) -> None:
    mean, variance = predicted
    x = torch.tensor(np.random.default_rng(2).normal(size=(50, 5)))
    x[2, 3] = torch.nan
    expected = np.nansum(norm.logpdf(x.numpy(), mean.numpy(), np.sqrt(variance.numpy())), axis=1)
    np.testing.assert_allclose(RealView(5).log_likelihood(x, mean, variance).numpy(), expected, rtol=1e-6)
