"""What every joint VAE is to the rest of the program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.machine.runtime import send
from favae_cli.views.objective import Loss
from favae_cli.views.vae import VaeView


class JointVAE(ABC):
    """Several views and one loss over all of them.

    Args:
        views: two or more; their networks are those that FA-VAE would begin with.

    Attributes:
        networks: all that a checkpoint has to keep.
        complete: whether it can only learn from samples that have every view.
        runtime: device, precision and memory layout.
    """

    joins = False  # nothing is left to tie once it is trained

    networks: nn.ModuleDict
    complete: bool = False

    def __init__(self, views: dict[str, VaeView]) -> None:
        self.views = views
        self.runtime = next(iter(views.values())).runtime

    def loss(self, batch: Mapping[str, Tensor], present: Mapping[str, Tensor], generator: torch.Generator) -> Loss:
        """Of a batch.

        Args:
            batch: by view, (B, ...), as `VaeView.batch` makes it; anything finite where the sample lacks the view.
            present: by view, bool (B,); every sample has a view at least, or all of them if the model is `complete`.
            generator: of every random number it takes.
        """
        drawn = self.draw(len(next(iter(present.values()))), generator)
        with self.seeded(drawn):
            sent = {name: send(value, self.runtime.device) for name, value in drawn.items()}
            return self.loss_of(batch, present, sent)

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """All the random numbers that the loss of `count` samples takes, on the CPU."""

    def seeded(self, drawn: Mapping[str, Tensor]) -> AbstractContextManager[None]:
        """Where the loss is computed of a model that takes numbers from torch's own generators: gives them a seed."""
        return nullcontext()

    @abstractmethod
    def loss_of(self, batch: Mapping[str, Tensor], present: Mapping[str, Tensor], drawn: Mapping[str, Tensor]) -> Loss:
        """As `loss`, with what `draw` drew on the device; inside of `seeded`."""

    @abstractmethod
    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        """(R, D) mean of what `view` alone says of the shared latent variable."""

    @abstractmethod
    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """`target`, (R, H, W, C) in [0, 1], of samples whose `source` is `stored`; the same view reconstructs."""
