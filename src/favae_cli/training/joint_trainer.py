"""What a joint VAE does in the training loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from favae_cli.common.errors import UserError
from favae_cli.common.random_streams import torch_generator
from favae_cli.config.run import TrainerConfig
from favae_cli.data import Dataset, ViewData
from favae_cli.machine.runtime import send
from favae_cli.models import JointVAE
from favae_cli.training.epoch_state import Moment, Prior, Totals, summed
from favae_cli.training.recorded import Inputs
from favae_cli.training.run_state import under
from favae_cli.training.stopping import add_up, never
from favae_cli.training.trainer import Trainer
from favae_cli.views.objective import Loss

Batch = tuple[dict[str, Tensor], dict[str, Tensor]]
"""By view, its values (B, ...), and which samples have it, bool (B,)."""


class JointTrainer(Trainer):
    """Trains all views of a joint VAE at once, on the samples that have one of them, or all if it needs them.

    Args:
        model: whose networks are trained.
        data: with its split.
        settings: the `trainer` section.
        seed: of the run.

    Raises:
        UserError: fewer than two samples to train on, or fewer than two that have one of the views; or several
            processes, which its losses, each over a batch as a whole, could not share.
    """

    def __init__(self, model: JointVAE, data: Dataset, settings: TrainerConfig, seed: int) -> None:
        if model.runtime.world.size > 1:
            raise UserError("trainer.devices: a joint VAE trains in one process; use 1, and trainer.nodes=1")
        self.model, self.data = model, data
        self.lenders = {name: data.having("train", name) for name in model.views}
        indices = self.samples(data, "train")
        for name in model.views:
            if (count := int(data.views[name].present[indices].sum())) < 2:
                which = "all views" if model.complete else "this view"
                raise UserError(f"views.{name}: {count} training samples have {which}; training needs at least 2")
        super().__init__("joint", model.networks, indices, settings, seed, model.runtime)

    def samples(self, data: Dataset, split: str) -> np.ndarray:
        """Those that have every view if the model is `complete`, else those that have one."""
        views = self.model.views
        return data.having(split, *views) if self.model.complete else data.having(split, any_of=views)

    def draw(self, noise: torch.Generator) -> dict[str, Tensor]:
        """By name, what the model's loss draws for a whole batch."""
        return self.model.draw(self.batch_size, _next(noise))

    def seeded(self, drawn: dict[str, Tensor]) -> AbstractContextManager[None]:
        """As the model asks."""
        return self.model.seeded(drawn)

    def inputs(self, rows: np.ndarray, drawn: dict[str, Tensor], prior: Prior) -> Inputs:
        """Every view's batch, who has it, and what was drawn; the prior is the model's own."""
        batch, present = self._batch(self.data, self.indices[rows])
        return (
            {f"x/{name}": values for name, values in batch.items()}
            | {f"present/{name}": here for name, here in present.items()}
            | {f"drawn/{name}": send(values, self.device) for name, values in drawn.items()}
        )

    def loss(self, inputs: Inputs, moment: Moment) -> Loss:
        """Of all views at once; `moment` does not matter."""
        return self.model.loss_of(*(under(inputs, part) for part in ("x/", "present/", "drawn/")))

    @torch.inference_mode()
    def held_out(
        self, data: Dataset, indices: np.ndarray, prior: Prior, stop: Callable[[], bool] = never
    ) -> dict[str, Totals]:
        """Sums over the samples, nats; `prior` does not matter."""
        self.networks.eval()
        noise = torch_generator(self.seed, self.name, "held out")

        def of(part: slice) -> Tensor:
            return summed(self.model.loss(*self._batch(data, indices[part]), _next(noise)))

        parts = next(iter(self.model.views.values())).parts(len(indices))
        return {self.name: Totals.of(add_up(torch.zeros_like(self._sums), parts, of, self.world, stop)[0])}

    def _batch(self, data: Dataset, indices: np.ndarray) -> Batch:
        batch, present = {}, {}
        for name, view in self.model.views.items():
            values, here = gathered(data.views[name], indices, self.lenders[name])
            batch[name] = view.batch(values)
            present[name] = send(here, self.device)
        return batch, present


def _next(noise: torch.Generator) -> torch.Generator:
    """One for a batch, whatever it takes from it."""
    return torch.Generator().manual_seed(int(torch.randint(2**63 - 1, (), generator=noise)))


def gathered(part: ViewData, indices: np.ndarray, lenders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A view's values of the samples `indices`, and bool (B,), which of them have it; `lenders` do.

    The others have `borrowed` ones.
    """
    row = part.row[indices]
    return part.values[borrowed(row, part.row[lenders])], row >= 0


def borrowed(rows: np.ndarray, lenders: np.ndarray) -> np.ndarray:
    """`rows` (B,), and where one is -1, another's: batch norm sees every row, and should see real data alone.

    It is one of the same batch, or of the `lenders` where no other is in it.
    """
    here = rows >= 0
    return np.where(here, rows, np.resize(rows[here] if here.any() else lenders, len(rows)))
