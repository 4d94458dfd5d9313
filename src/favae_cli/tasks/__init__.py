"""What a run can do, one module a task."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from favae_cli.common import extensions
from favae_cli.common.errors import Interrupted, UserError
from favae_cli.common.log_lines import logging_to, silent
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.run import TASKS, Config
from favae_cli.config.scores import require_score
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.machine.world import World

logger = logging.getLogger(__name__)


def run_task(config: Config, directory: Path) -> float:
    """Run `config.task` in `directory`, or go on with it where it was interrupted.

    Returns:
        The number of metrics.json that `config.score` names, for a sweep to compare; NaN in a process that is
        not the main one.

    Raises:
        Interrupted: by SIGTERM or Ctrl-C; says how to go on.
        UserError: a score that the task does not report, a mistake that only the data could show.
    """
    require_score(config)
    task = _task(config.task.name)
    is_main = World.here().is_main
    with logging_to(directory) if is_main else silent(), StopRequest().handling() as stop:
        try:
            metrics = task(config, directory, stop)
        except Interrupted as interrupted:
            logger.info("stopped")
            trust = " trust=true" if config.needs_trust else ""
            raise Interrupted(f"stopped and saved; go on with: favae-run resume={directory}{trust}") from interrupted
    if not is_main:
        return math.nan
    if config.score not in metrics:
        raise UserError(f"score: there is no {config.score!r} in {RunFolder(directory).metrics}")
    return metrics[config.score]


def _task(name: str) -> Callable[[Config, Path, StopRequest], dict[str, float]]:
    """What runs a task: `run` of a module here, or what another package adds."""
    found: Callable[[Config, Path, StopRequest], dict[str, float]] = (
        import_module(f"{__name__}.{name}").run if name in TASKS else extensions.added("tasks", name)
    )
    return found
