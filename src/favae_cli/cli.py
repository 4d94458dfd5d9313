"""The `favae-run` entry point: compose, validate, dispatch."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from favae_cli import __version__
from favae_cli.errors import Interrupted, UserError
from favae_cli.folders import config_folders, shipped_configs
from favae_cli.help import help_text

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from favae_cli.config import Config
    from favae_cli.init_config import Init
    from favae_cli.use_config import Use

MISTAKE, INTERRUPTED = 2, 130  # exit codes


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for and return the exit code: 2 for a user's mistake, told in a line each, 130
    for a run that was interrupted.

    Args:
        argv: the arguments after the program's name; those of the process when None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(help_text(config_folders()))
        return 0
    if "--version" in arguments:
        sys.stdout.write(f"favae-run {__version__}\n")
        return 0
    try:
        _dispatch(arguments)
    except (UserError, Interrupted) as ending:
        return _tell(ending)
    return 0


def _dispatch(arguments: list[str]) -> None:
    # Hydra and the schema take most of a second to import: --help does without them.
    from favae_cli.compose import CHECK, checked_overrides, composition_mistakes, parse_arguments, primary_config
    from favae_cli.resume import resume, resumed_folder

    parsed = parse_arguments(arguments)
    folder = resumed_folder(parsed)
    if folder is not None:
        from favae_cli.sweep import end_resumed

        config = resume(folder, parsed)
        end_resumed(folder, _run(config, folder), config.score)
        return
    primary = primary_config(parsed)
    if primary == CHECK:  # which task the experiment has is part of what is checked
        arguments.remove("task=check")
        parsed.overrides.remove("task=check")
    if not (parsed.hydra_help or parsed.shell_completion):
        forms = dict(zip(parsed.overrides, checked_overrides(parsed, primary), strict=True))
        arguments = [forms.get(argument, argument) for argument in arguments]
    shown = parsed.cfg or parsed.info or parsed.hydra_help or parsed.shell_completion
    with composition_mistakes() if shown else nullcontext():
        _call_hydra(arguments, primary)


def _call_hydra(arguments: list[str], primary: str) -> None:
    """Let Hydra compose once more, make the folder of each run and call `_job` in it."""
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints bugs in its own, shortened way and exits
    sys.argv[1:] = arguments
    hydra.main(version_base="1.3", config_path=str(shipped_configs()), config_name=primary)(_job)()


def _job(composed: DictConfig) -> float | None:
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from favae_cli.compose import CHECK, INIT, USE
    from favae_cli.config import validate
    from favae_cli.init_config import validate_init
    from favae_cli.use_config import validate_use

    settings = HydraConfig.get()
    directory = Path(settings.runtime.output_dir)
    if settings.mode == RunMode.MULTIRUN:
        changes = " ".join(override.lstrip("+") for override in settings.overrides.task)
        sys.stdout.write(f"run {settings.job.num} of the sweep: {changes}\n")
    try:
        primary = settings.job.config_name
        if primary == INIT:
            _init(validate_init(composed))
        elif primary == CHECK:
            _check(composed)
        elif primary == USE:
            _use(validate_use(composed), directory)
        else:
            return _run(validate(composed), directory)
        return None
    except (UserError, Interrupted) as ending:
        if isinstance(ending, UserError) and settings.mode == RunMode.MULTIRUN:
            raise  # Hydra goes on with the other runs and raises it again after the last
        # Hydra would add lines of its own to an ordinary exception.
        raise SystemExit(_tell(ending)) from ending


def _run(config: Config, directory: Path) -> float:
    from favae_cli.tasks import run_task

    return run_task(config, directory)


def _use(config: Use, directory: Path) -> None:
    from favae_cli.tasks.use import use_run

    use_run(config, directory)


def _init(config: Init) -> None:
    from favae_cli.tasks.own.init import init

    init(config)


def _check(composed: DictConfig) -> None:
    from favae_cli.tasks.own.check import check

    check(composed)


def _tell(ending: UserError | Interrupted) -> int:
    for line in str(ending).splitlines():
        sys.stderr.write(f"favae-run: {line}\n")
    return MISTAKE if isinstance(ending, UserError) else INTERRUPTED
