"""What a run will need, roughly: parameters, memory and time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.build import make_trainers
from favae_cli.training.epoch_state import Position, Prior
from favae_cli.training.trainer import Trainer
from favae_cli.views.objective import KLTerm

COPIES = 4  # of every parameter: itself, its gradient and the optimiser's two moments
STEPS = 3  # timed; the quickest counts, as the first finds nothing in place


@dataclass(frozen=True)
class Cost:
    """Of one set of networks.

    Attributes:
        parameters: that are trained.
        bytes: of parameters, gradients and optimiser.
        seconds: an epoch, by a few steps taken here and now.
        epochs: in all, at most.
        beta: weight of the view's own KL term; None of a joint model, which has one for all.
    """

    parameters: int
    bytes: int
    seconds: float
    epochs: int
    beta: float | None = None


def costs(model: FAVAE | JointVAE, data: Dataset, config: Config) -> dict[str, Cost]:
    """What the networks of each view, or of a joint model, cost; nothing of views without networks.

    Args:
        model: of the run.
        data: seen as its views.
        config: of the run.

    Raises:
        UserError: networks that do not fit the data or the machine.
    """
    found = {}
    for name, trainer in make_trainers(model, data, config.trainer, config.seed).items():
        size = sum(parameter.numel() for parameter in trainer.parameters)
        weights = sum(parameter.numel() * parameter.element_size() for parameter in trainer.parameters)
        beta = model.trainable[name].beta if isinstance(model, FAVAE) else None
        found[name] = Cost(size, COPIES * weights, _seconds(trainer), config.plan.epochs, beta)
    return found


def _seconds(trainer: Trainer) -> float:
    """Of an epoch, by the quickest of a few steps."""
    taken = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        trainer.epoch(0, 0, 1, Prior(), KLTerm(1.0), Position(), lambda: True)
        taken.append(time.perf_counter() - begun)
    return min(taken) * trainer.steps
