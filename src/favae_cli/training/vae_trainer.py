"""What the VAE of one view does in the training loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from favae_cli.common.random_streams import torch_generator
from favae_cli.config.run import TrainerConfig
from favae_cli.data import Dataset, ViewData
from favae_cli.machine.runtime import send
from favae_cli.machine.world import ALONE, World
from favae_cli.training.epoch_state import Moment, Prior, Totals, summed
from favae_cli.training.recorded import Inputs
from favae_cli.training.stopping import add_up, never
from favae_cli.training.to_device import Rows
from favae_cli.training.trainer import Trainer
from favae_cli.views import VaeView
from favae_cli.views.objective import Loss


class VaeTrainer(Trainer):
    """Trains one view's networks on its samples.

    Args:
        name: of the view.
        view: whose networks are trained.
        data: of the view.
        indices: the training samples that have the view.
        settings: the `trainer` section.
        seed: of the run.
    """

    def __init__(
        self, name: str, view: VaeView, data: ViewData, indices: np.ndarray, settings: TrainerConfig, seed: int
    ) -> None:
        super().__init__(name, view.networks, indices, settings, seed, view.runtime)
        self.view, self.data, self.beta = view, data, view.beta
        self._rows: Rows | None = None

    def samples(self, data: Dataset, split: str) -> np.ndarray:
        """Those that have the view."""
        return data.having(split, self.name)

    def draw(self, noise: torch.Generator) -> Tensor:
        """Standard normal noise of z for a whole batch, (B, D)."""
        return torch.randn(self.batch_size, self.view.size, generator=noise)

    def inputs(self, rows: np.ndarray, drawn: Tensor, prior: Prior) -> Inputs:
        """`x` (R, ...), `noise` and `prior_mean` (R, D) of the process's R samples."""
        if self._rows is None:
            self._rows = Rows(self.data.values, self.data.row[self.indices], self.device)
        return {
            "x": self.view.batch(self._rows.gather(rows)),
            "noise": send(drawn[self.share], self.device),
            "prior_mean": prior.of(rows, self.view.size, self.device),
        }

    def loss(self, inputs: Inputs, moment: Moment) -> Loss:
        """The ELBO's two parts, with z ~ N(prior mean, 1 / tau) as its prior."""
        return self.view.loss(inputs["x"], inputs["noise"], inputs["prior_mean"], moment.precision, moment.fed)

    def held_out(
        self, data: Dataset, indices: np.ndarray, prior: Prior, stop: Callable[[], bool] = never
    ) -> dict[str, Totals]:
        """Sums over the samples, nats; the view's own networks, in eval mode."""
        part = data.views[self.name]
        return {self.name: held_out(self.name, self.view, part, indices, prior, self.seed, self.world, stop)}

    def scale_embedding(self, name: str, scale: Tensor | float) -> None:
        """That of the view, which has the trainer's name."""
        scale_embedding(self.view, self.optimizer, scale)


@torch.no_grad()
def scale_embedding(view: VaeView, optimizer: torch.optim.Optimizer, scale: Tensor | float) -> None:
    """Make z `scale` times what it was, in the networks and in what the optimiser remembers of their gradients."""
    view.scale_embedding(scale)
    head, stem = view.encoder.head, view.decoder.stem
    by = torch.as_tensor(scale, dtype=torch.float64, device=view.runtime.device).expand(view.size)
    scaled = [(stem.weight, slice(None), by)]
    if view.encoder.linear is None:  # else the head has units of its own
        scaled += [(head.weight, slice(view.size), 1 / by[:, None]), (head.bias, slice(view.size), 1 / by)]
    for weights, rows, factor in scaled:
        memory = optimizer.state.get(weights)
        if memory:
            memory["exp_avg"][rows] *= factor.float()
            memory["exp_avg_sq"][rows] *= (factor**2).float()


@torch.inference_mode()
def held_out(
    name: str,
    view: VaeView,
    data: ViewData,
    indices: np.ndarray,
    prior: Prior,
    seed: int,
    world: World = ALONE,
    stop: Callable[[], bool] = never,
) -> Totals:
    """Log-likelihood (at one fixed draw of z a sample) and KL of samples that are not trained on.

    Args:
        indices: samples that have the view; `prior` is in their order.
        seed: of the run; the draws are the same whenever it is asked.
        world: the processes that share the samples, all of which then know the sums.
        stop: asked after every batch; where there are several processes, after some.

    Raises:
        Interrupted: it said so, in one of the processes.
    """
    view.networks.eval()
    noise = torch_generator(seed, name, "held out")
    device = view.runtime.device
    sums = torch.zeros(1, len(fields(Totals)), dtype=torch.float64, device=device)

    def of(part: slice) -> Tensor | None:
        rows = np.arange(part.start, part.stop)
        share = world.share(len(rows))
        drawn, rows = torch.randn(len(rows), view.size, generator=noise)[share], rows[share]
        if not len(rows):
            return None
        mean, precision = prior.of(rows, view.size, device), prior.precisions(rows, device)
        x = view.batch(data.gather(indices[rows]))
        return summed(view.loss(x, send(drawn, device), mean, precision))

    return Totals.of(add_up(sums, view.parts(len(indices)), of, world, stop)[0])
