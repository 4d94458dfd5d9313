"""Several runs side by side on one page."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from favae_cli.common.errors import UserError, printable
from favae_cli.common.found_runs import found_runs
from favae_cli.common.run_folder import SweepFolder
from favae_cli.config.aside_tasks import CompareConfig
from favae_cli.config.folders import config_of_run
from favae_cli.reporting.comparison import write_comparison
from favae_cli.sweeps.table import SweepTable

logger = logging.getLogger(__name__)


def compare(config: CompareConfig) -> None:
    """Write the page, and say where it is.

    Raises:
        UserError: a folder that holds neither a run nor a sweep or cannot be read, or fewer than two runs in all.
    """
    found = dict.fromkeys(run.resolve() for folder in config.runs for run in _runs(folder))
    for folder in found:
        config_of_run(folder, "runs")
    if len(found) < 2:
        raise UserError(f"runs: {len(found)} run to compare; name two, a sweep, or a folder that holds them")
    write_comparison(_named(list(found)), config.output)
    sys.stdout.write(printable(f"{len(found)} runs: {config.output}\n"))


def _runs(folder: Path) -> Iterator[Path]:
    """A run, those that a sweep has begun, or all that are in a folder; the folder itself where none is.

    What cannot be read is passed over, unless it is the folder itself.

    Raises:
        UserError: it is.
    """
    for path in list(found_runs(folder)) or [folder]:
        sweep = SweepFolder(path)
        try:
            if path.is_dir():
                next(path.iterdir(), None)  # or it is somebody else's
            runs = [sweep.run(job).path for job in SweepTable.read(path).rows] if sweep.table.is_file() else [path]
        except PermissionError as error:
            if path == folder:
                raise UserError(f"runs: {folder} cannot be read: permission denied") from error
            logger.warning("%s cannot be read, and is passed over", path)
            continue
        yield from runs


def _named(folders: list[Path]) -> dict[str, Path]:
    """The runs by what tells them apart: the rest of their path; of a sweep's, with the values that were swept."""
    common = os.path.commonpath(folders)
    above = {folder.parent for folder in folders}
    sweeps = {folder: SweepTable.read(folder) for folder in above if SweepFolder(folder).table.is_file()}
    return {_name(folder, common, sweeps.get(folder.parent)): folder for folder in folders}


def _name(folder: Path, common: str, sweep: SweepTable | None) -> str:
    name = os.path.relpath(folder, common)
    if sweep is None:
        return name
    row = sweep.rows.get(folder.name, {})
    return ", ".join([name, *(f"{key}={row[key]}" for key in sweep.swept if row.get(key))])
