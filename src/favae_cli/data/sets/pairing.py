"""Pairs of samples from two collections that agree in their classes, as many of each combination as can be."""

from __future__ import annotations

import numpy as np


def classify(members: np.ndarray) -> np.ndarray:
    """The only class of each sample: int64 (N,) of positions among the C classes, -1 for none or several.

    Args:
        members: bool (N, C), which classes each sample belongs to.
    """
    return np.where(members.sum(axis=1) == 1, members.argmax(axis=1), -1)


def combine(classes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """The combination of each sample's classes in G groups: int64 (N,), -1 where a class is missing.

    Args:
        classes: int (N, G) of `classify`.
        sizes: number of classes in each group; the last group's class changes fastest.
    """
    known = (classes >= 0).all(axis=1)
    return np.where(known, np.ravel_multi_index(np.maximum(classes, 0).T, sizes), -1)


def quotas(count: int, capacity: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shares of `count` in proportion to `weights`; what one combination cannot take goes to the others.

    Args:
        count: the whole.
        capacity: int (C,), the most that each can take.
        weights: (C,), above 0 wherever the capacity is.

    Returns:
        int64 (C,), at most the capacity; the sum is `count` but for rounding, or all there is where that is less.
    """
    taken = np.zeros(len(capacity), dtype=np.int64)
    able = np.flatnonzero(capacity)
    waiting = weights[able].sum()
    for index in able[np.argsort(capacity[able] / weights[able], kind="stable")]:  # who is short is served first
        fair = round((count - taken.sum()) * weights[index] / waiting)
        taken[index] = min(fair, capacity[index])
        waiting -= weights[index]
    return taken


def draw_pairs(left: np.ndarray, right: np.ndarray, count: int, balanced: bool, rng: np.random.Generator) -> np.ndarray:
    """Pair samples of the same combination at random.

    A combination gives no more pairs than its larger side has samples: that side takes each at most once, so that no
    pair comes twice, and the smaller side starts again as often as it must.

    Args:
        left, right: int (N,), (M,), the combination of each sample, -1 for none.
        count: pairs wanted.
        balanced: as many pairs of each combination; else in proportion to the samples on the left.
        rng: draws the samples and the order of the pairs.

    Returns:
        int64 (2, P), P <= count: positions in `left` and in `right`.
    """
    combinations = max(left.max(initial=-1), right.max(initial=-1)) + 1
    have = np.stack([np.bincount(side[side >= 0], minlength=combinations) for side in (left, right)])
    capacity = np.where((have > 0).all(axis=0), have.max(axis=0), 0)
    numbers = quotas(count, capacity, np.ones(combinations) if balanced else have[0].astype(float))
    sides = []
    for side in (left, right):
        drawn = [_take(np.flatnonzero(side == index), number, rng) for index, number in enumerate(numbers)]
        sides.append(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))
    return rng.permutation(np.stack(sides), axis=1)


def _take(pool: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """`number` of the pool in random order, each of them once before any comes again."""
    rounds = -(-number // max(len(pool), 1))
    return np.concatenate([pool[:0], *(rng.permutation(pool) for _ in range(rounds))])[:number]
