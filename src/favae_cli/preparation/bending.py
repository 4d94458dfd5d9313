"""Whether numbers bend: whether neighbours tell them from each other better than lines do, as a network might."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsRegressor

from favae_cli.data import Dataset
from favae_cli.data.dataset import some
from favae_cli.preparation.check_presence import FEW_FOR_NETWORK

TRAINED = 0.7  # share of the rows
ENOUGH = 2000  # training samples from which a network learns what bends; with 750 and 1,347 it told no more than lines
MARGIN = 0.05  # of the variance, that neighbours tell more where a network told more than lines
ROWS, COLUMNS = 2000, 200  # looked at, at most
WIDE = 1000  # columns, of more than which factors may take so long that a network is worth its own time
FEWEST = 10  # rows to learn from, and to judge by
NEIGHBOURS = 10
PENALTIES = np.logspace(-1, 5, 7)


class Told(NamedTuple):
    """Shares of the variance that are told of one half of the columns from the other, in rows not learned from."""

    by_lines: float
    by_neighbours: float

    @property
    def bends(self) -> bool:
        """Whether a network has something to learn that lines do not say."""
        return self.by_neighbours > max(self.by_lines, 0.0) + MARGIN


def told(values: np.ndarray, groups: np.ndarray | None = None) -> Told | None:
    """By ridge regression and by nearest neighbours, learned from three in four rows or groups, judged by the others.

    Args:
        values: (N, D) with NaN.
        groups: (N,), what each row belongs to, for rows alike would tell of each other; None: each to itself.

    Returns:
        None: where there is too little to look at.
    """
    _, group = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    place = np.random.default_rng(0).permutation(group.max(initial=-1) + 1)
    learned = place[group] < 3 * len(place) // 4
    return told_of(values[learned], values[~learned])


def told_of(learned: np.ndarray, new: np.ndarray) -> Told | None:
    """The same of rows that are split already, (N, D) and (M, D) with NaN."""
    learned, new = learned.astype(float), new.astype(float)
    spread = np.nanmax(learned, axis=0, initial=-np.inf) - np.nanmin(learned, axis=0, initial=np.inf)
    vary = np.isfinite(spread) & (spread > 0) & ~np.isinf(new).any(axis=0)
    order = np.random.default_rng(0).permutation(np.flatnonzero(vary))[:COLUMNS]
    if min(len(learned), len(new)) < FEWEST or len(order) < 2:
        return None
    mean, deviation = np.nanmean(learned[:, order], axis=0), np.nanstd(learned[:, order], axis=0)
    learned, new = (np.nan_to_num((part[:, order] - mean) / deviation) for part in (learned, new))
    half = len(order) // 2
    ways = (slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))
    shares = [
        _share(new[:, asked], regression.fit(learned[:, given], learned[:, asked]).predict(new[:, given]))
        for regression in (RidgeCV(PENALTIES), KNeighborsRegressor(NEIGHBOURS))
        for given, asked in ways
    ]
    return Told(*np.mean(np.reshape(shares, (2, 2)), axis=1).tolist())


def _share(truth: np.ndarray, made: np.ndarray) -> float:
    variance = np.square(truth).sum()
    return float(1 - np.square(truth - made.reshape(truth.shape)).sum() / variance) if variance else 0.0


def straight(data: Dataset, networks: set[str]) -> Iterator[str]:
    """A line on each view of numbers that a network sees for nothing.

    Args:
        data: with its split.
        networks: views with a network for columns of real numbers.
    """
    for name in sorted(networks & {*data.views}):
        if data.views[name].values.shape[1] > WIDE:
            continue  # it may be there to save time
        train = data.having("train", name)
        if len(train) < FEW_FOR_NETWORK:
            continue  # which is said already
        learned, new = (data.views[name].gather(some(rows, ROWS)) for rows in (train, data.having("validation", name)))
        found = told_of(learned, new)  # the split keeps groups apart
        if found and found.by_neighbours <= found.by_lines:
            yield (
                f"views.{name}: type real tells as much without a network, and sooner: lines tell "
                f"{found.by_lines:.2f} of the variance of half of its columns from the other half, "
                f"nearest neighbours {found.by_neighbours:.2f}"
            )
