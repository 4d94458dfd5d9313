"""The `favae-run` entry point: compose, validate, dispatch."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from favae_cli import __version__
from favae_cli.command_line.help_text import help_text
from favae_cli.common.disk import threads_told, written_to
from favae_cli.common.errors import Interrupted, PastHydra, UserError, printable
from favae_cli.config.folders import config_folders, shipped_configs
from favae_cli.machine.launcher_environment import Place, find_place
from favae_cli.machine.limits import fall_silent, memory_told, open_streams, require_folder
from favae_cli.machine.stop_signals import StopRequest

if TYPE_CHECKING:
    from hydra.conf import HydraConf
    from omegaconf import DictConfig

    from favae_cli.config.aside_tasks import AsideConfig
    from favae_cli.config.run import Config
    from favae_cli.config.trained_run_tasks import UseConfig

BUG, MISTAKE, INTERRUPTED, UNHEARD = 1, 2, 130, 141  # exit codes; the last is that of programs whose reader has gone
_ROOM = "make room, or name another folder by hydra.run.dir=DIR"
_ASIDE = ("hydra.run.dir=.", "hydra.output_subdir=null")  # leaves no folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for, and tell a user's mistakes in a line each.

    Args:
        argv: the arguments after the program's name; those of the process when None.

    Returns:
        The exit code: 2 for a mistake, 130 for a run that was interrupted, 141 where nobody reads what is said.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    stop = StopRequest()
    open_streams()
    try:
        # A run has a stop of its own, which knows what is to be saved.
        with written_to(None, _ROOM), threads_told(), stop.handling(), memory_told():
            require_folder()
            code = _answer(arguments)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        fall_silent()
        return UNHEARD
    except (UserError, Interrupted) as ending:
        return _tell(ending)
    except Exception:
        if not stop.asked:
            raise
        return _tell(Interrupted())  # it came in the middle of an import, say, which makes another error of it


def _answer(arguments: list[str]) -> int:
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(help_text(config_folders()))
        return 0
    if "--version" in arguments:
        sys.stdout.write(f"favae-run {__version__}\n")
        return 0
    place = find_place(os.environ)
    if place is not None:
        return _in_company(arguments, place)
    _dispatch(arguments)
    return 0


def _in_company(arguments: list[str], place: Place) -> int:
    """Be one of the processes that torchrun or srun started: the first of them to fail says why, for all."""
    from favae_cli.machine.rendezvous import is_first_to_fail, join

    store = join(place)
    try:
        _dispatch(arguments, place)
    except (UserError, Interrupted) as ending:
        return _tell(ending) if is_first_to_fail(store) else _code(ending)
    except Exception:
        if is_first_to_fail(store):
            raise
        return BUG
    return 0


def _dispatch(arguments: list[str], place: Place | None = None) -> None:
    # Hydra and the schema take most of a second to import: --help does without them.
    from favae_cli.command_line.compose import (
        asked_demo,
        checked_overrides,
        checked_run,
        parse_arguments,
        primary_config,
    )
    from favae_cli.command_line.resume_run import resume, resumed_folder
    from favae_cli.config.composition import CHECK, TRAINING, composition_mistakes

    parsed = parse_arguments(arguments)
    folder = resumed_folder(parsed)
    if folder is not None:
        from favae_cli.sweeps.recorder import end_resumed

        config = resume(folder, parsed)
        score = _run(config, folder)
        if place is None or place.is_main:
            end_resumed(folder, score, config.score)
        return
    if parsed.multirun:
        from favae_cli.command_line.resume_sweep import with_folder

        flags = [argument for argument in arguments if argument not in parsed.overrides]
        parsed.overrides = with_folder(parsed.overrides)
        arguments = [*flags, *parsed.overrides]
    if (checked := checked_run(parsed)) is not None:
        from favae_cli.tasks.check_run import check_run

        check_run(*checked)
        return
    alone = f"{place.size} processes were started: only one training run can be shared among them" if place else ""
    if (asked := asked_demo(parsed)) is not None:
        if place is not None:
            raise UserError(alone)
        from favae_cli.command_line.demo import demo

        demo(asked, lambda command: _dispatch([*command]))
        return
    primary = primary_config(parsed)
    if primary == CHECK:  # which task the experiment has is part of what is checked
        arguments.remove("task=check")
        parsed.overrides.remove("task=check")
    if not (parsed.hydra_help or parsed.shell_completion):
        forms = dict(zip(parsed.overrides, checked_overrides(parsed, primary), strict=True))
        arguments = [forms.get(argument, argument) for argument in arguments]
    if place is not None:
        if parsed.multirun or primary != TRAINING:
            raise UserError(alone)
        if not place.is_main:
            arguments = [*arguments, *_ASIDE]
    shown = parsed.cfg or parsed.info or parsed.hydra_help or parsed.shell_completion
    with composition_mistakes() if shown else nullcontext():
        _call_hydra(arguments, primary)


def _call_hydra(arguments: list[str], primary: str) -> None:
    """Let Hydra compose once more, make the folder of each run and call `_job` in it."""
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints bugs in its own, shortened way and exits
    sys.argv[1:] = arguments
    try:
        hydra.main(version_base="1.3", config_path=str(shipped_configs()), config_name=primary)(_job)()
    except PastHydra as ended:
        raise UserError(ended.code) from ended


def _job(composed: DictConfig) -> float | None:
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from favae_cli.config.aside_tasks import validate_aside
    from favae_cli.config.composition import ASIDE, CHECK, USE
    from favae_cli.config.contradictions import validate
    from favae_cli.config.trained_run_tasks import validate_use

    settings = HydraConfig.get()
    directory = Path(settings.runtime.output_dir)
    try:
        with memory_told():
            primary = settings.job.config_name
            if primary == ASIDE:
                _aside(validate_aside(composed))
            elif primary == CHECK:
                _check(composed)
            elif primary == USE:
                _use(validate_use(composed), directory)
            elif settings.mode == RunMode.MULTIRUN:
                return _run_of_sweep(validate(composed), settings)
            else:
                return _run(validate(composed), directory)
        return None
    except UserError as mistake:
        if settings.mode == RunMode.MULTIRUN:
            raise  # Hydra goes on with the other runs and raises it again after the last
        raise PastHydra(str(mistake)) from mistake


def _run(config: Config, directory: Path) -> float:
    from favae_cli.command_line.start_processes import run
    from favae_cli.common.run_lock import holding
    from favae_cli.machine.world import World

    with holding(directory) if World.here().is_main else nullcontext():
        return run(config, directory)


def _run_of_sweep(config: Config, settings: HydraConf) -> float:
    from favae_cli.command_line.start_processes import run
    from favae_cli.sweeps.recorder import own_run

    directory = Path(settings.runtime.output_dir)
    changes = " ".join(override.lstrip("+") for override in settings.overrides.task)
    sys.stdout.write(f"run {directory.name} of the sweep: {changes}\n")
    if config.evaluation.figures is None:
        evaluation = config.evaluation.model_copy(update={"figures": False})
        config = config.model_copy(update={"evaluation": evaluation})
    with own_run(settings) as score:  # has the run's lock
        return run(config, directory) if score is None else score


def _use(config: UseConfig, directory: Path) -> None:
    from favae_cli.tasks.trained_run import use_run

    use_run(config, directory)


def _aside(config: AsideConfig) -> None:
    task = import_module(f"favae_cli.tasks.{config.task}")
    getattr(task, config.task)(config)


def _check(composed: DictConfig) -> None:
    from favae_cli.tasks.check import check

    check(composed)


def _tell(ending: UserError | Interrupted) -> int:
    for line in printable(str(ending) or "stopped").split("\n"):
        sys.stderr.write(f"favae-run: {line}\n")
    return _code(ending)


def _code(ending: UserError | Interrupted) -> int:
    return MISTAKE if isinstance(ending, UserError) else INTERRUPTED
