"""What the files of a run are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; every file that more than one part knows of has its name here.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The composed config, beside what Hydra says of itself."""
        return self.hydra / "config.yaml"

    @property
    def hydra(self) -> Path:
        """Folder of the composed config as Hydra keeps it."""
        return self.path / ".hydra"

    @property
    def last(self) -> Path:
        """The checkpoint that the run goes on from."""
        return self._checkpoint("last")

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation ELBO."""
        return self._checkpoint("best")

    @property
    def alone(self) -> Path:
        """The checkpoint of the VAEs before they were joined."""
        return self._checkpoint("alone")

    @property
    def tables(self) -> Path:
        """Encodings of the training samples, for as long as it trains."""
        return self.path / "tables"

    @property
    def metrics(self) -> Path:
        """The final numbers, flat, JSON."""
        return self.path / "metrics.json"

    @property
    def records(self) -> Path:
        """A line of JSON for each epoch and round."""
        return self.path / "metrics.jsonl"

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

    @property
    def report(self) -> Path:
        """One page with all numbers and figures, which needs no other file."""
        return self.path / "report.html"

    def _checkpoint(self, name: str) -> Path:
        return self.path / "checkpoints" / name
