"""Counts by their logarithms, with the zeros that no count explains taken for missing entries."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

HALF = 0.5  # of a count, added so that 0 has a logarithm
STEPS = 60  # to the rate of a Poisson distribution, whose error they more than halve each


class LogCounts(nn.Module):
    """x -> log(x + 1/2); 0 is missing in the columns where it says more often that a count was lost than that it is 0.

    How deep each sample was counted adds the same to all of its logarithms, which is one more factor.

    Args:
        columns: D.
    """

    lost: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("lost", torch.zeros(columns, dtype=torch.bool))

    def fit(self, values: np.ndarray) -> None:
        """Look at the zeros of each column of the training samples, (R, D), NaN where an entry is missing."""
        self.lost.copy_(torch.from_numpy(lost_zeros(values) > 0.5))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The logarithms of counts (R, D), float64."""
        lost = (values == 0) & self.lost.cpu().numpy()
        return np.log(np.where(lost, np.nan, values) + HALF)

    def back(self, made: np.ndarray) -> np.ndarray:
        """The counts (R, D), where they are not lost."""
        return np.maximum(np.exp(made) - HALF, 0.0)

    def deviation(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Standard deviations (R, D) of the counts, where their logarithms are normal."""
        variance = np.square(deviation)
        return np.sqrt(np.expm1(variance)) * np.exp(mean + variance / 2)


def lost_zeros(values: np.ndarray) -> np.ndarray:
    """(D,) the probability that a 0 of each column is none of its negative binomial counts.

    The counts above 0 tell how many zeros belong to them, by the moments of a truncated negative binomial (Brass, 1958)
    or, where they vary no more than that, Poisson distribution. What zeros there are beyond is zero inflation.

    Args:
        values: (R, D) counts, NaN where one is missing.
    """
    found = np.zeros(values.shape[1])
    for column, x in enumerate(np.asarray(values, np.float64).T):
        x = x[~np.isnan(x)]
        above = x[x > 0]
        if len(above) > 1 and len(above) < len(x):
            expected = _expected_zeros(above)
            inflation = max((1 - len(above) / len(x) - expected) / (1 - expected), 0.0) if expected < 1 else 0.0
            found[column] = inflation / (inflation + (1 - inflation) * expected) if inflation else 0.0
    return found


def _expected_zeros(above: np.ndarray) -> float:
    """The share of counts that are 0, from those above 0."""
    mean, variance, ones = above.mean(), above.var(ddof=1), np.mean(above == 1)
    if variance > mean * (1 - ones):
        kept = mean / variance * (1 - ones)
        shape = (kept * mean - ones) / (1 - kept)
        return float(kept**shape) if shape > 0 else 1.0
    rate = mean
    for _ in range(STEPS):
        rate = mean * -np.expm1(-rate)
    return float(np.exp(-rate))
