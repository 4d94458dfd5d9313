"""Scales of columns: counts by their logarithms, which of their zeros are missing, and the way back."""

import numpy as np
import pytest

from favae_cli.views.scales import Counts, lost_zeros

DRAWS = 4000


def negative_binomial(mean: float, shape: float, lost: float, rng: np.random.Generator) -> np.ndarray:
    counts = rng.poisson(mean * rng.gamma(shape, 1 / shape, DRAWS))
    return np.where(rng.random(DRAWS) < lost, 0, counts).astype(float)


@pytest.mark.parametrize(("mean", "shape", "lost"), [(20.0, 2.0, 0.5), (8.0, 1.5, 0.3), (4.0, 50.0, 0.2)])
def test_a_zero_is_as_probably_lost_as_it_was_planted(mean: float, shape: float, lost: float) -> None:
    counts = negative_binomial(mean, shape, lost, np.random.default_rng(0))
    zero = (shape / (shape + mean)) ** shape
    truth = lost / (lost + (1 - lost) * zero)
    assert lost_zeros(counts[:, None])[0] == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize(("mean", "shape"), [(0.7, 1.0), (3.0, 0.8), (2.0, 1e6), (0.3, 1e6)])
def test_counts_that_explain_their_zeros_lose_none(mean: float, shape: float) -> None:
    counts = negative_binomial(mean, shape, 0.0, np.random.default_rng(1))
    assert lost_zeros(counts[:, None])[0] < 0.25


def test_columns_without_anything_to_tell_lose_no_zeros() -> None:
    columns = np.array([[0, 5, np.nan, 0, 1], [0, 7, np.nan, 3, 1], [0, 5, np.nan, np.nan, 0]], float)
    assert not lost_zeros(columns).any()


def test_only_zeros_of_inflated_columns_are_missing() -> None:
    rng = np.random.default_rng(2)
    values = np.stack([negative_binomial(30, 3, 0.5, rng), negative_binomial(1, 1, 0, rng)], axis=1)
    values[7, 1] = np.nan
    logs = Counts(2)
    logs.fit(values)
    made = logs(values)
    np.testing.assert_array_equal(np.isnan(made[:, 0]), values[:, 0] == 0)
    np.testing.assert_array_equal(np.isnan(made[:, 1]), np.isnan(values[:, 1]))
    seen = ~np.isnan(made)
    np.testing.assert_allclose(logs.back(made)[seen], values[seen], atol=1e-9)
