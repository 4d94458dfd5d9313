"""Images or tables as they are, in the basis of their principal components."""

from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from favae_cli.common.pixels import unit
from favae_cli.views.base import Encoded


class _Basis(nn.Module):
    mean: Tensor
    components: Tensor
    scale: Tensor

    def __init__(self, dimensions: int, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimensions, dtype=torch.float64))
        self.register_buffer("components", torch.zeros(dimensions, size))
        self.register_buffer("scale", torch.ones(()))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, float]:
        return self.mean.numpy(), self.components.numpy(), self.scale.item()


class LinearView:
    """z = (x - mean) V / scale, an orthonormal rotation of the standardised data.

    With all components kept it loses nothing: factor analysis with isotropic noise does not depend on the basis.

    Args:
        shape: of one sample as stored.
        size: D, components kept.
    """

    trainable = False

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self.shape, self.size = shape, size
        self._basis = _Basis(math.prod(shape), size)
        self.networks = nn.ModuleDict({"basis": self._basis})

    def fit(self, values: np.ndarray) -> None:
        """Find mean, components and scale (unit average variance of z) of the stored training samples."""
        mean = self._unit(values).mean(axis=0, dtype=np.float64)
        found = PCA(self.size, random_state=0).fit(self._centred(values, mean))
        self._basis.mean.copy_(torch.from_numpy(mean))
        self._basis.components.copy_(torch.from_numpy(np.ascontiguousarray(found.components_.T)))
        self._basis.scale.fill_(float(np.sqrt(found.explained_variance_.mean())) or 1.0)

    def encode(self, values: np.ndarray) -> Encoded:
        """Scores of the first D components, of unit variance on average; observed, so without one of their own."""
        mean, components, scale = self._basis.arrays()
        return Encoded(self._centred(values, mean) @ components / scale, None)

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """The data that z stands for; images are cut to [0, 1]."""
        centre, components, scale = self._basis.arrays()
        flat = np.asarray(mean, np.float32) @ components.T * scale + centre
        decoded = flat.reshape(len(flat), *self.shape)
        return np.clip(decoded, 0, 1).astype(np.float32) if len(self.shape) == 3 else decoded

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: z is the data themselves."""

    def _unit(self, values: np.ndarray) -> np.ndarray:
        """(R, P) as stored; uint8 images as float32 in [0, 1]."""
        flat = values.reshape(len(values), -1)
        return unit(flat) if values.dtype == np.uint8 else flat

    def _centred(self, values: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """float32 (R, P), the mean taken off before digits are lost."""
        flat = self._unit(values)
        return np.subtract(flat, mean, out=np.empty(flat.shape, np.float32), casting="same_kind")
