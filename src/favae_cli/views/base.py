"""What every view is to the rest of the program: a way from data to an embedding z and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from favae_cli.factors.inference import LocalEmbedding


@dataclass(frozen=True)
class Encoded:
    """q(z | x) of R samples: mean and variance, each float32 (R, D); no variance where z is observed."""

    mean: np.ndarray
    variance: np.ndarray | None

    def at(self, rows: np.ndarray | slice) -> Encoded:
        """Of some of the samples only."""
        return Encoded(self.mean[rows], None if self.variance is None else self.variance[rows])


class BaseView(Protocol):
    """What views of both kinds have.

    Attributes:
        size: D, dimensions of z.
        trainable: whether it has networks that the rounds go on training.
        networks: all that a checkpoint has to keep, statistics of the training samples included.
    """

    size: int
    trainable: bool
    networks: nn.ModuleDict

    def fit(self, values: np.ndarray) -> None:
        """Keep what the stored training samples say once and for all (statistics, a vocabulary), in `networks`."""
        ...

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """What z means in the data, as a data set has it.

        Images (R, H, W, C) in [0, 1], columns or probabilities (R, D), sequences (R, T, C) with NaN past their end,
        texts (R,).

        Args:
            mean: (R, D) of z.
            variance: (R, D) of z where it is uncertain; only views whose prediction depends on it look at it.
        """
        ...

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray | None:
        """Standard deviation of the data around `decode`, in their units and in its shape; arguments as there.

        None where it has no meaning: a probability says it itself, a text has none, and an image's is of no use.
        """
        ...


class EncodedView(BaseView, Protocol):
    """A view whose embedding is made from its data alone, as by networks."""

    def encode(self, values: np.ndarray) -> Encoded:
        """q(z | x) of the samples `values` as the data set stores them."""
        ...


@runtime_checkable
class InferredView(BaseView, Protocol):
    """A view whose embedding is inferred together with g, in closed form."""

    def local(self, values: np.ndarray) -> LocalEmbedding:
        """A fresh q(z) of the samples `values`, (R, D) with NaN where an entry is missing."""
        ...

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """log p(x) in nats, (B,), over the entries that are seen, where z is expected to be N(mean, variance).

        Args:
            x: (B, D), as `local` keeps it, NaN where an entry is missing.
            mean, variance: (B, D).
        """
        ...


View = EncodedView | InferredView
