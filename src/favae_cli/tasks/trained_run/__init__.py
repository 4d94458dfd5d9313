"""What can be done with a trained run, one module a task."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path

from favae_cli.common.disk import written_to
from favae_cli.common.errors import Interrupted
from favae_cli.common.log_lines import logging_to
from favae_cli.config.trained_run_tasks import UseConfig
from favae_cli.machine.runtime import prepare
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.training.trained_run import load_run

AGAIN = "when there is room and leave to, give the command again"

logger = logging.getLogger(__name__)


def use_run(config: UseConfig, directory: Path) -> None:
    """Do `config.task` with the run that it names, and write into `directory`.

    Raises:
        Interrupted: by SIGTERM or Ctrl-C.
        UserError: a mistake that only the run, its data or the inputs could show.
    """
    task = import_module(f"{__name__}.{config.task}")
    with written_to(directory, AGAIN), logging_to(directory), StopRequest().handling():
        try:
            task.use(config, load_run(config.run, prepare(config.trainer), config.trust), directory)
        except Interrupted as interrupted:
            raise Interrupted(f"stopped; what was made until then is in {directory}") from interrupted
        logger.info("done: %s", directory)
