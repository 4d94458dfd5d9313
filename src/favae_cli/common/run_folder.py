"""What the files of a run, and those of a sweep, are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, or of one use of a trained run.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def taken(self) -> bool:
        """Whether a run, or a use of one, was begun here."""
        return any(path.exists() for path in (self.config, self.checkpoints, self.records, self.metrics))

    @property
    def config(self) -> Path:
        """The composed config, beside what Hydra says of itself."""
        return self.hydra / "config.yaml"

    @property
    def hydra(self) -> Path:
        """Folder of the composed config as Hydra keeps it."""
        return self.path / ".hydra"

    @property
    def settings(self) -> Path:
        """What Hydra says of itself."""
        return self.hydra / "hydra.yaml"

    @property
    def overrides(self) -> Path:
        """The arguments that the run was begun with."""
        return self.hydra / "overrides.yaml"

    @property
    def changes(self) -> Path:
        """What it went on with, other than before: a list of overrides for each time."""
        return self.hydra / "resumed.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of all checkpoints."""
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """The checkpoint that the run goes on from."""
        return self.checkpoints / "last"

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation score."""
        return self.checkpoints / "best"

    @property
    def alone(self) -> Path:
        """The checkpoint of the VAEs before they were joined."""
        return self.checkpoints / "alone"

    @property
    def tables(self) -> Path:
        """Encodings of the training samples, for as long as it trains."""
        return self.path / "tables"

    @property
    def metrics(self) -> Path:
        """The final numbers, flat, JSON."""
        return self.path / "metrics.json"

    @property
    def health(self) -> Path:
        """What may be wrong with the trained model, JSON."""
        return self.path / "health.json"

    @property
    def records(self) -> Path:
        """A line of JSON for each epoch and round."""
        return self.path / "metrics.jsonl"

    @property
    def progress(self) -> Path:
        """What the run is at, JSON, for those who look from elsewhere."""
        return self.path / "progress.json"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's events, made anew of the records whenever the run goes on."""
        return self.path / "tensorboard"

    @property
    def log(self) -> Path:
        """What the run told, lines of text."""
        return self.path / "run.log"

    @property
    def figures(self) -> Path:
        """Folder of what evaluation and tasks draw."""
        return self.path / "figures"

    def figure(self, name: str) -> Path:
        """One of the figures, PNG."""
        return self.figures / f"{name}.png"

    @property
    def results(self) -> Path:
        """Folder of the tables that evaluation leaves, of which the report shows some."""
        return self.path / "results"

    def result(self, name: str) -> Path:
        """One of these tables, CSV."""
        return self.results / f"{name}.csv"

    @property
    def cards(self) -> Path:
        """What the cards of factors show, JSON."""
        return self.path / "cards.json"

    @property
    def images(self) -> Path:
        """What a use of a trained run makes, one by one."""
        return self.path / "images"

    @property
    def report(self) -> Path:
        """One page with all numbers and figures, which needs no other file."""
        return self.path / "report.html"

    def trace(self, name: str) -> Path:
        """The profile of a few training steps of a view, or of a model that trains as a whole."""
        return self.path / f"trace_{name}.json"

    @property
    def lock(self) -> Path:
        """Held by the process that trains the run."""
        return self.path / ".lock"

    @property
    def holder(self) -> Path:
        """Which process that is, and on which machine."""
        return self.path / ".holder"

    @property
    def folders(self) -> tuple[Path, ...]:
        """What a folder inside this one must not be called."""
        return self.checkpoints, self.figures, self.results, self.tables, self.tensorboard


@dataclass(frozen=True)
class SweepFolder:
    """The folder of one sweep, with a folder for each of its runs in it.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """Hydra's name for the config of a sweep."""
        return self.path / "multirun.yaml"

    @property
    def table(self) -> Path:
        """A row a run."""
        return self.path / "sweep.csv"

    @property
    def lock(self) -> Path:
        """Held for as long as the table is changed."""
        return self.path / ".sweep.csv.lock"

    @property
    def figure(self) -> Path:
        """The scores of its runs by the swept keys."""
        return self.path / "sweep.png"

    def run(self, job: str) -> RunFolder:
        """The folder of one of its runs."""
        return RunFolder(self.path / job)
