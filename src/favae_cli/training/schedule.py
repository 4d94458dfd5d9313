"""The training schedule: VAEs alone, then rounds of factors and VAEs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from favae_cli.common.errors import Interrupted
from favae_cli.common.pace import Pace
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.watch import doing
from favae_cli.config.models import FactorModelConfig
from favae_cli.config.run import Config, ScheduleConfig
from favae_cli.data import Dataset
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.machine.world import ALONE, World
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training import checkpoint
from favae_cli.training.build import kl_term, make_joined, make_trainers
from favae_cli.training.encodings import Encodings, Tables
from favae_cli.training.epoch_state import Position, Prior, Priors
from favae_cli.training.factor_step import FactorStep, Tie, join
from favae_cli.training.identity import Identity
from favae_cli.training.outlook import Outlook
from favae_cli.training.progress import Progress, score
from favae_cli.training.run_log import RunLog, SilentLog, epoch_record, tell_epoch
from favae_cli.training.run_state import described, pack, pack_means, unpack
from favae_cli.training.trainer import Trainer
from favae_cli.views.vae import VaeView

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation")  # what training may learn from


class Training:
    """Algorithm 1 of the paper, one step at a time, each of which a checkpoint can follow.

    Beside `last`, checkpoints keep `alone`, the VAEs before they are joined, and `best`: of the epochs alone or, once
    there are any, of those in the rounds, that of the best validation score. If there is a `patience`, all end there.

    Args:
        model: changed in place.
        data: with its split.
        config: of the run.
        directory: of the run; goes on from `checkpoints/last` in it if there is one.
        alone: called with the model once the VAEs are trained alone; returns the metrics to keep as `before`.
        schedule: in the place of the config's.
        watched: splits whose ELBO is logged after every epoch, beside validation.
        tie: in the place of a fit, gives the model its factors at the beginning of each round.
        world: the processes that train the model together; the main one saves.
        identity: of the run, where that of `config` and `data` is not it; they may be only a part.
        label: of the training, where the run has several.
    """

    def __init__(
        self,
        model: FAVAE | JointVAE,
        data: Dataset,
        config: Config,
        directory: Path,
        alone: Callable[[], dict[str, float]] = dict,
        schedule: ScheduleConfig | None = None,
        watched: tuple[str, ...] = (),
        tie: Tie | None = None,
        world: World = ALONE,
        identity: Identity | None = None,
        label: str = "",
    ) -> None:
        self.model, self.data, self.config, self._alone = model, data, config, alone
        folder = RunFolder(directory)
        self.world, self._tables = world, Tables(folder.tables, world)
        self.schedule = schedule or config.plan
        self.splits = (*SPLITS, *watched)
        self.last, self.best, self.alone = folder.last, folder.best, folder.alone
        self._alone_trainers = make_trainers(model, data, config.trainer, config.seed)
        self._joined = make_joined(model, data, config)
        for trainer in (*self._alone_trainers.values(), *([self._joined] if self._joined else [])):
            trainer.directory = directory
        self._factor_step = self._tying(model, tie) if isinstance(model, FAVAE) else None
        self.identity = identity or Identity.of(config, data)
        self.progress, self._pace = Progress(), Pace()
        plan = self.schedule if config.pretrained is None else self.schedule.model_copy(update={"alone_epochs": 0})
        self._outlook = Outlook(plan, self._alone_trainers, self._joined, model.joins, lambda: self.progress, label)
        self.priors: Priors = {}
        self._saved: Priors | None = None  # those whose means the last checkpoint holds
        if world.is_main:
            for place in (self.last, self.best, self.alone):
                checkpoint.recover(place)
        world.wait()
        if checkpoint.exists(self.last):
            tensors, state = checkpoint.load(self.last)
            self.progress = Progress.from_json(state)
            self.priors = unpack(tensors, checkpoint.load_tables(self.last), model, self.trainers)
            self._begin_round()
            if world.is_main:
                self._keep_milestones()  # a kill may have come between the last checkpoint and its copy
            logger.info("going on from %s", self.last)
        world.wait()  # until all have looked for the checkpoint: from now on the main process writes others
        self.log = RunLog(directory, self.progress.written, self.progress.digest) if world.is_main else SilentLog()

    @property
    def trainers(self) -> Mapping[str, Trainer]:
        """What trains the model in this stage: each view by itself, or, in rounds through the factors, all together."""
        if self._joined is None or self.progress.stage == 0:
            return self._alone_trainers
        return {self._joined.name: self._joined}

    def _scale(self, name: str, scale: Tensor | float) -> None:
        """Make z of a view with networks so many times what it was."""
        trainers = dict.fromkeys(self._joined.parts, self._joined) if self._joined else self._alone_trainers
        if name in trainers:
            trainers[name].scale_embedding(name, scale)
        elif isinstance(view := self.model.views[name], VaeView):  # it is frozen
            view.scale_embedding(scale)

    def _begin_round(self) -> None:
        """Tell the trainer of a round its factors and priors."""
        if self._joined and self.progress.stage and self.progress.entered:
            self._joined.tie(self.priors)

    def _tying(self, model: FAVAE, tie: Tie | None) -> FactorStep:
        data, config, world, settings = self.data, self.config, self.world, self.config.model
        assert isinstance(settings, FactorModelConfig)
        copies = {name: config.views[name].copies for name in model.views}

        def fit(encodings: Encodings) -> None:
            join(model, data, settings, copies, self.schedule, config.seed, encodings, world)

        return FactorStep(model, data, settings, self._scale, self.splits, self._tables, tie or fit, config.seed)

    def run(self, stop: StopRequest) -> None:
        """Train to the end of the schedule.

        Raises:
            Interrupted: as `stop` asked, after saving.
        """
        doing(self._outlook)
        try:
            with stop.patiently():
                while not self.progress.finished:
                    self._advance(stop)
                    if self.world.is_main:
                        self._save()
                    if self.world.any(stop.asked):
                        raise Interrupted
        finally:
            self._tables.clear()

    def _save(self) -> None:
        self.progress.written, self.progress.digest = self.log.written, self.log.digest
        checkpoint.save(
            self.last,
            pack(self.model, self.trainers, self.priors),
            self.progress.to_json() | {"views": described(self.model, self.data)} | self.identity.state(),
            pack_means(self.priors) | self.identity.data.arrays(),
            same_tables=self._saved is self.priors,
        )
        self._saved = self.priors
        self._keep_milestones()

    def _keep_milestones(self) -> None:
        """The last checkpoint once more where it is the best so far, or where the VAEs' time alone ends."""
        if self.progress.improved:
            checkpoint.duplicate(self.last, self.best)
        if self.progress.stage == 1 and not self.progress.entered:
            checkpoint.duplicate(self.last, self.alone)

    def _advance(self, stop: StopRequest) -> None:
        """The next step of the schedule that is worth a checkpoint.

        Raises:
            Interrupted: between the epochs, where the last checkpoint has all; what is in memory is then no good.
        """
        progress = self.progress
        progress.improved = False
        names = list(self.trainers)
        if not progress.entered:
            with stop.at_once():
                self._enter()
        elif progress.view < len(names) and not self._view_is_done(names[progress.view]):
            self._epoch(names[progress.view], stop)
        elif progress.view < len(names):
            if progress.stage == 0:
                self._return_to_best(names[progress.view])
            progress.view, progress.epoch = progress.view + 1, 0
        else:
            with stop.at_once():
                self._leave()

    def _enter(self) -> None:
        """Begin a stage: from round 1 on, the factors and the priors that they give."""
        self.progress.entered = True
        if self.progress.stage == 0:
            self.priors = {name: {split: Prior() for split in self.splits} for name in self.trainers}
            return
        self.priors = self._fit_factors(self.progress.stage)
        self._begin_round()
        if self._joined and self.progress.stage == 1 and self.schedule.patience:  # the start may be the best
            tested = self._joined.test(self.data, "validation", self.priors)
            self.progress.remember(self._joined.name, sum(score(part.means()) for part in tested.values()))

    def _leave(self) -> None:
        """End a stage: the first by judging the VAEs alone, the last by the factors that stay."""
        progress = self.progress
        if progress.stage == 0:
            with self.progress.timed("before"):
                progress.before = self._alone() if self.world.is_main else {}
        # Without a network to train in them, rounds would only fit the same factors again.
        over = progress.stage >= self.schedule.rounds or not self.trainers or self._stopped()
        if over or progress.settled(self.schedule.tolerance):
            if self._joined and progress.stage:
                self._return_to_best(self._joined.name)
            if self.model.joins:
                self.priors = self._fit_factors(progress.stage + 1, last=True)
            progress.finished = True
        if progress.stage == 0:
            progress.best, progress.stale = {}, {}  # the rounds are scored by something else
        progress.stage, progress.entered, progress.view, progress.epoch = progress.stage + 1, False, 0, 0

    def _view_is_done(self, name: str) -> bool:
        progress, schedule = self.progress, self.schedule
        if progress.stage > 0:
            return progress.epoch >= schedule.round_epochs or self._stopped()
        over = progress.epoch >= schedule.alone_epochs or self.config.pretrained is not None
        return over or progress.tired(name, schedule.patience)

    def _stopped(self) -> bool:
        """Whether rounds end early; where each view learns by itself, its ELBO has another prior in every round."""
        progress, joined = self.progress, self._joined
        return bool(progress.stage and joined and progress.tired(joined.name, self.schedule.patience))

    def _return_to_best(self, name: str) -> None:
        """If there is a `patience`, have all be as when this was at its best: only this has learned since then."""
        if self.schedule.patience is None or not self.progress.stale.get(name, 0):
            return
        self.world.wait()  # until the main process has kept it
        tensors, _ = checkpoint.load(self.best)
        self.priors = unpack(tensors, checkpoint.load_tables(self.best), self.model, self.trainers)
        logger.info("%s: back to the best of its epochs", name)

    def _epoch(self, name: str, stop: StopRequest) -> None:
        progress, schedule, alone = self.progress, self.schedule, self.progress.stage == 0
        trainer, position = self.trainers[name], progress.position
        seen, begun = position.count, time.perf_counter()
        phase = "alone" if alone else "rounds"
        epochs = schedule.alone_epochs if alone else schedule.rounds * schedule.round_epochs
        epoch = progress.epoch if alone else progress.epoch + (progress.stage - 1) * schedule.round_epochs
        with self.progress.timed(phase):
            complete = trainer.epoch(
                # Without a time alone the rounds see the data in the order in which a VAE alone would.
                0 if alone or not schedule.alone_epochs else 1,
                epoch,
                epochs,
                trainer.own(self.priors, "train"),
                kl_term(self.config, schedule, alone),
                position,
                lambda: stop.asked,
            )
        seconds, trained = time.perf_counter() - begun, position.count - seen
        progress.images[phase] = progress.images.get(phase, 0) + trained
        if not complete:
            return
        _, *unseen = self.splits
        try:
            tested = {split: trainer.test(self.data, split, self.priors, lambda: stop.asked) for split in unseen}
        except Interrupted:
            return  # whoever goes on stands at the end of the epoch and tests anew
        found, scores = {"train": position.parts} | tested, []
        self._outlook.tested(name, found["validation"])
        edge = epoch in (0, epochs - 1)
        told = edge or self._pace.due()  # a small table has hundreds a minute
        rate = trainer.rate((epoch + 1) * trainer.steps - 1, epochs * trainer.steps)  # of its last step
        progress.epoch, progress.position = progress.epoch + 1, Position()
        for view in trainer.parts:
            progress.epochs[view] = progress.epochs.get(view, 0) + 1
            means = {split: parts[view].means() for split, parts in found.items()}
            scores.append(score(means["validation"], trainer.beta))
            record = epoch_record(view, progress.epochs[view], progress.stage, means, rate, seconds, trained)
            self.log.record("epoch", record)
            if told:
                tell_epoch(record, passing=not edge)
        progress.remember(name, sum(scores))

    def _fit_factors(self, stage: int, last: bool = False) -> Priors:
        """The factors of a round and the priors that they give; logs the round."""
        assert self._factor_step is not None  # a joint VAE has neither rounds nor factors
        begun = time.perf_counter()
        with self.progress.timed("factors"):
            priors = self._factor_step.take(stage, last)
        seconds = time.perf_counter() - begun
        record = self._factor_step.record(stage, priors)
        self.progress.bounds.append(record["bound"])
        self.log.record("round", record | {"seconds": seconds})
        return priors
