"""What every task begins and ends with: data and model at the start; numbers, figures and report at the end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec

import pandas as pd
from matplotlib.figure import Figure

from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.watch import doing
from favae_cli.config.models import FactorModelConfig
from favae_cli.config.run import Config
from favae_cli.config.stored import record_changes
from favae_cli.data import Dataset
from favae_cli.data.loading import loaded
from favae_cli.evaluation.health import ailments, noted
from favae_cli.evaluation.reconstruction import reconstruction_metrics
from favae_cli.machine.runtime import Runtime, prepare
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.machine.world import World
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.reporting import figures
from favae_cli.reporting.report import write_report
from favae_cli.reporting.style import save
from favae_cli.reporting.terminal import as_text
from favae_cli.training.build import build_model
from favae_cli.training.epoch_state import Prior
from favae_cli.training.identity import Identity, known_again, standing_identity
from favae_cli.training.priors import expected_priors
from favae_cli.training.records import read_records
from favae_cli.training.run_log import RunLog
from favae_cli.training.schedule import Training
from favae_cli.views import Encoded

logger = logging.getLogger(__name__)

P = ParamSpec("P")


@dataclass
class Session:
    """One run of a task in its folder.

    Attributes:
        config: of the run.
        directory: where it writes.
        runtime: device, precision and processes.
        data, model: as the config asks for them.
        metrics: flat, as in metrics.json; saved whenever some are added.
        pictures: the file of each figure drawn so far, by name.
        results: the tables kept so far, by name.
        identity: of the run; None where nothing is trained.
    """

    config: Config
    directory: Path
    runtime: Runtime
    data: Dataset
    model: FAVAE | JointVAE
    metrics: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    results: dict[str, pd.DataFrame] = field(default_factory=dict)
    identity: Identity | None = None
    _drawing: bool = field(default=False, init=False)

    @classmethod
    def open(cls, config: Config, directory: Path) -> Session:
        """Load the data and build the model; of a run that was begun here the samples that it knows.

        Raises:
            UserError: a mistake in the config that only the data or the machine could show, or a run that was begun
                here with another config or other data.
        """
        runtime = prepare(config.trainer, World.here())
        doing("data")
        begun = time.perf_counter()
        data = loaded(config.data, config.cache, config.seed)
        data = data.seen_as(config.sources)
        identity = standing_identity(directory)
        if identity is not None:
            identity.require_config(config, directory, "resume")
            data = known_again(data, identity, directory)
        identity = identity or Identity.of(config, data)
        spent = time.perf_counter() - begun
        session = cls(config, directory, runtime, data, build_model(config, data, runtime), identity=identity)
        if config.resume is not None and runtime.world.is_main:
            record_changes(directory, config)
        session.metrics["seconds/data"] = spent
        return session

    @property
    def favae(self) -> FAVAE:
        """The model of a task that takes no other."""
        if not isinstance(self.model, FAVAE):
            raise TypeError("this task needs factors")
        return self.model

    def asked(self, split: str) -> Dataset:
        """The data whose `split` has to have what the task needs: to learn from it, or to be judged by it."""
        return self.data if split == "train" else self.judged

    @property
    def judged(self) -> Dataset:
        """The data that a model is judged by: no more of them than `evaluation.samples`."""
        return self.data.thinned(self.config.evaluation.samples)

    def train(self, stop: StopRequest) -> Training:
        """Train the model by its plan, and report what the VAEs were alone and how fast it went.

        Raises:
            Interrupted: as `stop` asked, after saving.
        """
        model = self.model

        def before() -> dict[str, float]:
            if not isinstance(model, FAVAE) or not model.trainable:
                return {}  # no VAE has learned alone
            alone = {name: Prior() for name in model.trainable}
            return reconstruction_metrics(model, self.judged, "test", alone, self.config.seed)

        world, identity = self.runtime.world, self.identity
        training = Training(model, self.data, self.config, self.directory, before, world=world, identity=identity)
        training.run(stop)
        self.add({f"before/{name}": value for name, value in training.progress.before.items()})
        self.add(training.progress.speeds())
        return training

    def reconstruct(self, split: str) -> dict[str, dict[str, Encoded]]:
        """Score how the joined model reconstructs the samples of a split.

        Returns:
            q(z | x) of the training samples and of these, by split and then by view.
        """
        model, data = self.favae, self.judged
        encoded = {part: model.encode(data, data.split[part]) for part in {"train", split}}
        self.add(joined_reconstruction(model, data, self.config, split, encoded[split]))
        return encoded

    def add(self, metrics: Mapping[str, float]) -> None:
        """Keep these numbers, on disk at once."""
        # What could not be measured has no key: NaN is no JSON.
        self.metrics.update({name: value for name, value in metrics.items() if value == value})
        if not self.runtime.world.is_main:
            return
        with replacing(RunFolder(self.directory).metrics) as file:
            file.write_text(json.dumps(self.metrics, indent=2, allow_nan=False) + "\n")

    def goes_on(self) -> bool:
        """End what several processes do together; whether this is the one that evaluates and reports."""
        self.runtime.world.part()
        return self.runtime.world.is_main

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Report how long the context took as `seconds/<phase>`."""
        begun = time.perf_counter()
        doing(phase)
        logger.info("%s begins", phase)
        yield
        self.add({f"seconds/{phase}": time.perf_counter() - begun})

    def draw(self, make: Callable[P, Mapping[str, Figure]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Make figures and keep them, on disk at once; nothing of that where the config asks for none."""
        if self.config.evaluation.figures is False:
            return
        if not self._drawing:
            self._drawing = True
            doing("figures")
            logger.info("figures begin")
        pictures = make(*args, **kwargs)
        folder = RunFolder(self.directory)
        folder.figures.mkdir(exist_ok=True)
        for name, figure in pictures.items():
            self.pictures[name] = folder.figure(name)
            save(figure, self.pictures[name])

    def keep(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Keep these tables, on disk at once; the report shows them."""
        self.results.update(tables)
        for name, table in tables.items():
            path = RunFolder(self.directory).result(name)
            path.parent.mkdir(exist_ok=True)
            with replacing(path) as file:
                table.to_csv(file, index=False)

    def close(self, log: RunLog) -> dict[str, float]:
        """Draw what the log holds, fill TensorBoard, look for what may be wrong, report and say where all lies."""
        epochs, rounds = (read_records(self.directory, kind) for kind in ("epoch", "round"))
        if epochs:
            self.draw(lambda: {"curves": figures.curves(epochs)})
        if rounds:
            self.draw(lambda: {"bound": figures.bound(rounds)})
        for name, path in self.pictures.items():
            log.picture(name, path, len(epochs))
        log.numbers(self.metrics, len(epochs))
        log.close()
        noted(ailments(self.model, self.data, self.config, rounds), self.directory)
        doing("report")
        logger.info("report begins")
        write_report(self.directory)
        logger.info("\n%s", as_text(self.metrics))
        folder = RunFolder(self.directory)
        for what, where in (
            ("figures", folder.figures),
            ("report", folder.report),
            ("checkpoints", folder.checkpoints),
            ("numbers", folder.metrics),
        ):
            if where.exists():
                logger.info("%-12s %s", what, where)
        return self.metrics


def joined_reconstruction(
    model: FAVAE, data: Dataset, config: Config, split: str, encoded: dict[str, Encoded]
) -> dict[str, float]:
    """`reconstruction_metrics` of a joined model, against the priors that its factors give the samples of a split.

    Args:
        encoded: q(z | x) of these samples, by view.
    """
    assert isinstance(config.model, FactorModelConfig)
    priors = expected_priors(model, data, config.model, split, encoded, config.plan.rounds)
    return reconstruction_metrics(model, data, split, priors, config.seed)


def complete(
    config: Config,
    directory: Path,
    stop: StopRequest,
    require: Callable[[Session, str], None],
    evaluate: Callable[[Session, str], None],
) -> dict[str, float]:
    """Train, evaluate on the test split and report in `directory`, in the order of every task with one training.

    Args:
        config: of the run.
        directory: where it writes.
        stop: asked while it trains.
        require: refuses, before any training, a split on which nothing could be learned or judged.
        evaluate: scores and draws what the trained model does with a split.

    Returns:
        The flat metrics, as in metrics.json; in a process that is not the main one, what it has of them.

    Raises:
        Interrupted: as `stop` asked, after saving.
        UserError: a mistake that only the data could show.
    """
    session = Session.open(config, directory)
    for split in ("train", "test"):
        require(session, split)
    training = session.train(stop)
    if not session.goes_on():
        return session.metrics
    evaluate(session, "test")
    return session.close(training.log)
