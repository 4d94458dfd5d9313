"""Which views are given, and which one is asked for: what a joined model practises."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

SLOTS = 64  # sets of given views to choose from, for a target of samples that have the same views


@dataclass(frozen=True)
class Questions:
    """Sets of views to be given to samples when one of their other views, the target, is asked for.

    Every number of given views is asked about as often as any other.

    Attributes:
        given: bool (Q, V), the sets; the first one is empty, for samples that have nothing to be given.
        slots: (V, P, SLOTS), sets by target and by the views that a sample has; in the last slot all others are given.
        kind: (N,), which of the P patterns of views each sample has.
    """

    given: np.ndarray
    slots: np.ndarray
    kind: np.ndarray

    @classmethod
    def about(cls, present: np.ndarray) -> Questions:
        """All that can be asked of samples.

        Args:
            present: bool (N, V), which views they have.
        """
        patterns, kind = np.unique(present, axis=0, return_inverse=True)
        views = present.shape[1]
        known: dict[tuple[int, ...], int] = {(): 0}
        slots = np.zeros((views, len(patterns), SLOTS), np.int64)
        for target in range(views):
            for row, pattern in enumerate(patterns):
                others = tuple(view for view in np.flatnonzero(pattern).tolist() if view != target)
                slots[target, row] = [known.setdefault(chosen, len(known)) for chosen in _sets(others)]
        given = np.zeros((len(known), views), bool)
        for chosen, row in known.items():
            given[row, list(chosen)] = True
        return cls(given, slots, kind.reshape(-1))

    def drawn(self, rows: np.ndarray, chance: np.ndarray) -> np.ndarray:
        """int64 (B, V), by target the set that is given to each of the samples `rows`.

        Args:
            chance: (B, V) uniform in [0, 1).
        """
        return self._chosen(rows, (chance * SLOTS).astype(np.int64))

    def whole(self, rows: np.ndarray) -> np.ndarray:
        """int64 (B, V), by target the set of all other views that the sample has."""
        return self._chosen(rows, np.full((len(rows), len(self.slots)), SLOTS - 1))

    def _chosen(self, rows: np.ndarray, slot: np.ndarray) -> np.ndarray:
        chosen: np.ndarray = self.slots[np.arange(len(self.slots)), self.kind[rows][:, None], slot]
        return chosen


def _sets(others: tuple[int, ...]) -> list[tuple[int, ...]]:
    """`SLOTS` non-empty subsets, their sizes in turn up to the whole; the empty one where there are no others."""
    if not others:
        return [()] * SLOTS
    sizes = range(1, len(others) + 1)
    pools = [_subsets(others, size) for size in sizes]
    slots = []
    for slot in range(SLOTS):
        pool = pools[slot % len(pools)]
        slots.append(pool[slot // len(pools) % len(pool)])
    return [*slots[: SLOTS - 1], others]


def _subsets(others: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """The subsets of a size, or of very many as many as there are slots for."""
    if comb(len(others), size) <= SLOTS:
        return list(combinations(others, size))
    rng = np.random.default_rng(size)
    return [tuple(sorted(rng.choice(others, size, replace=False).tolist())) for _ in range(SLOTS // len(others) + 1)]
