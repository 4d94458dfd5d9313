"""What every view is to the rest of the program: a way from data to an embedding z and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import nn

from favae_cli.factors.embeddings import LocalEmbedding


@dataclass(frozen=True)
class Encoded:
    """q(z | x) of R samples: mean and variance, each float32 (R, D); no variance where z is observed."""

    mean: np.ndarray
    variance: np.ndarray | None


class View(Protocol):
    """One view type behind one protocol.

    A view gives its embedding in one of two ways: `encode`, from the data alone (networks), or `local`, a closed-form
    q(z) that is renewed together with g. The other returns None.

    Attributes:
        size: D, dimensions of z.
        trainable: whether `encode` has networks that the rounds go on training.
        networks: all that a checkpoint has to keep; empty for views without networks.
    """

    size: int
    trainable: bool
    networks: nn.ModuleDict

    def encode(self, values: np.ndarray) -> Encoded | None:
        """q(z | x) of the samples `values` as the data set stores them, or None."""
        ...

    def local(self, values: np.ndarray) -> LocalEmbedding | None:
        """A fresh local q(z) of `values`, or None."""
        ...

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """What z means in the data: images (R, H, W, C) in [0, 1], or probabilities (R, D).

        Args:
            mean: (R, D) of z.
            variance: (R, D) of z where it is uncertain; only views whose prediction depends on it look at it.
        """
        ...
