"""From the command line to valid configs, with every mistake told before anything is computed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from favae_cli.command_line.user_configs import search_user_folders
from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.aside_tasks import TASKS as ASIDE_TASKS
from favae_cli.config.aside_tasks import DemoConfig, validate_aside
from favae_cli.config.composition import ASIDE, CHECK, PLUGINS, TRAINING, USE, composition_mistakes, not_installed
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.overrides import (
    changes_a_value,
    combinations,
    parse_overrides,
    require_options,
    samples,
    sweep_params,
)
from favae_cli.config.run import Config
from favae_cli.config.trained_run_tasks import TASKS, validate_use

_NEW = object()


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's own reading of the command line; from here on its searches include the user's folders.

    Raises:
        UserError: a flag that does not exist or lacks its value.
    """

    def refuse(message: str) -> NoReturn:
        raise UserError(f"{message}; see favae-run --help")

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    parsed = parser.parse_args(arguments)
    if parsed.config_path is not None:
        raise UserError("--config-path: would hide the shipped configs; use --config-dir")
    search_user_folders(Path(parsed.config_dir).resolve() if parsed.config_dir else None)
    return parsed


def primary_config(parsed: argparse.Namespace) -> str:
    """Name of the primary config of the command line.

    That of a training, of the use of a trained run, or of what comes before both.

    Raises:
        UserError: a trained run without a task that uses one, or a sweep over what is done once.
    """
    # Not parsed as overrides: what the grammar makes of them depends on the primary config.
    values = dict(line.split("=", 1) for line in parsed.overrides if "=" in line)
    task = values.get("task")
    if task in (*TASKS, *ASIDE_TASKS, CHECK):
        if parsed.multirun:
            raise UserError(f"task={task}: is done once; leave out -m")
        return parsed.config_name or (USE if task in TASKS else ASIDE if task in ASIDE_TASKS else CHECK)
    if "run" in values:
        told = "run: say what to do with it, as task=translate" if task is None else f"task={task}: takes no run"
        raise UserError(f"{told}; {did_you_mean(task or '', TASKS)}")
    return parsed.config_name or TRAINING


def checked_run(parsed: argparse.Namespace) -> tuple[Path, bool] | None:
    """The folder that `task=check run=FOLDER` is to look at, and whether it is trusted; None for any other command.

    Raises:
        UserError: a key beside run and trust.
    """
    values = dict(line.split("=", 1) for line in parsed.overrides if "=" in line)
    if values.get("task") != CHECK or "run" not in values:
        return None
    for key in values.keys() - {"task", "run", "trust"}:
        raise UserError(f"{key}: task=check of a run takes run and trust, and all else from the run")
    if values.get("trust", "false") not in ("true", "false"):
        raise UserError(f"trust={values['trust']}: must be true or false")
    return Path(values["run"]).expanduser().resolve(), values.get("trust") == "true"


def asked_demo(parsed: argparse.Namespace) -> DemoConfig | None:
    """What `task=demo` is to do, which gives command lines of its own; None for any other command.

    Raises:
        UserError: keys that it does not take.
    """
    if "task=demo" not in parsed.overrides or parsed.cfg or parsed.info or parsed.hydra_help:
        return None
    overrides = checked_overrides(parsed, primary_config(parsed))
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        config = validate_aside(compose(ASIDE, overrides))
    assert isinstance(config, DemoConfig)
    return config


def checked_overrides(parsed: argparse.Namespace, primary: str) -> list[str]:
    """The overrides in the form that Hydra is to apply, once every config they make is known to be valid.

    What is only to be shown, by --cfg or --info, need not be valid, and task=check tells the mistakes itself.

    Raises:
        UserError: with every mistake, one a line.
    """
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"), composition_mistakes():
        given = parse_overrides(parsed.overrides)
        require_options(given)
        overrides, base = _added_where_new(primary, given)
        mistakes: dict[str, None] = {}
        unjudged = parsed.cfg or parsed.info or primary == CHECK
        for composed in () if unjudged else _configs(primary, overrides, base, parsed.multirun):
            mistakes |= dict.fromkeys(_mistakes(composed, primary))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return [str(override.input_line) for override in overrides]


def _configs(primary: str, overrides: list[Override], base: DictConfig, multirun: bool) -> Iterator[DictConfig]:
    """The config of a run, or those of all runs of a sweep; `base` is that of the overrides with one value."""
    if not multirun and base.hydra.mode != RunMode.MULTIRUN:
        for override in overrides:
            if override.is_sweep_override():
                key, _, values = str(override.input_line).lstrip("+").partition("=")
                raise UserError(f"{key}: several values need -m (a sweep); a list is {key}=[{values}]")
        for group in ("sweep", "launch"):
            if (choice := base.hydra.runtime.choices.get(group)) is not None:
                raise UserError(f"{group}={choice}: needs -m (a sweep)")
        with open_dict(base):
            del base["hydra"]
        yield base
        return
    for choice, (package, _) in PLUGINS.items():
        group, name = choice.split("=")
        if base.hydra.runtime.choices[group] == name and find_spec(package) is None:
            raise UserError(not_installed(choice))
    spread = combinations if base.hydra.runtime.choices["hydra/sweeper"] == "basic" else samples
    for combination in spread([*parse_overrides(sweep_params(base.hydra.sweeper)), *overrides]):
        yield compose(primary, combination)


def _mistakes(composed: DictConfig, primary: str) -> list[str]:
    try:
        config = {USE: validate_use, ASIDE: validate_aside}.get(primary, validate)(composed)
    except UserError as error:
        return str(error).splitlines()
    resumed = isinstance(config, Config) and config.resume is not None
    return ["resume: belongs on the command line, not in a config file"] if resumed else []


def _added_where_new(primary: str, overrides: list[Override]) -> tuple[list[Override], DictConfig]:
    """Let plain values add keys that are new: the schema, not Hydra, is to judge them.

    Returns:
        The overrides, and the config that those of them make which have one value.
    """
    plain = [override for override in overrides if changes_a_value(override)]
    try:
        known = base = _base(primary, overrides)  # Hydra refuses new keys: mostly there are none
    except ConfigCompositionException:
        known, base = _base(primary, [override for override in overrides if override not in plain]), None
    new = [
        override
        for override in plain
        if isinstance(override.value(), dict)  # which may hold keys that are new
        or OmegaConf.select(known, override.key_or_group, default=_NEW) is _NEW
    ]
    parser = OverridesParser.create()
    added = [parser.parse_override(f"++{o.input_line}") if o in new else o for o in overrides]
    return added, _base(primary, added) if base is None else base


def _base(primary: str, overrides: list[Override]) -> DictConfig:
    """The config, Hydra's own part included, of all overrides but those of a sweep."""
    fixed = [str(override.input_line) for override in overrides if not override.is_sweep_override()]
    return compose(primary, fixed, return_hydra_config=True)
