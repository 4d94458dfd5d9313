"""Epochs: the only training loop there is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.common.random_streams import numpy_generator, torch_generator
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.run import TrainerConfig
from favae_cli.data import Dataset
from favae_cli.machine.runtime import Runtime, send
from favae_cli.nets.batch_norm import synchronise
from favae_cli.training.compiled import Compiled
from favae_cli.training.epoch_state import Fed, Moment, Position, Prior, Priors, Totals, summed
from favae_cli.training.profiling import profiled
from favae_cli.training.recorded import Inputs, Learner, Recorded, recorded
from favae_cli.training.stopping import agreed, never
from favae_cli.training.to_device import delivered
from favae_cli.views.objective import KLTerm, Loss


class Trainer(ABC):
    """Trains networks on the samples of a data set; several processes share each batch.

    Args:
        name: of the view or the model, part of the random streams.
        networks: whose parameters are trained.
        indices: the training samples.
        settings: the `trainer` section.
        seed: of the run.
        runtime: where the networks live.
        parts: names of what is counted apart; by default all is one.

    Attributes:
        directory: where the profile goes, if the settings ask for one.

    Raises:
        UserError: fewer than two samples, for each of the processes.
    """

    directory: Path | None = None
    beta = 1.0  # weight of the KL in what is trained, beside that of a `KLTerm`

    def __init__(
        self,
        name: str,
        networks: nn.Module,
        indices: np.ndarray,
        settings: TrainerConfig,
        seed: int,
        runtime: Runtime,
        parts: tuple[str, ...] = (),
    ) -> None:
        self.name, self.networks, self.indices = name, networks, indices
        self.parts = parts or (name,)
        self.settings, self.seed, self.device, self.world = settings, seed, runtime.device, runtime.world
        synchronise(networks, self.world)
        for value in networks.state_dict().values():  # as computed on one machine, or another's last bit may differ
            self.world.broadcast(value)
        self.parameters = [value for value in networks.parameters() if value.requires_grad]
        cuda = self.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            # On a GPU the rate, too, stays on the device.
            lr=torch.tensor(settings.learning_rate, device=self.device) if cuda else settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
            capturable=cuda,
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
        # Of the epoch, as `summed` makes them.
        self._sums = torch.zeros(len(self.parts), len(fields(Totals)), dtype=torch.float64, device=self.device)
        # In a graph no process could wait for another, nor one batch of a step have a seed of its own.
        self._records = cuda and self.world.size == 1 and self.batches == 1 and not settings.compile
        self._recorded: tuple[KLTerm, Recorded] | None = None

    @abstractmethod
    def samples(self, data: Dataset, split: str) -> np.ndarray:
        """Indices of the samples of a split that it can train on or be tested with."""

    @abstractmethod
    def draw(self, noise: torch.Generator) -> Any:
        """All that one batch needs of random numbers, on the CPU."""

    @abstractmethod
    def inputs(self, rows: np.ndarray, drawn: Any, prior: Prior) -> Inputs:
        """What the loss reads of this process's share of a batch, on the device; may be called in another thread.

        Args:
            rows: positions of its samples in `indices`.
            drawn: for the batch as a whole, from `draw`.
            prior: of z, for `indices`.
        """

    @abstractmethod
    def loss(self, inputs: Inputs, moment: Moment) -> Loss:
        """Of this process's share of a batch; computed without a look at any value, so that a GPU need not wait."""

    def summed(self, loss: Loss) -> Tensor:
        """Float64 (parts, 5): the `Totals` of a batch, by part; they stay on the device."""
        return summed(loss)

    def seeded(self, drawn: Any) -> AbstractContextManager[None]:
        """Where a loss is computed that takes numbers from torch's own generators: gives them their seed."""
        return nullcontext()

    def fed(self, prior: Prior) -> int:
        """How many samples of the process's share of a batch, in random order, the decoder gets as the prior's mean."""
        return max(round(prior.feed * self.batch_size) - self.share.start, 0)

    @abstractmethod
    def held_out(
        self, data: Dataset, indices: np.ndarray, prior: Prior, stop: Callable[[], bool] = never
    ) -> dict[str, Totals]:
        """By part, the sums over samples that are not trained on; the same draws whenever it is asked.

        Raises:
            Interrupted: `stop`, which is asked as in `epoch`, said so.
        """

    def test(self, data: Dataset, split: str, priors: Priors, stop: Callable[[], bool] = never) -> dict[str, Totals]:
        """`held_out` of a split; of the training samples where the split has none."""
        indices = self.samples(data, split)
        if not len(indices):
            split, indices = "train", self.indices
        return self.held_out(data, indices, self.own(priors, split), stop)

    def own(self, priors: Priors, split: str) -> Prior:
        """Which of the priors is that of all its samples in a split."""
        return priors[self.name][split]

    def scale_embedding(self, name: str, scale: Tensor | float) -> None:
        """Make z of a view `scale` (one number, or (D,)) times what it was, where its prior is learned, and so free."""
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
        size = self.batches * self.batch_size
        left = at.left(len(order), size)
        steps = at.step + left
        for _ in range(at.step * self.batches):  # drawn by the part of the epoch that is already done
            self.draw(noise)
        shares = order[at.samples :][: left * size].reshape(-1, self.batch_size)[:, self.share]
        self._sums.zero_()  # the other processes' are added to these in the end
        if self.world.is_main and at.parts:
            self._sums.copy_(torch.tensor([astuple(at.parts[name]) for name in self.parts], dtype=torch.float64))
        moments = self._moments(epoch, prior)
        self.networks.train()
        if len(shares):
            self._record(shares[0], moments[at.step], prior, term)
        compiled = self._compiled.running() if self._compiled else nullcontext()
        fed = self._feed(shares, noise, prior, moments[at.step : steps].repeat_interleave(self.batches, 0))
        with compiled, profiled(self._trace()) as note_step, closing(fed) as batches:
            while at.step < steps:
                self._set_rate(self.rate(epoch * self.steps + at.step, epochs * self.steps))
                self._step(islice(batches, self.batches), term)
                at.advance(size)
                note_step()
                if agreed(self.world, at.step, stop):
                    break
        sums = self.world.add(self._sums)
        if not bool(sums.isfinite().all()):
            raise UserError(f"trainer.learning_rate: the loss of {self.name!r} is no longer finite; try a smaller one")
        at.parts = {name: Totals.of(row) for name, row in zip(self.parts, sums, strict=True)}
        return at.step >= steps

    def _step(self, batches: Iterator[Fed], term: KLTerm) -> None:
        """One step of the optimiser, on `self.batches` batches; replayed if it has been recorded."""
        if self._recorded:
            for inputs in self._seeded(batches):  # there is one
                self._recorded[1](inputs)
        else:
            self._learn(self._seeded(batches), term)

    def _seeded(self, batches: Iterator[Fed]) -> Iterator[Inputs]:
        """The inputs of each batch, with its seed for as long as it is worked on."""
        for drawn, inputs in batches:
            with self.seeded(drawn):
                yield inputs

    def _learn(self, batches: Iterable[Inputs], term: KLTerm) -> None:
        """The step as it is written."""
        self.optimizer.zero_grad(set_to_none=True)
        for inputs in batches:
            self._add_gradients(inputs, term)
        self.world.add_gradients(self.parameters)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
        self.optimizer.step()

    def _add_gradients(self, inputs: Inputs, term: KLTerm) -> None:
        """Those of a batch's share in its step's objective; its terms are added to the epoch's."""
        moment = Moment(*inputs["moment"])
        loss = self.loss(inputs, moment)
        weight = (self.share.stop - self.share.start) / (self.batches * self.batch_size)
        (weight * loss.objective(term, moment.epochs)).backward()
        self._sums += self.summed(loss)

    def _record(self, rows: np.ndarray, moment: Tensor, prior: Prior, term: KLTerm) -> None:
        """Record the step, if it can be and has not been with this `term`; nothing is learned by it."""
        if not self._records or (self._recorded and self._recorded[0] == term):
            return
        drawn = self.draw(torch.Generator())
        example = self.inputs(rows, drawn, prior) | {"moment": moment}
        self._recorded = None  # its memory is free for the next
        learner = Learner(self.networks, self.optimizer, self._sums)
        with self.seeded(drawn):
            found = recorded(self.name, lambda inputs: self._learn([inputs], term), example, learner)
        self._recorded, self._records = (term, found) if found else None, found is not None

    def _moments(self, epoch: int, prior: Prior) -> Tensor:
        """(steps, 3): the `Moment` of every step of an epoch, on the device."""
        table = np.empty((self.steps, len(Moment._fields)))
        table[:, 0] = epoch + np.arange(self.steps) / self.steps
        table[:, 1:] = prior.precision, self.fed(prior)
        return send(table, self.device)

    def _set_rate(self, rate: float) -> None:
        (group,) = self.optimizer.param_groups
        group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate

    def _feed(self, shares: np.ndarray, noise: torch.Generator, prior: Prior, moments: Tensor) -> Generator[Fed]:
        """By batch, what is drawn for it and its inputs."""

        def made(asked: tuple[np.ndarray, Any, Tensor]) -> Fed:
            rows, drawn, moment = asked
            return drawn, self.inputs(rows, drawn, prior) | {"moment": moment}

        asked = ((rows, self.draw(noise), moment) for rows, moment in zip(shares, moments, strict=True))
        yield from delivered(made, asked, self.device)

    def _trace(self) -> Path | None:
        """Where the profile of this epoch goes: there is one of the first that this process runs."""
        wanted, self._profiles = self._profiles and self.world.is_main, False
        return RunFolder(self.directory).trace(self.name) if wanted and self.directory else None
