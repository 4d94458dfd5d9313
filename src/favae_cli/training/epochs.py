"""Epochs: the only training loop there is, and what a VAE does in it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.data import Dataset, ViewData
from favae_cli.errors import UserError
from favae_cli.training.seeds import numpy_generator, torch_generator
from favae_cli.views import VaeView
from favae_cli.views.vae import KLTerm, Loss


@dataclass
class Prior:
    """N(mean, 1/precision) of z for the samples of a split, in their order.

    Attributes:
        mean: float32 (N, D), or None for 0.
        precision: tau.
        feed: share of the samples that the decoder gets as this mean, not as a draw of z.
    """

    mean: np.ndarray | None = None
    precision: float = 1.0
    feed: float = 0.0

    def of(self, rows: np.ndarray, size: int, device: torch.device) -> Tensor:
        """(B, D) means for the positions `rows` of the split."""
        if self.mean is None:
            return torch.zeros(len(rows), size, device=device)
        return torch.from_numpy(self.mean[rows]).to(device)


@dataclass
class Totals:
    """Sums over the samples seen so far in an epoch; nats."""

    log_likelihood: float = 0.0
    kl: float = 0.0
    count: int = 0

    def add(self, loss: Loss) -> None:
        """Count the samples of a batch."""
        self.log_likelihood += loss.log_likelihood.double().sum().item()
        self.kl += loss.kl.double().sum().item()
        self.count += len(loss.kl)

    def means(self) -> dict[str, float]:
        """Log-likelihood, KL and ELBO a sample."""
        log_likelihood, kl = self.log_likelihood / self.count, self.kl / self.count
        return {"log_likelihood": log_likelihood, "kl": kl, "elbo": log_likelihood - kl}


@dataclass
class Position:
    """How far an epoch has come."""

    step: int = 0
    totals: Totals = field(default_factory=Totals)


class Trainer(ABC):
    """Trains networks on the samples of a data set.

    Args:
        name: of the view or the model, part of the random streams.
        networks: whose parameters are trained.
        indices: the training samples.
        settings: the `trainer` section.
        seed: of the run.
        device: where the networks live.

    Raises:
        UserError: fewer than two samples.
    """

    def __init__(
        self, name: str, networks: nn.Module, indices: np.ndarray, settings: Any, seed: int, device: torch.device
    ) -> None:
        self.name, self.networks, self.indices = name, networks, indices
        self.settings, self.seed, self.device = settings, seed, device
        self.parameters = [value for value in networks.parameters() if value.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )
        if len(indices) < 2:
            raise UserError(f"views.{name}: {len(indices)} training samples have this view; training needs at least 2")
        self.batch_size = min(settings.batch_size, len(indices))
        self.steps = len(indices) // self.batch_size

    @abstractmethod
    def samples(self, data: Dataset, split: str) -> np.ndarray:
        """Indices of the samples of a split that it can train on or be tested with."""

    @abstractmethod
    def draw(self, noise: torch.Generator) -> Tensor:
        """All that one step needs of random numbers."""

    @abstractmethod
    def loss(self, rows: np.ndarray, drawn: Tensor, prior: Prior) -> Loss:
        """Of the samples at the positions `rows` of `indices`."""

    @abstractmethod
    def held_out(self, data: Dataset, indices: np.ndarray, prior: Prior) -> Totals:
        """Log-likelihood and KL of samples that are not trained on; the same draws whenever it is asked."""

    def scale_embedding(self, scale: float) -> None:
        """Make z `scale` times what it was; only a view whose prior is learned has that freedom."""
        raise NotImplementedError

    def rate(self, step: int, total: int) -> float:
        """Learning rate at `step` of `total`: a linear warm-up, then a cosine down to the final rate."""
        settings = self.settings
        warm = min(settings.warm_up_steps, total // 2)
        if step < warm:
            return float(settings.learning_rate * (step + 1) / warm)
        share = (step - warm) / max(total - warm, 1)
        span = settings.learning_rate - settings.final_learning_rate
        return float(settings.final_learning_rate + span * (1 + math.cos(math.pi * share)) / 2)

    def epoch(
        self,
        stage: int,
        epoch: int,
        epochs: int,
        prior: Prior,
        term: KLTerm,
        at: Position,
        stop: Callable[[], bool],
    ) -> bool:
        """Train until the end of the epoch, or until `stop` says so.

        Args:
            stage: 0 for the first that trains, 1 for rounds after a time alone; part of the random streams.
            epoch: of this stage, from 0; all rounds count on.
            epochs: of this stage, which the learning rate's decay spans.
            prior: of z, for `indices`.
            term: how the KL counts.
            at: where in the epoch to begin; is moved along, and says afterwards how far it came.
            stop: asked after every step.

        Returns:
            Whether the epoch is complete.

        Raises:
            UserError: the loss is not finite; the rate is too large.
        """
        order = numpy_generator(self.seed, self.name, "order", stage, epoch).permutation(len(self.indices))
        noise = torch_generator(self.seed, self.name, "noise", stage, epoch)
        for _ in range(at.step):  # drawn by the part of the epoch that is already done
            self.draw(noise)
        sums = torch.tensor([at.totals.log_likelihood, at.totals.kl], dtype=torch.float64, device=self.device)
        self.networks.train()
        while at.step < self.steps:
            rows = order[at.step * self.batch_size : (at.step + 1) * self.batch_size]
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(epoch * self.steps + at.step, epochs * self.steps)
            loss = self.loss(rows, self.draw(noise).to(self.device), prior)
            self.optimizer.zero_grad(set_to_none=True)
            loss.objective(term, epoch + at.step / self.steps).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
            self.optimizer.step()
            sums += torch.stack([loss.log_likelihood.detach().sum(), loss.kl.detach().sum()])
            at.step += 1
            at.totals.count += len(rows)
            if stop():
                break
        at.totals.log_likelihood, at.totals.kl = sums.tolist()
        if not math.isfinite(at.totals.log_likelihood + at.totals.kl):
            raise UserError(
                f"trainer.learning_rate: the loss of view {self.name!r} is no longer finite; try a smaller one"
            )
        return at.step >= self.steps


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
        super().__init__(name, view.networks, indices, settings, seed, view.runtime.device)
        self.view, self.data = view, data

    def samples(self, data: Dataset, split: str) -> np.ndarray:
        return data.having(split, self.name)

    def draw(self, noise: torch.Generator) -> Tensor:
        return torch.randn(self.batch_size, self.view.size, generator=noise)

    def loss(self, rows: np.ndarray, drawn: Tensor, prior: Prior) -> Loss:
        x = self.view.batch(self.data.gather(self.indices[rows]))
        mean = prior.of(rows, self.view.size, self.device)
        # The batch is in random order: its first samples are as good as any.
        fed = round(prior.feed * len(rows))
        return self.view.loss(x, drawn, mean, prior.precision, fed)

    def held_out(self, data: Dataset, indices: np.ndarray, prior: Prior) -> Totals:
        return held_out(self.name, self.view, data.views[self.name], indices, prior, self.seed)

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
def held_out(name: str, view: VaeView, data: ViewData, indices: np.ndarray, prior: Prior, seed: int) -> Totals:
    """Log-likelihood (at one fixed draw of z a sample) and KL of samples that are not trained on.

    Args:
        indices: samples that have the view; `prior` is in their order.
        seed: of the run; the draws are the same whenever it is asked.
    """
    view.networks.eval()
    noise = torch_generator(seed, name, "held out")
    totals = Totals()
    for start in range(0, len(indices), 256):
        rows = np.arange(start, min(start + 256, len(indices)))
        drawn = torch.randn(len(rows), view.size, generator=noise).to(view.runtime.device)
        mean = prior.of(rows, view.size, view.runtime.device)
        totals.add(view.loss(view.batch(data.gather(indices[rows])), drawn, mean, prior.precision))
    return totals
