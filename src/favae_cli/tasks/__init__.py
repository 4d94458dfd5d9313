"""What a run can do, one module a task."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from favae_cli.common import extensions
from favae_cli.common.disk import written_to
from favae_cli.common.errors import Interrupted, UserError
from favae_cli.common.live_line import live_line
from favae_cli.common.log_lines import logging_to, silent
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.watch import watched
from favae_cli.config.run import TASKS, Config
from favae_cli.config.scores import require_score
from favae_cli.machine.stop_signals import StopRequest

logger = logging.getLogger(__name__)


def run_task(config: Config, directory: Path) -> float:
    """Run `config.task` in `directory`, or go on with it where it was interrupted.

    Returns:
        The number of metrics.json that `config.score` names, for a sweep to compare; NaN in a process that is
        not the main one.

    Raises:
        Interrupted: by SIGTERM or Ctrl-C; says how to go on.
        UserError: a score that the task does not report, a mistake that only the data could show, or a full disk.
    """
    from favae_cli.machine.world import World  # loads torch, which not all modules of this package need

    world = World.here()
    is_main = world.is_main
    trust = " trust=true" if config.needs_trust else ""
    again = f"favae-run resume={directory}{trust}"
    room = written_to(directory, f"when there is room and leave to, go on with: {again}")
    with room, _shown(directory, world.size > 1) if is_main else silent(), StopRequest().handling() as stop:
        require_score(config)  # watched as all else, or its folder would not say why nothing came of it
        task = _task(config.task.name)
        try:
            metrics = task(config, directory, stop)
        except Interrupted as interrupted:
            logger.info("stopped")
            raise Interrupted(f"stopped and saved; go on with: {again}") from interrupted
    if not is_main:
        return math.nan
    if config.score not in metrics:
        raise UserError(f"score: there is no {config.score!r} in {RunFolder(directory).metrics}")
    return metrics[config.score]


@contextmanager
def _shown(directory: Path, leads: bool) -> Iterator[None]:
    """Whoever watches the run learns of it, on the terminal and from its folder; as `live_line`."""
    with (
        live_line(leads) as line,
        logging_to(directory, line),
        watched(directory, line.show if line else None),
    ):
        yield


def _task(name: str) -> Callable[[Config, Path, StopRequest], dict[str, float]]:
    """What runs a task: `run` of a module here, or what another package adds."""
    found: Callable[[Config, Path, StopRequest], dict[str, float]] = (
        import_module(f"{__name__}.{name}").run if name in TASKS else extensions.added("tasks", name)
    )
    return found
