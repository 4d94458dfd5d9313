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

ENOUGH = 2000  # training samples from which a network learns what bends; with 750 and 1,347 it told no more than lines
MARGIN = 0.05  # of the variance, that neighbours tell more where a network told more than lines
ROWS, COLUMNS = 2000, 200  # looked at, at most
FEWEST = 40  # rows to look at
NEIGHBOURS = 10
PENALTIES = np.logspace(-1, 5, 7)


class Told(NamedTuple):
    """Shares of the variance that are told of one half of the columns from the other, in samples not learned from."""

    by_lines: float
    by_neighbours: float

    @property
    def bends(self) -> bool:
        """Whether a network has something to learn that lines do not say."""
        return self.by_neighbours > max(self.by_lines, 0.0) + MARGIN


def told(values: np.ndarray) -> Told:
    """By ridge regression and by nearest neighbours, of (N, D) with NaN: one half of the columns from the other."""
    draw = np.random.default_rng(0)
    values = values[np.sort(draw.permutation(len(values))[:ROWS])].astype(float)
    spread = np.nanmax(values, axis=0, initial=-np.inf) - np.nanmin(values, axis=0, initial=np.inf)
    order = draw.permutation(np.flatnonzero(np.isfinite(spread) & (spread > 0)))[:COLUMNS]
    if len(values) < FEWEST or len(order) < 2:
        return Told(0.0, 0.0)
    values = values[draw.permutation(len(values))][:, order]
    values = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    learned, new = np.split(values, [3 * len(values) // 4])
    half = len(order) // 2
    ways = (slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))
    shares = [
        _share(new[:, asked], regression.fit(learned[:, given], learned[:, asked]).predict(new[:, given]))
        for regression in (RidgeCV(PENALTIES), KNeighborsRegressor(NEIGHBOURS))
        for given, asked in ways
    ]
    return Told(*np.mean(np.reshape(shares, (2, 2)), axis=1).tolist())


def _share(truth: np.ndarray, made: np.ndarray) -> float:
    return float(1 - np.square(truth - made.reshape(truth.shape)).sum() / np.square(truth).sum())


def straight(data: Dataset, networks: set[str]) -> Iterator[str]:
    """A line on each view of numbers that a network sees for nothing.

    Args:
        data: with its split.
        networks: views with a network for columns of real numbers.
    """
    for name in sorted(networks & {*data.views}):
        train = data.having("train", name)
        if len(train) < FEW_FOR_NETWORK:
            continue  # which is said already
        lines, neighbours = told(data.views[name].gather(some(train, ROWS)))
        if neighbours <= lines:
            yield (
                f"views.{name}: type real tells as much without a network, and sooner: lines tell {lines:.2f} of the "
                f"variance of half of its columns from the other half, nearest neighbours {neighbours:.2f}"
            )
