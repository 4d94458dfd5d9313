"""Real columns: standardised, they are their own embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

from favae_cli.factors.real import RealEmbedding
from favae_cli.views.standardise import Standard
from favae_cli.views.transforms import Transforms


class _Columns(Standard):
    """And which columns vary in training; all of them in a run of before that was kept."""

    varies: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.register_buffer("varies", torch.ones(columns, dtype=torch.bool))

    def fit(self, values: np.ndarray) -> np.ndarray:
        """As all do."""
        varies = super().fit(values)
        self.varies.copy_(torch.from_numpy(varies))
        return varies


class RealView:
    """D real columns; z = (x - mean) / scale by the training samples alone, and NaN is a missing entry.

    So is every entry of a column that does not vary in training. It says nothing, and as a z without any noise it would
    take what all columns share, their noise, from the others; it decodes to its mean.

    The scale begins as the standard deviation; the factors then change it such that the noise of all columns is the
    same in z (`RealEmbedding.stretch`). Of columns that are transformed, x is here their logarithm or rank.

    Args:
        columns: D.
        transforms: of some of them; None: of none.
    """

    trainable = False

    def __init__(self, columns: int, transforms: Transforms | None = None) -> None:
        self.size = columns
        self._standard = _Columns(columns)
        self._transforms = transforms or Transforms({}, ())
        self.networks = nn.ModuleDict({"standard": self._standard, "transforms": self._transforms})

    def fit(self, values: np.ndarray) -> None:
        """Take mean and scale of each column, and the ranks, from the stored training samples."""
        self._transforms.fit(values)
        self._standard.fit(self._transforms(values))

    def local(self, values: np.ndarray) -> RealEmbedding:
        """The standardised entries, which are z itself; what is missing, or of a still column, is inferred."""
        mean, scale = self._units()
        z = np.empty(values.shape, np.float32)
        np.subtract(self._transforms(values), mean, out=z, casting="same_kind")
        np.divide(z, scale, out=z, casting="same_kind")
        z[:, ~self._standard.varies.cpu().numpy()] = np.nan
        return RealEmbedding(z)

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """The columns in their own units, (R, D); of a transformed one the median."""
        centre, scale = self._units()
        return self._transforms.back(mean * scale + centre)

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Standard deviation in each column's units, (R, D)."""
        return self._transforms.deviation(*self.on_scale(mean, variance))

    def interval(self, mean: np.ndarray, variance: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends (R, D) each between which a column lies with this probability, in its units."""
        reach = ndtri(0.5 + level / 2) * np.sqrt(variance)
        return self.decode(mean - reach), self.decode(mean + reach)

    def titles(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Names of the columns as `scaled` has them: "log income"."""
        return self._transforms.titles(columns)

    @property
    def is_transformed(self) -> bool:
        """Whether any column is modelled on a scale other than its own."""
        return self._transforms.any

    def on_scale(self, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (R, D) of the columns as `scaled` has them."""
        centre, scale = self._units()
        return mean * scale + centre, np.sqrt(variance) * scale

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """The columns (R, D) on the scale that they are modelled on, where their errors are of one size."""
        return self._transforms(values)

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
