"""What an encoder sees of the data: columns on one scale, by what the training samples say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

CHUNK = 1 << 14  # rows that are summed at a time


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
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))

    def fit(self, values: np.ndarray) -> None:
        """Take mean and standard deviation from `values`, (R, ..., D); NaN is missing.

        A column that does not vary keeps scale 1, and one without a value mean 0 as well.
        """
        rows = values.reshape(-1, values.shape[-1])
        count, total, squares = np.zeros((3, rows.shape[1]))
        for part in self._chunks(rows):
            count += np.sum(~np.isnan(part), axis=0)
            total += np.nansum(part, axis=0)
        mean = total / np.maximum(count, 1)
        for part in self._chunks(rows):
            squares += np.nansum(np.square(part - mean), axis=0)
        scale = np.sqrt(squares / np.maximum(count, 1))
        constant = scale <= np.finfo(np.float32).eps * np.abs(mean)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.where(constant, 1.0, scale)))

    def _chunks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """What is standardised of some rows at a time, in float64."""
        return (rows[start : start + CHUNK].astype(np.float64) for start in range(0, len(rows), CHUNK))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised x, (B, ..., D)."""
        return (x - self.mean) / self.scale


class LogStandard(Standard):
    """The same of log(1 + x), for counts."""

    def _chunks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        return map(np.log1p, super()._chunks(rows))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised log(1 + x), of counts as they are."""
        return super().forward(torch.log1p(x))
