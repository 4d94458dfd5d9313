"""Transfer learning (paper 3.3): a large VAE learns beside a small one; the same large VAE alone is its rival."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from favae_cli.common.errors import UserError
from favae_cli.common.random_streams import numpy_generator
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.models import FaVaeConfig
from favae_cli.config.run import Config, HelpConfig, ScheduleConfig
from favae_cli.data import Dataset
from favae_cli.evaluation.factors import factor_metrics, factor_pictures
from favae_cli.evaluation.reconstruction import reconstruction_metrics, reconstruction_pictures
from favae_cli.evaluation.transfer import Course, disentanglement, race, race_metrics, side_by_side, traversals
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE
from favae_cli.nets.warm_start import warm_start
from favae_cli.tasks.session import Session, joined_reconstruction
from favae_cli.training import checkpoint
from favae_cli.training.build import fresh_view, frozen_view, load_networks, only_vae
from favae_cli.training.epoch_state import Prior
from favae_cli.training.schedule import Training
from favae_cli.views import FrozenView, VaeView

logger = logging.getLogger(__name__)

CALIBRATION = 1024  # training images that a warm start looks at
SMALL, RIVAL, MAIN = "small", "rival", "transfer"


def run(config: Config, directory: Path, stop: StopRequest) -> dict[str, float]:
    """Train the small VAE, the large one alone and the large one with help, and compare them.

    The main training lies in `directory` itself, the others in folders of their own inside it.

    Returns:
        The flat metrics, as in metrics.json.

    Raises:
        Interrupted: as `stop` asked, after saving.
        UserError: a mistake that only the data could show.
    """
    session = Session.open(config, directory)
    _require_test(session.data, config.transfer.target)
    session.data = _thinned(session.data, config)
    contest = _Contest(session, stop)
    contest.train_alone()
    for name, way in config.transfer.beside.items():
        contest.train_with_help(name, way, directory / name)
    training = contest.train_with_help(MAIN, _main_way(config), directory)
    if not session.goes_on():
        return session.metrics

    session.model = contest.models[MAIN]
    session.add(training.progress.speeds())
    session.add(factor_metrics(session.favae.joined))
    with session.timed("evaluation"):
        contest.score()
    session.draw(contest.pictures)
    return session.close(training.log)


def evaluate(session: Session, split: str) -> None:
    """Score and draw what the main training came to, on the samples of a split."""
    config, model, data = session.config, session.favae, session.judged
    session.add(factor_metrics(model.joined))
    with session.timed("evaluation"):
        encoded = model.encode(data, data.split[split])
        session.add(joined_reconstruction(model, data, config, split, encoded))
    session.draw(reconstruction_pictures, model, data, split, config.evaluation.reconstructions)
    session.draw(factor_pictures, model, data)


def _main_way(config: Config) -> HelpConfig:
    assert isinstance(config.model, FaVaeConfig)
    way = config.transfer.model_dump(include={"warm_start", "rate"})
    return HelpConfig.model_validate(way | config.model.model_dump(include={"feed", "feed_rounds"}))


def _require_test(data: Dataset, target: str) -> None:
    """Refuse, before any training, data on which no race could be judged."""
    if len(data.having("test", target)) < 2:
        raise UserError(f"data.split: fewer than 2 test samples have {target}; give that split a larger share")


def _thinned(data: Dataset, config: Config) -> Dataset:
    """With the target view missing for all but a share of the training samples."""
    name, share = config.transfer.target, config.transfer.share
    indices = data.having("train", name)
    kept = numpy_generator(config.seed, "share").permutation(indices)[: max(2, round(share * len(indices)))]
    view = data.views[name]
    row = view.row.copy()
    row[np.setdiff1d(indices, kept)] = -1
    return replace(data, views=data.views | {name: replace(view, row=row)})


class _Contest:
    """The trainings of one run, and what came of them.

    Attributes:
        models: by name, in the order of training.
        courses: how the large view of each learned.
    """

    def __init__(self, session: Session, stop: StopRequest) -> None:
        self.session, self.stop, self.config = session, stop, session.config
        self.source, self.target = self.config.transfer.source, self.config.transfer.target
        self.schedule = self.config.schedule.together()
        self.models: dict[str, FAVAE] = {}
        self.courses: dict[str, Course] = {}
        self.small = self._small()

    def train_alone(self) -> None:
        """The rival: the large VAE without help."""
        model = FAVAE({self.target: self._large()})
        self._train(RIVAL, model, self.session.directory / RIVAL, self.config, self.schedule.alone())

    def train_with_help(self, name: str, way: HelpConfig, directory: Path) -> Training:
        """The large VAE tied to the small one by factors."""
        large, begun = self._large(), time.perf_counter()
        if way.warm_start == "layers" and not checkpoint.exists(RunFolder(directory).last):
            self._warm_start(large)
        seconds = time.perf_counter() - begun
        model = FAVAE({self.source: self.small, self.target: large})
        feeding = {"feed": way.feed, "feed_rounds": way.feed_rounds, "gamma": 0.0}  # the small one learns no more
        settings = self.config.trainer
        slower = {"learning_rate": way.rate * settings.learning_rate}
        slower["final_learning_rate"] = min(slower["learning_rate"], settings.final_learning_rate)
        changes = {
            "model": self.config.model.model_copy(update=feeding),
            "trainer": settings.model_copy(update=slower),
        }
        config = self.config.model_copy(update=changes)
        return self._train(name, model, directory, config, self.schedule, seconds)

    def score(self) -> None:
        """Add the numbers of every way to learn."""
        session, data, seed = self.session, self.session.judged, self.config.seed
        for name, model in self.models.items():
            if model.joins:
                encoded = model.encode(data, data.split["test"])
                found = joined_reconstruction(model, data, self.config, "test", encoded)
            else:
                found = reconstruction_metrics(model, data, "test", {self.target: Prior()}, seed)
            key = name if name in (RIVAL, MAIN) else f"{MAIN}/{name}"
            measures = {f"{key}/{what}": found[f"test/{self.target}/{what}"] for what in ("r2_mean", "r2_std", "r2")}
            raced = race_metrics(self.courses[name], self.courses[RIVAL]) if {name, RIVAL} <= set(self.courses) else {}
            session.add(measures | {f"{key}/{what}": value for what, value in raced.items()})
            if name == MAIN:
                session.add(found)
        session.add(disentanglement(self.models[MAIN], self.models[RIVAL], data, self.target, seed))

    def pictures(self) -> dict[str, Figure]:
        """Curves (Fig. 12), reconstructions (Fig. 13), traversals (Fig. 14) and the factors."""
        settings, data = self.config.evaluation, self.session.judged
        main, rival = self.models[MAIN], self.models[RIVAL]
        return {
            **({"race": race(self.courses)} if self.courses else {}),
            "reconstructions": side_by_side(self.models, self.small, data, self.target, settings.reconstructions),
            **traversals(main, rival, data, self.target, settings.traverse),
            **factor_pictures(main, data),
        }

    def _large(self) -> VaeView:
        """With fresh networks, the same for every training."""
        config, data, name = self.config, self.session.data, self.target
        train, runtime = data.having("train", name), self.session.runtime
        view = fresh_view(name, config.views[name], data.views[name], train, runtime, config.seed)
        assert isinstance(view, VaeView)
        return view

    def _small(self) -> FrozenView:
        """From the run `pretrained`, or trained here."""
        config, session, name = self.config, self.session, self.source
        part = session.data.views[name]
        if config.pretrained is not None:
            source = only_vae(config.pretrained, "pretrained", config.trust)
            return frozen_view(config.pretrained, source, name, part, session.runtime, "pretrained", config.trust)
        folder = session.directory / SMALL
        view = session.favae.views[name]
        alone = self.config.schedule.model_copy(update={"rounds": 0})
        training = Training(
            FAVAE({name: view}),
            session.data,
            config,
            folder,
            schedule=alone,
            world=session.runtime.world,
            identity=session.identity,
            label=SMALL,
        )
        training.run(self.stop)
        training.log.close()
        assert isinstance(view, VaeView)
        frozen = FrozenView(view.config, part.shape, session.runtime)
        load_networks(frozen, folder, name, f"views.{name}")
        return frozen

    def _warm_start(self, large: VaeView) -> None:
        data = self.session.data
        indices = data.having("train", self.target)
        chosen = numpy_generator(self.config.seed, "calibration").permutation(indices)[:CALIBRATION]
        images = data.views[self.target].gather(np.sort(chosen))
        batches = (large.batch(images[part]) for part in large.parts(len(images)))
        done = warm_start((self.small.encoder, self.small.decoder), (large.encoder, large.decoder), batches)
        logger.info("warm start: %d layers copied, %d more refitted", len(done.copied), len(done.refitted))

    def _train(
        self,
        name: str,
        model: FAVAE,
        directory: Path,
        config: Config,
        schedule: ScheduleConfig,
        begun: float = 0.0,
    ) -> Training:
        """Train a model that took `begun` seconds to prepare."""
        logger.info("%s", name)
        fresh = config.model_copy(update={"pretrained": None})  # the earlier run is the small VAE, nothing else
        world = self.session.runtime.world
        training = Training(
            model,
            self.session.data,
            fresh,
            directory,
            schedule=schedule,
            watched=("test",),
            world=world,
            identity=self.session.identity,
            label=name,
        )
        start = training.progress.seconds.setdefault("warm_start", begun)  # a resumed run has it in its checkpoint
        training.run(self.stop)
        self.models[name] = model
        if world.is_main:  # the log is its own
            if (course := Course.read(directory, self.target, start)) is None:
                logger.warning("%s is left out of the race: its record lacks the first epochs", name)
            else:
                self.courses[name] = course
        if name != MAIN:  # its log stays open for the figures
            training.log.close()
        return training
