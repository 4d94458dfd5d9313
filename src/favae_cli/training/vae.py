"""What the VAE of one view does in the training loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from favae_cli.data import Dataset, ViewData
from favae_cli.errors import Interrupted
from favae_cli.runtime import send
from favae_cli.training.epochs import Prior, Totals, Trainer, agreed, never, summed
from favae_cli.training.feed import Rows
from favae_cli.training.seeds import torch_generator
from favae_cli.views import VaeView
from favae_cli.views.vae import BATCH, Loss
from favae_cli.world import ALONE, World


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

    def __init__(self, name: str, view: VaeView, data: ViewData, indices: np.ndarray, settings: Any, seed: int) -> None:
        super().__init__(name, view.networks, indices, settings, seed, view.runtime)
        self.view, self.data = view, data
        self._rows: Rows | None = None

    def samples(self, data: Dataset, split: str) -> np.ndarray:
        return data.having(split, self.name)

    def batch(self, rows: np.ndarray) -> Tensor:
        if self._rows is None:
            self._rows = Rows(self.data.values, self.data.row[self.indices], self.device)
        return self.view.batch(self._rows.gather(rows))

    def draw(self, noise: torch.Generator) -> Tensor:
        return torch.randn(self.batch_size, self.view.size, generator=noise)

    def loss(self, rows: np.ndarray, batch: Tensor, drawn: Tensor, prior: Prior) -> Loss:
        mean = prior.of(rows, self.view.size, self.device)
        # The batch is in random order: its first samples are as good as any.
        fed = max(round(prior.feed * self.batch_size) - self.share.start, 0)
        return self.view.loss(batch, send(drawn[self.share], self.device), mean, prior.precision, fed)

    def held_out(self, data: Dataset, indices: np.ndarray, prior: Prior, stop: Callable[[], bool] = never) -> Totals:
        return held_out(self.name, self.view, data.views[self.name], indices, prior, self.seed, self.world, stop)

    @torch.no_grad()
    def scale_embedding(self, scale: float) -> None:
        """Make z `scale` times what it was, in the networks and in what the optimiser remembers of their gradients."""
        self.view.scale_embedding(scale)
        size = self.view.size
        head, stem = self.view.encoder.head, self.view.decoder.stem
        for weights, rows, factor in (
            (head.weight, slice(size), 1 / scale),
            (head.bias, slice(size), 1 / scale),
            (stem.weight, slice(None), scale),
        ):
            memory = self.optimizer.state.get(weights)
            if memory:
                memory["exp_avg"][rows] *= factor
                memory["exp_avg_sq"][rows] *= factor**2


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
    sums = torch.zeros(2, dtype=torch.float64, device=view.runtime.device)
    for done, start in enumerate(range(0, len(indices), BATCH), start=1):
        rows = np.arange(start, min(start + BATCH, len(indices)))
        share = world.share(len(rows))
        drawn, rows = torch.randn(len(rows), view.size, generator=noise)[share], rows[share]
        if len(rows):
            mean = prior.of(rows, view.size, view.runtime.device)
            x = view.batch(data.gather(indices[rows]))
            sums += summed(view.loss(x, send(drawn, view.runtime.device), mean, prior.precision))
        if agreed(world, done, stop):
            raise Interrupted
    log_likelihood, kl = world.add(sums).tolist()
    return Totals(log_likelihood, kl, len(indices))
