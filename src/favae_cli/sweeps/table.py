"""sweep.csv: what is known of the runs of a sweep; and the lock of those who write it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.common.run_folder import SweepFolder
from favae_cli.common.stored_files import read_text
from favae_cli.reporting.table import Table
from favae_cli.reporting.terminal import tables_as_text

RESULTS = ("score", "status", "seconds", "folder", "error")
_SHOWN = 20  # rows on the screen


@dataclass
class SweepTable:
    """What sweep.csv holds; every cell is text.

    Attributes:
        columns: job, the swept keys, score, status, seconds, folder, error, then all of metrics.json.
        rows: by job, the folder of the run inside the sweep's: a number unless `hydra.sweep.subdir` says otherwise.
    """

    columns: list[str]
    rows: dict[str, dict[str, str]]

    @classmethod
    def read(cls, folder: Path) -> SweepTable:
        """The table in `folder`, as it was written.

        Raises:
            UserError: the file is damaged.
        """
        path = SweepFolder(folder).table
        try:
            reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restval="")
            columns, rows = list(reader.fieldnames or ()), list(reader)
            if not {"job", *RESULTS} <= set(columns) or any(None in row for row in rows):
                raise ValueError("its columns are not those of a sweep")
            for row in rows:
                for name in ("score", "seconds"):
                    float(row[name] or 0)
        except (ValueError, csv.Error) as error:
            raise UserError(f"{path}: is damaged ({error}); put back what was there, or begin a new sweep") from error
        return cls(columns, {row["job"]: row for row in rows})

    def write(self, folder: Path) -> None:
        """Replace the file at once, so that a reader never sees half a table."""
        with replacing(SweepFolder(folder).table) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(sorted(self.rows.values(), key=lambda row: (len(row["job"]), row["job"])))

    @property
    def swept(self) -> list[str]:
        """Columns of the swept keys, between the job's number and the score."""
        return self.columns[1 : self.columns.index("score")]

    def status(self, job: str) -> str:
        """One of "unfinished", "finished" and "failed"; empty for a run that was never begun."""
        return self.rows.get(job, {}).get("status", "")

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


def lock(folder: Path) -> FileLock:
    """For as long as the table is changed: several runs of the sweep may go on side by side."""
    return FileLock(SweepFolder(folder).lock)


def _short(cell: str) -> str:
    """A number with the digits that matter on a screen; what is none as it is."""
    try:
        return f"{float(cell):.4g}"
    except ValueError:
        return cell
