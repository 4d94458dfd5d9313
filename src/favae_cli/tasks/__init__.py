"""What a run can do, one module a task."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from favae_cli.config import Config
from favae_cli.errors import UserError


def run_task(config: Config, directory: Path) -> float:
    """Run `config.task` in `directory`.

    Returns:
        The number of metrics.json that `config.score` names, for a sweep to compare.

    Raises:
        UserError: a mistake that only the data could show, or a score that the task does not report.
    """
    metrics: dict[str, float] = import_module(f"{__name__}.{config.task.name}").run(config, directory)
    if config.score not in metrics:
        raise UserError(f"score: there is no {config.score!r} in {directory / 'metrics.json'}")
    return metrics[config.score]
