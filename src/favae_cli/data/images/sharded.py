"""Images in several files, of which each may lie on a disk of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np


class ShardedImages:
    """Memory-mapped arrays as the one array that they are together, read by rows.

    Attributes:
        shards: uint8 (R_s, H, W, C) each.
        shape: (R, H, W, C), R the sum of all R_s.
    """

    def __init__(self, shards: Sequence[np.ndarray]) -> None:
        self.shards = tuple(shards)
        self._ends = np.cumsum([len(shard) for shard in self.shards])
        self.shape: tuple[int, ...] = (int(self._ends[-1]), *self.shards[0].shape[1:])
        self.dtype = self.shards[0].dtype
        self.ndim = len(self.shape)
        self.nbytes = sum(shard.nbytes for shard in self.shards)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return chain.from_iterable(self.shards)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """A copy of the images of `rows`, in that order.

        Args:
            rows: a slice, bool (R,), or integers from 0 of any shape.

        Raises:
            IndexError: there is no such row.
        """
        chosen = np.arange(len(self))[rows] if isinstance(rows, slice) or rows.dtype == bool else rows
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"rows {chosen.min()} to {chosen.max()} of {len(self)} images")
        images = np.empty((*chosen.shape, *self.shape[1:]), self.dtype)
        shard = np.searchsorted(self._ends, chosen, side="right")
        for number in np.unique(shard):
            here = shard == number
            images[here] = self.shards[number][chosen[here] - self._ends[number]]  # counted from the end
        return images

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All images in memory, for where they fit."""
        return np.concatenate(self.shards).astype(dtype or self.dtype, copy=False)
