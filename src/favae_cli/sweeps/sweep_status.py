"""What can be said of a sweep from outside of its processes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import SweepFolder
from favae_cli.common.stored_files import read_config
from favae_cli.config.overrides import sweep_overrides
from favae_cli.sweeps.table import SweepTable
from favae_cli.training.run_status import RunStatus


@dataclass(frozen=True)
class SweepStatus:
    """How a sweep is.

    Attributes:
        table: what its runs have written down.
        runs: how each of these is, by job.
        jobs: how many there are to be; None where its config does not say.
    """

    table: SweepTable
    runs: dict[str, RunStatus]
    jobs: int | None

    @classmethod
    def of(cls, folder: Path) -> SweepStatus:
        """That of the sweep in a folder.

        Raises:
            UserError: one of its files is damaged.
        """
        table, sweep = SweepTable.read(folder), SweepFolder(folder)
        return cls(table, {job: _of_run(table, sweep, job) for job in table.rows}, _jobs(sweep))

    @property
    def waiting(self) -> int:
        """Runs that nobody has begun."""
        return max((self.jobs or 0) - len(self.runs), 0)

    @property
    def told(self) -> str:
        """How many of its runs are in which state."""
        counts = Counter(status.state for status in self.runs.values())
        parts = [f"{count} {state}" for state, count in counts.items()]
        return ", ".join([*parts, *([f"{self.waiting} waiting"] if self.waiting else [])]) or "nothing begun"

    @property
    def left(self) -> float | None:
        """Seconds until the last run ends, about: each takes what those that finished took, and so many go on at once.

        None before one has finished, and where nobody is at work.
        """
        took = [
            float(row["seconds"]) for row in self.table.rows.values() if row["status"] == "finished" and row["seconds"]
        ]
        running = sum(status.state == "running" for status in self.runs.values())
        if not took or not running:
            return None
        return sum(took) / len(took) * math.ceil((running + self.waiting) / running)


def _of_run(table: SweepTable, sweep: SweepFolder, job: str) -> RunStatus:
    status = RunStatus.of(sweep.run(job).path)
    row = table.rows[job]
    if row["status"] == "failed" and status.state != "running":  # maybe before it could give a sign
        return RunStatus("failed", "failed", status.standing, status.heard, row["error"])
    return status


def _jobs(sweep: SweepFolder) -> int | None:
    """How many runs its config asks for."""
    if not sweep.config.is_file():
        return None
    try:
        settings = read_config(sweep.config).hydra
        if (trials := settings.sweeper.get("n_trials")) is not None:
            return int(trials)
        asked = sweep_overrides(settings.sweeper, settings.overrides.task).values()
        return math.prod(len([*each.sweep_string_iterator()]) for each in asked if each.is_sweep_override())
    except (UserError, AttributeError):  # another's sweeper, or a file that has no such keys
        return None
