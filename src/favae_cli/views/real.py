"""Real columns: standardised, they are their own embedding."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.factors.real import RealEmbedding
from favae_cli.views.standardise import Standard


class RealView:
    """D real columns; z = (x - mean) / scale by the training samples alone, and NaN is a missing entry.

    The scale begins as the standard deviation; the factors then change it such that the noise of all columns is the
    same in z (`RealEmbedding.stretch`).
    """

    trainable = False

    def __init__(self, columns: int) -> None:
        self.size = columns
        self._standard = Standard(columns)
        self.networks = nn.ModuleDict({"standard": self._standard})

    def fit(self, values: np.ndarray) -> None:
        """Take mean and scale of each column from the stored training samples."""
        self._standard.fit(values)

    def local(self, values: np.ndarray) -> RealEmbedding:
        """The standardised entries, which are z itself; what is missing is inferred."""
        mean, scale = self._units()
        z = np.empty(values.shape, np.float32)
        np.subtract(values, mean, out=z, casting="same_kind")
        np.divide(z, scale, out=z, casting="same_kind")
        return RealEmbedding(z)

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """The columns in their own units, (R, D)."""
        centre, scale = self._units()
        return mean * scale + centre

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Standard deviation in each column's units, (R, D)."""
        return np.sqrt(variance) * self._units()[1]

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """As the protocol has it; of the standardised columns."""
        seen = ~x.isnan()
        terms = (x.nan_to_num(0.0) - mean).square() / variance + (2 * math.pi * variance).log()
        return -0.5 * (seen * terms).sum(1)

    def rescale(self, scale: np.ndarray) -> None:
        """Make z of each column `scale` (D,) times what it was."""
        self._standard.scale /= torch.from_numpy(scale)

    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        standard = self._standard
        return standard.mean.cpu().double().numpy(), standard.scale.cpu().double().numpy()
