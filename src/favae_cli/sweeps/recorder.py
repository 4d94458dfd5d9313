"""The table and the picture of a sweep, kept up to date run by run, and whose turn a run is."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder, SweepFolder
from favae_cli.common.run_lock import holding, is_held
from favae_cli.config.overrides import parse_overrides, plain_key, sweep_overrides
from favae_cli.sweeps.table import RESULTS, SweepTable, lock
from favae_cli.training.records import final_numbers

logger = logging.getLogger(__name__)


class SweepRecorder(Callback):
    """Hydra tells it when a sweep and each of its runs begin and end; configs/hydra/default.yaml registers it.

    A run has a row from its beginning on, so that one that was interrupted or killed is not forgotten: its status
    stays "unfinished". Launchers that begin runs in other processes take it along.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Begin sweep.csv, unless the sweep goes on and has one."""
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        with lock(folder):
            with replacing(SweepFolder(folder).config) as file:
                OmegaConf.save(config, file)  # of Hydra's sweepers only the basic one does
            if not SweepFolder(folder).table.is_file():  # else it goes on
                overrides = sweep_overrides(config.hydra.sweeper, config.hydra.overrides.task)
                swept = [plain_key(override) for override in overrides.values() if override.is_sweep_override()]
                SweepTable(["job", *swept, *RESULTS], {}).write(folder)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Give the run its row, unfinished, with the values of the swept keys."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        folder, job = _place(config.hydra)
        with lock(folder):
            table = SweepTable.read(folder)
            # Nobody knows how long it took to where it goes on from.
            self._begun = None if table.status(job) == "unfinished" else time.perf_counter()
            if job not in table.rows:
                asked = _swept_values(table, config.hydra.overrides.task)
                place = os.path.relpath(config.hydra.runtime.output_dir, config.hydra.runtime.cwd)
                table.fill(job, {**asked, "status": "unfinished", "folder": place})
                table.write(folder)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Fill in how the run ended, its score and its seconds."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        folder, job = _place(config.hydra)
        if SweepTable.read(folder).status(job) == "finished":  # before it was begun
            return
        seconds = "" if self._begun is None else f"{time.perf_counter() - self._begun:.1f}"
        ending = job_return._return_value  # the public name would raise it where it is an error
        _end_row(folder, job, ending, config.score, seconds)


@contextmanager
def own_run(settings: HydraConf) -> Iterator[float | None]:
    """Keep a run of a sweep to this process for as long as the context lasts, and wait while another one has it.

    What an interrupted run left stays, for its checkpoint to go on from; what a failed one left is cleared away.

    Args:
        settings: the run's `hydra` node.

    Yields:
        The score of a run that is finished already, None for one that is to be run.

    Raises:
        UserError: the row of the run belongs to other values of the swept keys.
    """
    folder, job = _place(settings)
    with _alone(folder, job):
        with lock(folder):
            table = SweepTable.read(folder)
            row = table.rows[job]
            for key, value in _swept_values(table, settings.overrides.task).items():
                if row.get(key) != value:
                    raise UserError(f"{key}: run {job} of {folder} has {row.get(key)}, not {value}; begin a new sweep")
            if row["status"] == "failed":
                _clear(SweepFolder(folder).run(job))
                table.fill(job, {"status": "unfinished", "error": "", "seconds": ""})
                table.write(folder)
        yield float(row["score"]) if row["status"] == "finished" else None


def end_resumed(directory: Path, score: float, name: str) -> None:
    """Complete the row of a run that was resumed, if it is one of a sweep's.

    Args:
        directory: of the run.
        score: that it reached.
        name: of the score.
    """
    folder, job = directory.parent, directory.name
    if SweepFolder(folder).table.is_file() and job in SweepTable.read(folder).rows:
        _end_row(folder, job, score, name)


def _end_row(folder: Path, job: str, ending: float | Exception, name: str, seconds: str = "") -> None:
    """Write down how a run ended, draw the picture anew and tell how the sweep stands."""
    from favae_cli.common.log_lines import logging_to

    sweep = SweepFolder(folder)
    cells: dict[str, Any] = {"seconds": seconds, **final_numbers(sweep.run(job).path)}
    if isinstance(ending, Exception):
        reason = str(ending) if isinstance(ending, UserError) else repr(ending)
        cells |= {"status": "failed", "error": reason}
    else:
        cells |= {"status": "finished", "score": ending}
    with lock(folder):
        table = SweepTable.read(folder)
        table.fill(job, cells)
        table.write(folder)
        if table.swept and (scored := table.scored()):
            # Loads matplotlib and pandas, and Hydra makes a recorder for every command.
            from favae_cli.sweeps.figure import draw_sweep

            draw_sweep(scored, table.swept, name, sweep.figure)
    with logging_to(folder):
        if isinstance(ending, Exception):
            bug = None if isinstance(ending, UserError) else ending
            logger.error("run %s of the sweep failed: %s", job, reason, exc_info=bug)
        logger.info("\n%s", table.as_text())
        logger.info("%-12s %s", "sweep", sweep.table)


@contextmanager
def _alone(folder: Path, job: str) -> Iterator[None]:
    """Hold the run's lock, however long another process has it."""
    place = SweepFolder(folder).run(job).path
    if is_held(place):
        sys.stdout.write(f"run {job} of the sweep: is under way in another process; waiting for its end\n")
    with holding(place, patience=-1):
        yield


def _clear(run: RunFolder) -> None:
    """Take away what a failed run left, so that the next does not go on from it; its log stays."""
    for path in set(run.path.iterdir()) - {run.hydra, run.log, run.lock, run.holder}:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _place(settings: HydraConf) -> tuple[Path, str]:
    """The folder of the sweep, and that of the run inside it."""
    folder = Path(settings.sweep.dir)
    return folder, os.path.relpath(settings.runtime.output_dir, folder)


def _swept_values(table: SweepTable, overrides: Sequence[str]) -> dict[str, str]:
    """What the overrides of a run say of the swept keys."""
    asked = {plain_key(override): _value(override) for override in parse_overrides(overrides)}
    return {key: value for key, value in asked.items() if key in table.swept}


def _value(override: Override) -> str:
    value = override.value()
    return value if isinstance(value, str) else override.get_value_element_as_str()
