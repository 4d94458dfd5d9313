"""What an encoder sees of the data: columns on one scale, by what the training samples say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

CHUNK = 1 << 14  # rows that are summed at a time
_ROUNDING = 8 * np.finfo(np.float64).eps  # what arithmetic leaves of a column that does not vary, relative to it


class Unchanged(nn.Identity):
    """Data that need no scale."""

    def fit(self, values: np.ndarray) -> None:
        """Nothing."""


class Standard(nn.Module):
    """(x - mean) / scale for every column of a table, or every channel of sequences; the identity until it is fitted.

    Args:
        columns: of the table; the last axis of what it is given.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        # In float64, as the difference is taken: float32 knows a time stamp of today to two minutes.
        self.register_buffer("mean", torch.zeros(columns, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(columns, dtype=torch.float64))

    def fit(self, values: np.ndarray) -> None:
        """Take mean and standard deviation from `values`, (R, ..., D); NaN is missing.

        A column that does not vary keeps scale 1, and one without a value mean 0 as well.
        """
        rows = values.reshape(-1, values.shape[-1])
        nothing = np.full(rows.shape[1], np.nan)
        low = np.nan_to_num(np.fmin.reduce([nothing, *(np.fmin.reduce(part) for part in self._chunks(rows))]))
        count, total, squares = np.zeros((3, rows.shape[1]))
        for part in self._chunks(rows):
            count += np.sum(~np.isnan(part), axis=0)
            total += np.nansum(part - low, axis=0)  # of a constant column exactly 0
        mean = low + total / np.maximum(count, 1)
        for part in self._chunks(rows):
            squares += np.nansum(np.square(part - mean), axis=0)
        scale = np.sqrt(squares / np.maximum(count, 1))
        constant = scale <= _ROUNDING * np.abs(mean)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.where(constant, 1.0, scale)))

    def _chunks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """What is standardised of some rows at a time, in float64."""
        return (rows[start : start + CHUNK].astype(np.float64) for start in range(0, len(rows), CHUNK))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised x, float32 (B, ..., D); x in float32 or float64."""
        return ((x - self.mean) / self.scale).float()


class LogStandard(Standard):
    """The same of log(1 + x), for counts."""

    def _chunks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        return map(np.log1p, super()._chunks(rows))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised log(1 + x), of counts as they are."""
        return super().forward(torch.log1p(x))
