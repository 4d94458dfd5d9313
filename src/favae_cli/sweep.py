"""The table and the picture of a sweep, kept up to date run by run."""

from __future__ import annotations

import csv
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from favae_cli.errors import UserError
from favae_cli.evaluation.style import save
from favae_cli.evaluation.sweep_figure import sweep_figure
from favae_cli.evaluation.table import Table
from favae_cli.evaluation.terminal import tables_as_text
from favae_cli.files import replacing
from favae_cli.overrides import parse_overrides, sweep_overrides

logger = logging.getLogger(__name__)

_FILE = "sweep.csv"
_RESULTS = ("score", "status", "seconds", "folder", "error")
_SHOWN = 20  # rows on the screen


@dataclass
class SweepTable:
    """What sweep.csv holds; every cell is text.

    Attributes:
        columns: job, the swept keys, score, status, seconds, folder, error, then all of metrics.json.
        rows: by the number of the job.
    """

    columns: list[str]
    rows: dict[str, dict[str, str]]

    @classmethod
    def read(cls, folder: Path) -> SweepTable:
        with (folder / _FILE).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return cls(list(reader.fieldnames or ()), {row["job"]: row for row in reader})

    def write(self, folder: Path) -> None:
        """Replace the file at once, so that a reader never sees half a table."""
        with replacing(folder / _FILE) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(sorted(self.rows.values(), key=lambda row: int(row["job"])))

    @property
    def swept(self) -> list[str]:
        return self.columns[1 : self.columns.index("score")]

    def fill(self, job: str, cells: Mapping[str, Any]) -> None:
        """Set cells of the row of `job`; a column that is new comes last."""
        self.rows.setdefault(job, {"job": job}).update({name: str(value) for name, value in cells.items()})
        self.columns += [name for name in cells if name not in self.columns]

    def scored(self) -> list[dict[str, str]]:
        """The finished runs, the best score first."""
        return sorted((row for row in self.rows.values() if row.get("score")), key=lambda row: -float(row["score"]))

    def as_text(self) -> str:
        """The best runs, then those without a score, for the terminal."""
        rows = self.scored() + [row for row in self.rows.values() if not row.get("score")]
        count = Counter(row["status"] for row in rows)
        title = "Sweep so far: " + ", ".join(f"{runs} {status}" for status, runs in count.items())
        names = ["job", *self.swept, "score", "seconds", "status"]
        cells = [[_short(row.get(name, "")) for name in names] for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            cells.append(["...", *[""] * (len(names) - 1)])
        return tables_as_text([Table(title, "", names, cells)])


class SweepRecorder(Callback):
    """Hydra tells it when a sweep and each of its runs begin and end; configs/hydra/default.yaml registers it.

    A run has a row from its beginning on, so that one that was interrupted or killed is not forgotten: its status
    stays "unfinished".
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        overrides = sweep_overrides(config.hydra.sweeper, config.hydra.overrides.task)
        swept = [_key(override) for override in overrides.values() if override.is_sweep_override()]
        SweepTable(["job", *swept, *_RESULTS], {}).write(folder)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        self._begun = time.perf_counter()
        asked = {_key(override): _value(override) for override in parse_overrides(config.hydra.overrides.task)}
        place = os.path.relpath(config.hydra.runtime.output_dir, config.hydra.runtime.cwd)
        folder = Path(config.hydra.sweep.dir)
        with _lock(folder):
            table = SweepTable.read(folder)
            swept = {key: value for key, value in asked.items() if key in table.swept}
            table.fill(str(config.hydra.job.num), {**swept, "status": "unfinished", "folder": place})
            table.write(folder)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        directory, folder = Path(config.hydra.runtime.output_dir), Path(config.hydra.sweep.dir)
        seconds = f"{time.perf_counter() - self._begun:.1f}"
        ending = job_return._return_value  # the public name would raise it where it is an error
        _end_row(folder, str(config.hydra.job.num), directory, ending, config.score, seconds)


def end_resumed(directory: Path, score: float, name: str) -> None:
    """Complete the row of a run that was resumed, if it is one of a sweep's.

    Args:
        directory: of the run.
        score: that it reached.
        name: of the score.
    """
    folder, job = directory.parent, directory.name
    if (folder / _FILE).is_file() and job in SweepTable.read(folder).rows:
        _end_row(folder, job, directory, score, name)


def _end_row(folder: Path, job: str, directory: Path, ending: float | Exception, name: str, seconds: str = "") -> None:
    """Write down how a run ended, draw the picture anew and tell how the sweep stands."""
    from favae_cli.training.run_log import logging_to  # loads torch: not before a run has had its chance to do so

    written = directory / "metrics.json"
    cells = {"seconds": seconds, **(json.loads(written.read_text()) if written.is_file() else {})}
    if isinstance(ending, Exception):
        reason = str(ending) if isinstance(ending, UserError) else repr(ending)
        cells |= {"status": "failed", "error": reason}
    else:
        cells |= {"status": "finished", "score": ending}
    with _lock(folder):
        table = SweepTable.read(folder)
        table.fill(job, cells)
        table.write(folder)
        if table.swept and (scored := table.scored()):
            runs = pd.DataFrame(scored, columns=[*table.swept, "score"])
            # Experiments may be scored by different numbers.
            save(sweep_figure(runs, "score" if "experiment" in runs else name), folder / "sweep.png")
    with logging_to(folder):
        if isinstance(ending, Exception):
            bug = None if isinstance(ending, UserError) else ending
            logger.error("run %s of the sweep failed: %s", job, reason, exc_info=bug)
        logger.info("\n%s", table.as_text())
        logger.info("%-12s %s", "sweep", folder / _FILE)


def _lock(folder: Path) -> FileLock:
    """For as long as the table is changed: a launcher may have begun several runs of the sweep side by side."""
    return FileLock(folder / f".{_FILE}.lock")


def _key(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def _value(override: Override) -> str:
    value = override.value()
    return value if isinstance(value, str) else override.get_value_element_as_str()


def _short(cell: str) -> str:
    """A number with the digits that matter on a screen; what is none as it is."""
    try:
        return f"{float(cell):.4g}"
    except ValueError:
        return cell
