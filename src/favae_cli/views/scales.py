"""Scales on which columns are modelled in place of their own: logarithms, ranks, counts."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor, nn

KNOTS = 257  # quantiles of the training samples that a column of ranks keeps
HALF = 0.5  # of a count, added so that 0 has a logarithm
STEPS = 60  # to the rate of a Poisson distribution


class Log(nn.Module):
    """x -> log(offset + x).

    Args:
        offset: all x are greater than its negative.
    """

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.offset = offset

    def fit(self, values: np.ndarray) -> None:
        """Nothing."""

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Of x (R, P), NaN where one is missing."""
        found: np.ndarray = np.log(values + self.offset)
        return found

    def back(self, made: np.ndarray) -> np.ndarray:
        """x (R, P) again."""
        found: np.ndarray = np.exp(made) - self.offset
        return found


class Counts(Log):
    """log(1/2 + x) of counts; a 0 is missing where it says more often that a count was lost than that there was none.

    How deeply each sample was counted adds the same to all of its logarithms, so it is one more factor.

    Args:
        columns: P, how many have it.
    """

    lost: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__(HALF)
        self.register_buffer("lost", torch.zeros(columns, dtype=torch.bool))

    def fit(self, values: np.ndarray) -> None:
        """Look at the zeros of each column of the training samples."""
        self.lost.copy_(torch.from_numpy(lost_zeros(values) > 0.5))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Of counts (R, P), NaN where one is missing."""
        return super().__call__(np.where((values == 0) & self.lost.cpu().numpy(), np.nan, values))

    def back(self, made: np.ndarray) -> np.ndarray:
        """What was counted where it was not lost, (R, P)."""
        return np.maximum(super().back(made), 0.0)


class Rank(nn.Module):
    """x -> the normal deviate of its rank among the training samples.

    Args:
        columns: P, how many have it.
    """

    knots: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("knots", torch.zeros(columns, KNOTS, dtype=torch.float64))

    def fit(self, values: np.ndarray) -> None:
        """Keep quantiles of each column of the training samples."""
        for knots, column in zip(self.knots, values.T, strict=True):
            seen = column[~np.isnan(column)].astype(np.float64)
            if len(seen):
                knots.copy_(torch.from_numpy(np.quantile(seen, np.linspace(0, 1, KNOTS))))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Of x (R, P), NaN where one is missing; of what is beyond all quantiles as of the last."""
        return np.stack([_deviates(*one) for one in zip(values.T, self._quantiles(), strict=True)], axis=1)

    def back(self, made: np.ndarray) -> np.ndarray:
        """x (R, P) again, within the training samples."""
        grid = np.linspace(0, 1, KNOTS)
        each = zip(ndtr(made).T, self._quantiles(), strict=True)
        return np.stack([np.interp(share, grid, known) for share, known in each], axis=1)

    def _quantiles(self) -> np.ndarray:
        found: np.ndarray = self.knots.cpu().numpy()
        return found


def _deviates(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Of values (R,) among quantiles; of several quantiles that are alike the middle."""
    grid = np.linspace(0, 1, KNOTS)
    distinct, first = np.unique(known, return_index=True)
    last = len(known) - 1 - np.unique(known[::-1], return_index=True)[1]
    share = np.interp(values, distinct, (grid[first] + grid[last]) / 2)
    edge = 0.5 / KNOTS
    deviates: np.ndarray = ndtri(np.clip(share, edge, 1 - edge))
    return np.where(np.isnan(values), np.nan, deviates)


def lost_zeros(values: np.ndarray) -> np.ndarray:
    """(P,) the probability that a 0 of each column is none of its counts: zero inflation.

    The counts above 0 tell how many zeros belong to them, by the moments of a truncated negative binomial (Brass, 1958)
    or, where they vary less, Poisson distribution.

    Args:
        values: (R, P) counts, NaN where one is missing.
    """
    found = np.zeros(values.shape[1])
    for column, x in enumerate(np.asarray(values, np.float64).T):
        seen = x[~np.isnan(x)]
        above = seen[seen > 0]
        if 1 < len(above) < len(seen):
            own, zeros = _own_zeros(above), 1 - len(above) / len(seen)
            if zeros > own:
                inflation = (zeros - own) / (1 - own)
                found[column] = inflation / zeros
    return found


def _own_zeros(above: np.ndarray) -> float:
    """The share of all counts that are 0, from those above 0."""
    mean, variance, ones = above.mean(), above.var(ddof=1), np.mean(above == 1)
    if variance > mean * (1 - ones):
        kept = mean / variance * (1 - ones)
        shape = (kept * mean - ones) / (1 - kept)
        return float(kept**shape) if shape > 0 else 1.0
    rate = mean
    for _ in range(STEPS):
        rate = mean * -np.expm1(-rate)
    return float(np.exp(-rate))
