"""Epochs: the only training loop there is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.data import Dataset
from favae_cli.errors import UserError
from favae_cli.nets.batch_norm import synchronise
from favae_cli.runtime import Runtime, send
from favae_cli.training.compiled import Compiled
from favae_cli.training.feed import Rows, ahead
from favae_cli.training.profiling import profiled
from favae_cli.training.seeds import numpy_generator, torch_generator
from favae_cli.views.vae import KLTerm, Loss
from favae_cli.world import World

AGREED = 16  # steps after which several processes ask each other whether to stop


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
    _rows: Rows | None = field(default=None, init=False, repr=False, compare=False)

    def of(self, rows: np.ndarray, size: int, device: torch.device) -> Tensor:
        """(B, D) means for the positions `rows` of the split."""
        if self.mean is None:
            return torch.zeros(len(rows), size, device=device)
        if self._rows is None:
            self._rows = Rows(self.mean, np.arange(len(self.mean)), device)
        return send(self._rows.gather(rows), device)

    def at(self, rows: np.ndarray) -> Prior:
        """That of some of the samples, by their positions."""
        return Prior(None if self.mean is None else self.mean[rows], self.precision, self.feed)


@dataclass
class Totals:
    """Sums over the samples seen so far in an epoch; nats."""

    log_likelihood: float = 0.0
    kl: float = 0.0
    count: int = 0

    def means(self) -> dict[str, float]:
        """Log-likelihood, KL and ELBO a sample."""
        log_likelihood, kl = self.log_likelihood / self.count, self.kl / self.count
        return {"log_likelihood": log_likelihood, "kl": kl, "elbo": log_likelihood - kl}


def summed(loss: Loss) -> Tensor:
    """Float64 (2,), log-likelihood and KL over the samples of a batch; they stay on the device."""
    return torch.stack([loss.log_likelihood.detach(), loss.kl.detach()]).double().sum(1)


def agreed(world: World, step: int, stop: Callable[[], bool]) -> bool:
    """Whether all processes stop after this step, because `stop` says so in one of them.

    Several do not ask each other after every step: they would wait for each other once more.
    """
    return (world.size == 1 or step % AGREED == 0) and world.any(stop())


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass
class Position:
    """How far an epoch has come."""

    step: int = 0
    totals: Totals = field(default_factory=Totals)


class Trainer(ABC):
    """Trains networks on the samples of a data set; several processes share each batch.

    Args:
        name: of the view or the model, part of the random streams.
        networks: whose parameters are trained.
        indices: the training samples.
        settings: the `trainer` section.
        seed: of the run.
        runtime: where the networks live.

    Attributes:
        directory: where the profile goes, if the settings ask for one.

    Raises:
        UserError: fewer than two samples, for each of the processes.
    """

    directory: Path | None = None

    def __init__(
        self, name: str, networks: nn.Module, indices: np.ndarray, settings: Any, seed: int, runtime: Runtime
    ) -> None:
        self.name, self.networks, self.indices = name, networks, indices
        self.settings, self.seed, self.device, self.world = settings, seed, runtime.device, runtime.world
        synchronise(networks, self.world)
        for value in networks.state_dict().values():  # as computed on one machine, or another's last bit may differ
            self.world.follow(value)
        self.parameters = [value for value in networks.parameters() if value.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        if len(indices) < 2 * self.world.size:
            raise UserError(
                f"views.{name}: {len(indices)} training samples have this view; training needs at least "
                f"{2 * self.world.size}{' in so many processes' if self.world.size > 1 else ''}"
            )
        self.batch_size = min(settings.batch_size, len(indices))
        self.batches = min(settings.accumulate, len(indices) // self.batch_size)  # of a step
        self.steps = len(indices) // (self.batch_size * self.batches)
        self.share = self.world.share(self.batch_size)
        self._compiled = Compiled(networks) if settings.compile else None
        self._profiles = bool(settings.profile)

    @abstractmethod
    def samples(self, data: Dataset, split: str) -> np.ndarray:
        """Indices of the samples of a split that it can train on or be tested with."""

    @abstractmethod
    def batch(self, rows: np.ndarray) -> Any:
        """The samples at the positions `rows` of `indices`, on the device; may run in another thread."""

    @abstractmethod
    def draw(self, noise: torch.Generator) -> Tensor:
        """All that one batch needs of random numbers."""

    @abstractmethod
    def loss(self, rows: np.ndarray, batch: Any, drawn: Tensor, prior: Prior) -> Loss:
        """Of this process's share of a batch.

        Args:
            rows: positions of its samples in `indices`.
            batch: the samples, from `batch`.
            drawn: for the batch as a whole, from `draw`.
            prior: of z, for `indices`.
        """

    @abstractmethod
    def held_out(self, data: Dataset, indices: np.ndarray, prior: Prior, stop: Callable[[], bool] = never) -> Totals:
        """Log-likelihood and KL of samples that are not trained on; the same draws whenever it is asked.

        Raises:
            Interrupted: `stop`, which is asked as in `epoch`, said so.
        """

    def scale_embedding(self, scale: float) -> None:
        """Make z `scale` times what it was; only a view whose prior is learned has that freedom."""
        raise NotImplementedError

    def rate(self, step: int, total: int) -> float:
        """Learning rate at `step` of `total`: a linear warm-up, then by the schedule to the final rate."""
        settings = self.settings
        warm = min(settings.warm_up_steps, total // 2)
        if step < warm:
            return float(settings.learning_rate * (step + 1) / warm)
        share = (step - warm) / max(total - warm, 1)
        left = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2}
        span = settings.learning_rate - settings.final_learning_rate
        return float(settings.final_learning_rate + span * left[settings.rate_schedule])

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

        Every process draws the order and the noise of whole batches, works on its share of each and adds up the
        gradients, so that, but for rounding, their number does not matter.

        Args:
            stage: 0 for the first that trains, 1 for rounds after a time alone; part of the random streams.
            epoch: of this stage, from 0; all rounds count on.
            epochs: of this stage, which the learning rate's decay spans.
            prior: of z, for `indices`.
            term: how the KL counts.
            at: where in the epoch to begin; is moved along, and says afterwards how far it came.
            stop: asked after every step; where there are several processes, after some.

        Returns:
            Whether the epoch is complete.

        Raises:
            UserError: the loss is not finite; the rate is too large. Or `term` has a capacity, which is for the KL of
                a batch as a whole, and there are several processes.
        """
        if term.capacity and self.world.size > 1:
            raise UserError("model.capacity: is for one process; use 0, or trainer.devices=1 and trainer.nodes=1")
        order = numpy_generator(self.seed, self.name, "order", stage, epoch).permutation(len(self.indices))
        noise = torch_generator(self.seed, self.name, "noise", stage, epoch)
        for _ in range(at.step * self.batches):  # drawn by the part of the epoch that is already done
            self.draw(noise)
        size = self.batches * self.batch_size
        shares = order[at.step * size : self.steps * size].reshape(-1, self.batch_size)[:, self.share]
        weight = shares.shape[1] / size  # of a share's mean in that of the step
        done = [at.totals.log_likelihood, at.totals.kl] if self.world.leads else [0.0, 0.0]
        sums = torch.tensor(done, dtype=torch.float64, device=self.device)
        self.networks.train()
        compiled = self._compiled.running() if self._compiled else nullcontext()
        with compiled, profiled(self._trace()) as note_step, closing(self._fed(shares)) as batches:
            while at.step < self.steps:
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate(epoch * self.steps + at.step, epochs * self.steps)
                self.optimizer.zero_grad(set_to_none=True)
                for _ in range(self.batches):
                    rows, batch = next(batches)
                    loss = self.loss(rows, batch, self.draw(noise), prior)
                    objective = loss.objective(term, epoch + at.step / self.steps)
                    (weight * objective).backward()
                    sums += summed(loss)
                self.world.add_gradients(self.parameters)
                torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
                self.optimizer.step()
                at.step += 1
                at.totals.count += size
                note_step()
                if agreed(self.world, at.step, stop):
                    break
        at.totals.log_likelihood, at.totals.kl = self.world.add(sums).tolist()
        if not math.isfinite(at.totals.log_likelihood + at.totals.kl):
            raise UserError(
                f"trainer.learning_rate: the loss of view {self.name!r} is no longer finite; try a smaller one"
            )
        return at.step >= self.steps

    def _fed(self, shares: np.ndarray) -> Generator[tuple[np.ndarray, Any]]:
        """Each row of `shares`, and the samples at these positions."""
        # A CPU gains nothing by a thread: it would gather while it is to compute.
        made = ahead(self.batch, shares, self.device) if self.device.type == "cuda" else map(self.batch, shares)
        yield from zip(shares, made, strict=True)

    def _trace(self) -> Path | None:
        """Where the profile of this epoch goes: there is one of the first that this process runs."""
        wanted, self._profiles = self._profiles and self.world.leads, False
        return self.directory / f"trace_{self.name}.json" if wanted and self.directory else None
