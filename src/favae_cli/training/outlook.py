"""How far a training is and how long it will take yet, seen from beside it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import NamedTuple

from favae_cli.common.standing import Standing
from favae_cli.config.run import ScheduleConfig
from favae_cli.training.epoch_state import Totals
from favae_cli.training.progress import Progress
from favae_cli.training.trainer import Trainer

RECENT = 0.2  # weight of the last look in the speed

Kind = tuple[bool, str | None]
"""Of work that takes alike: whether it is in a round, and what is trained; None: the factors are found."""


class Work(NamedTuple):
    """Epochs of a trainer in a stage; of factors, how many times they are found."""

    stage: int
    name: str | None
    amount: float

    @property
    def kind(self) -> Kind:
        """What else takes as long."""
        return self.stage > 0 and self.name is not None, self.name


class Outlook:
    """Tells, whenever it is asked, where a training stands; from how that changes, how fast it goes.

    It only reads what the training counts, from another thread: the loops know nothing of it.

    Args:
        schedule: of the training, with no epochs alone where the VAEs come from another run.
        alone: what trains the VAEs alone, by name.
        joined: what trains them together in the rounds; None: as alone.
        joins: whether it ends with factors.
        progress: that of the training, whenever it is asked.
        label: of the training, where a run has several.
        clock: seconds.
    """

    def __init__(
        self,
        schedule: ScheduleConfig,
        alone: Mapping[str, Trainer],
        joined: Trainer | None,
        joins: bool,
        progress: Callable[[], Progress],
        label: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = f"{label}, " if label else ""
        self._schedule, self._alone, self._joins = schedule, alone, joins
        self._joined = {joined.name: joined} if joined else alone
        self._rounds = schedule.rounds if self._joined else 0
        self._progress, self._clock = progress, clock
        self._spent: dict[Kind, float] = defaultdict(float)
        self._did: dict[Kind, float] = defaultdict(float)
        self._seen: tuple[Kind, float, float] | None = None
        self._speed: float | None = None
        self._elbo: tuple[int, str, float] | None = None  # of which stage and trainer

    def tested(self, name: str, found: Mapping[str, Totals]) -> None:
        """Keep what the last epoch of a trainer came to, by part, on the validation samples."""
        self._elbo = self._progress().stage, name, sum(part.means()["elbo"] for part in found.values())

    def __call__(self) -> Standing:
        """Where it stands now."""
        progress = self._progress()
        stage, view, epoch, step = progress.stage, progress.view, progress.epoch, progress.position.step
        phase = f"round {stage} of {self._rounds}" if stage else "alone"
        trainers = self._trainers(stage)
        if stage and not progress.entered:
            self._look(Work(stage, None, 0.0))
            standing = Standing(phase, "factors")
        elif view < len(trainers):
            name, trainer = [*trainers.items()][view]
            self._look(Work(stage, name, epoch + step / trainer.steps))
            epochs = self._epochs(stage)
            shown = name if len(trainer.parts) == 1 else "all views"
            at = min(epoch + 1, epochs), epochs, step, trainer.steps
            of_stage, of_trainer, elbo = self._elbo or (None, None, None)
            its_own = elbo if (of_stage, of_trainer) == (stage, name) else None
            standing = Standing(phase, shown, *at, its_own, self._speed)
        else:  # the last factors are found, or the VAEs alone judged
            standing = Standing("factors" if stage >= self._rounds else phase)
        left = [*self._left(progress)]
        here = [work for work in left if work.stage == stage]
        phase = self._label + standing.phase
        return replace(standing, phase=phase, phase_left=self._seconds(here), training_left=self._seconds(left))

    def _trainers(self, stage: int) -> Mapping[str, Trainer]:
        return self._joined if stage else self._alone

    def _epochs(self, stage: int) -> int:
        return self._schedule.round_epochs if stage else self._schedule.alone_epochs

    def _look(self, done: Work) -> None:
        """Measure how fast the work goes, by how much of its kind is done in this stage."""
        now, kind = self._clock(), done.kind
        before, amount, then = self._seen or (None, 0.0, now)
        if before != kind or done.amount < amount:
            if before is not None and before[1] is None:  # the factors are found
                self._spent[before] += now - then
                self._did[before] += 1
            self._seen, self._speed = (kind, done.amount, now), None
        elif done.amount > amount and now > then:
            self._spent[kind] += now - then
            self._did[kind] += done.amount - amount
            speed = (done.amount - amount) * len(self._trainers(done.stage)[str(done.name)].indices) / (now - then)
            self._speed = speed if self._speed is None else (1 - RECENT) * self._speed + RECENT * speed
            self._seen = (kind, done.amount, now)

    def _left(self, progress: Progress) -> Iterator[Work]:
        """What is still to be done, if nothing ends early."""
        for stage in range(progress.stage, self._rounds + 1):
            here = stage == progress.stage
            if stage and not (here and progress.entered):
                yield Work(stage, None, 1.0)
            for place, (name, trainer) in enumerate(self._trainers(stage).items()):
                done = 0.0
                if here and place <= progress.view:
                    done = progress.epoch + progress.position.step / trainer.steps if place == progress.view else inf
                yield Work(stage, name, max(self._epochs(stage) - done, 0.0))
        if self._joins and not progress.finished:
            yield Work(self._rounds + 1, None, 1.0)

    def _seconds(self, left: Iterable[Work]) -> float | None:
        """How long this takes; the factors, if they were never found, nothing. None where nobody can know."""
        each = [(work, self._each(work.kind)) for work in left if work.amount]
        known = [work.amount * seconds for work, seconds in each if seconds is not None]
        if not known or any(seconds is None and work.name for work, seconds in each):
            return None
        return sum(known)

    def _each(self, kind: Kind) -> float | None:
        """Seconds of an epoch, by its samples where there was none of this kind; None where nothing like it was."""
        if self._did.get(kind):
            return self._spent[kind] / self._did[kind]
        if kind[1] is None:
            return None
        known = [other for other in [*self._did] if other[1] is not None]
        work = sum(self._did[other] * self._samples(other) for other in known)
        return sum(self._spent[other] for other in known) / work * self._samples(kind) if work else None

    def _samples(self, kind: Kind) -> int:
        """Of an epoch, each as often as it has views that are trained."""
        in_round, name = kind
        trainer = self._trainers(int(in_round))[str(name)]
        return sum(len(self._alone[part].indices) for part in trainer.parts)
