"""Say of runs how far they are, when they will end and whether they still live; nothing is written to their folders."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path

from favae_cli.common.errors import UserError, printable
from favae_cli.common.found_runs import found_runs, is_run
from favae_cli.common.live_line import line
from favae_cli.common.run_folder import RunFolder, SweepFolder
from favae_cli.common.standing import time_told
from favae_cli.config.aside_tasks import StatusConfig
from favae_cli.config.scores import require_score
from favae_cli.config.stored import stored_config, validate_stored
from favae_cli.reporting.table import Table, clipped
from favae_cli.reporting.terminal import tables_as_text
from favae_cli.sweeps.sweep_status import SweepStatus
from favae_cli.training.run_status import AFTER, RunStatus

WIDTH = 200  # characters of how far a run is; a table cuts it
SHORT = 44


def status(config: StatusConfig) -> None:
    """Tell it of a run, of a sweep, or of all in a folder.

    Raises:
        UserError: there is no such folder, or neither in it.
    """
    folder = config.run
    if not folder.is_dir():
        raise UserError(f"run: there is no folder {folder}")
    if SweepFolder(folder).table.is_file():
        told = _sweep(folder)
    elif is_run(folder):
        told = _run(folder)
    else:
        told = _all(folder, config.count)
    sys.stdout.write(printable(told) + "\n")


def _run(folder: Path) -> str:
    """All that is known of one."""
    found = RunStatus.of(folder)
    lines = [f"{folder}: {found.told}"]
    if found.standing and found.state != "finished":
        lines.append(f"  {line(found.standing, WIDTH)}")
        if found.state == "running" and found.standing.phase not in AFTER:
            until = f" until about {_clock(found.ends)}, as fast as it went so far" if found.ends else ""
            lines.append(f"  trains{until}; then it is evaluated and reported")
    lines += [f"  {each}" for each in found.error.splitlines()]
    if found.state in ("stopped", "killed", "unfinished", "failed") and (way := _way_on(folder)):
        lines.append(f"  goes on by: {way}")
    if found.state == "finished" and (report := RunFolder(folder).report).is_file():
        lines.append(f"  report: {report}")
    return "\n".join(lines)


def _way_on(folder: Path) -> str | None:
    """The command that goes on with a run; None where it would be refused, and of arrays that only Python had."""
    for trust in (False, True):
        try:
            config = validate_stored(stored_config(folder, "resume", trust))
            require_score(config)
        except UserError:
            continue
        if config.data.name == "arrays":
            return None
        return f"favae-run resume={folder}" + (" trust=true" if trust else "")
    return None


def _sweep(folder: Path) -> str:
    """The sweep as a whole, and each of its runs."""
    found = SweepStatus.of(folder)
    title = f"{folder}: {found.told}" + ("" if found.left is None else f"; about {time_told(found.left)} left")
    rows = [
        [job, *(found.table.rows[job].get(key, "") for key in found.table.swept), *_cells(run)]
        for job, run in found.runs.items()
    ]
    return tables_as_text([Table(title, "", ["job", *found.table.swept, *_HEADER], rows)])


def _all(folder: Path, count: int) -> str:
    """A line for each run and each sweep."""
    rows: list[tuple[float, list[str]]] = []
    for path in found_runs(folder):
        name = str(path.relative_to(folder))
        try:
            next(path.iterdir(), None)  # or it is somebody else's
            if SweepFolder(path).table.is_file():
                sweep = SweepStatus.of(path)
                heard = max((run.heard or 0.0 for run in sweep.runs.values()), default=0.0)
                left = "-" if sweep.left is None else _clock(time.time() + sweep.left)
                rows.append((heard, [name, "sweep", sweep.told, left, _ago(heard or None)]))
            else:
                run = RunStatus.of(path)
                rows.append((run.heard or 0.0, [name, *_cells(run)]))
        except PermissionError:
            rows.append((0.0, [name, "not readable", "-", "-", "-"]))
        except UserError as mistake:
            rows.append((0.0, [name, "damaged", clipped(str(mistake).splitlines()[0], SHORT), "-", "-"]))
    if not rows:
        raise UserError(f"run: there is no run in {folder}, and no sweep")
    rows.sort(key=lambda row: row[0])
    shown = [cells for _, cells in rows[-count:]]
    title = f"{folder}: " + (f"{len(rows)}" if len(shown) == len(rows) else f"the last {len(shown)} of {len(rows)}")
    return tables_as_text([Table(title, "", ["run", *_HEADER], shown)])


_HEADER = ["state", "at", "trains until", "last sign"]


def _cells(run: RunStatus) -> list[str]:
    at = clipped(run.error.splitlines()[0], SHORT) if run.error else line(run.standing, SHORT) if run.standing else ""
    if run.state == "finished":
        at = ""
    return [run.state, at or "-", _clock(run.ends) if run.ends else "-", _ago(run.heard)]


def _clock(at: float) -> str:
    """The time of day, with the day where it is another."""
    when = datetime.fromtimestamp(at)
    return f"{when:%H:%M}" if when.date() == datetime.now().date() else f"{when:%d %B, %H:%M}"


def _ago(at: float | None) -> str:
    return "-" if at is None else f"{time_told(max(time.time() - at, 0.0))} ago"
