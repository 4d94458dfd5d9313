"""A trained run scored again, on another split or on other data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from favae_cli.config.trained_run_tasks import EvaluateConfig
from favae_cli.queries.samples import load_data
from favae_cli.tasks.session import Session
from favae_cli.training.run_log import RunLog
from favae_cli.training.trained_run import TrainedRun


def use(config: EvaluateConfig, trained: TrainedRun, directory: Path) -> None:
    """Write what the run's own task reports of a trained model: metrics.json, figures and report.html.

    Raises:
        UserError: data that do not fit the run, or on which nothing can be judged.
    """
    session = Session(trained.config, directory, trained.runtime, load_data(config, trained), trained.model)
    import_module(f"favae_cli.tasks.{trained.config.task.name}").evaluate(session, config.split)
    session.close(RunLog(directory))
