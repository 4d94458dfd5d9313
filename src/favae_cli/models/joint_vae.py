"""What every joint VAE is to the rest of the program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.machine.runtime import send
from favae_cli.views.objective import KLTerm, Loss
from favae_cli.views.vae import VaeView


@dataclass(frozen=True)
class JointLoss:
    """What a model minimises, and the ELBO of all views together that is in it; (B,) in nats a sample.

    Attributes:
        log_likelihood: log p(x | z) of the views that a sample has, z from its joint posterior.
        kl: what the model takes off for it: KL(q(z | x) || p(z)).
        cost: the model's own objective.
    """

    log_likelihood: Tensor
    kl: Tensor
    cost: Tensor

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
        """The model's own, whatever the schedule says of the KL."""
        return self.cost


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


def common_size(model: str, views: Mapping[str, VaeView]) -> int:
    """The latent size of all views of a model with one latent space.

    Raises:
        UserError: they differ.
    """
    first, *others = views
    for name in others:
        if views[name].size != views[first].size:
            raise UserError(
                f"views.{name}.latent: must be {views[first].size}, as views.{first}.latent; "
                f"model={model} has one latent space, got {views[name].size}"
            )
    return views[first].size


def shared_size(model: str, private: int, views: Mapping[str, VaeView]) -> int:
    """What `private` dimensions of each view's own leave of the latent size, for all to share.

    Raises:
        UserError: nothing, or the latent sizes differ.
    """
    size = common_size(model, views)
    if private >= size:
        raise UserError(f"model.private: must be less than the latent size of the views ({size}), got {private}")
    return size - private
