"""What an encoder sees of the data: columns on one scale, by what the training samples say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from favae_cli.nets.linear_path import LinearDecoder, LinearEncoder
from favae_cli.views.scales import lost_zeros

FILLS = 6  # times that what is missing is expected anew: with half of a sample missing, each halves what is left to do
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

    def fit(self, values: np.ndarray) -> np.ndarray:
        """Take mean and standard deviation from `values`, (R, ..., D); NaN is missing.

        A column that does not vary keeps scale 1, and one without a value mean 0 as well.

        Returns:
            (D,) bool: the columns that vary.
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
        return ~constant

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


class CountLogs(LogStandard):
    """The same, in which what is missing stands where the columns that are there put it.

    First at its column's mean for a sample that was counted as deeply. The depth of a sample is what all its columns
    have in common: by how much the logarithms of those that are there lie above their means on average, as far as that
    is more than chance. Then, where a linear model is known, at what that expects of it, again and again: the fixed
    point is its expectation given what is there.

    Args:
        columns: of the table.
        inflated: whether a 0 of a column whose zeros are mostly lost counts is taken for missing.
        latent: size of the linear model's embedding.
    """

    lost: Tensor
    common: Tensor
    into: Tensor
    back: Tensor
    at: Tensor
    middle: Tensor

    def __init__(self, columns: int, inflated: bool, latent: int) -> None:
        super().__init__(columns)
        self.inflated = inflated
        self.register_buffer("into", torch.zeros(latent, columns))
        self.register_buffer("at", torch.zeros(latent))
        self.register_buffer("back", torch.zeros(columns, latent))
        self.register_buffer("middle", torch.zeros(columns))
        self.register_buffer("lost", torch.zeros(columns, dtype=torch.bool))
        self.register_buffer("common", torch.zeros((), dtype=torch.float64))

    def fit(self, values: np.ndarray) -> np.ndarray:
        """As the others; and the share of the variance that is common to all columns of a sample."""
        if self.inflated:
            self.lost.copy_(torch.from_numpy(lost_zeros(values) > 0.5))
        counted = self.counted(torch.from_numpy(values.astype(np.float64)))
        varies = super().fit(counted.numpy())
        above = torch.log1p(counted) - self.mean.cpu()
        own, count = above.square().nanmean(), (~above.isnan()).double().sum(1)
        average = above.nanmean(1)[count > 1]
        chance = (1 / count[count > 1]).mean()
        common = (average.square().mean() / own - chance) / (1 - chance)  # Var of a mean: common + (1 - common) / count
        self.common.copy_(common.nan_to_num(0.0).clamp(0.0, 1.0))
        return varies

    def counted(self, x: Tensor) -> Tensor:
        """The counts, NaN where one is missing or lost."""
        return x.masked_fill((x == 0) & self.lost.to(x.device), torch.nan) if self.inflated else x

    def forward(self, x: Tensor) -> Tensor:
        """Standardised log(1 + x), without holes."""
        above = torch.log1p(self.counted(x)) - self.mean
        count = (~above.isnan()).sum(1, keepdim=True)
        above_others = above.nanmean(1, keepdim=True).nan_to_num(0.0)
        depth = above_others * self.common / (self.common + (1 - self.common) / count.clamp(min=1))
        seen = (torch.where(above.isnan(), depth, above) / self.scale).float()
        gap = above.isnan() & self.back.any()  # no `if`: it would wait for a GPU, and no CUDA graph could be taken
        for _ in range(FILLS):
            expected = linear(linear(seen, self.into, self.at), self.back, self.middle)
            seen = torch.where(gap, expected, seen)
        return seen

    @torch.no_grad()
    def expect(self, encoder: LinearEncoder, decoder: LinearDecoder) -> None:
        """Take what is missing as this linear model expects it."""
        for own, value in ((self.into, encoder.weight), (self.at, encoder.offset)):
            own.copy_(value)
        for own, value in ((self.back, decoder.weight), (self.middle, decoder.offset)):
            own.copy_(value)
