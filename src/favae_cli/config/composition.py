"""The primary configs, and what can go wrong while Hydra composes one, told in the user's words."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from hydra.core.default_element import DefaultsTreeNode, InputDefault
from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean

TRAINING, USE, ASIDE, CHECK = "run", "use", "aside", "check"  # the primary configs
PLUGINS = {  # the package that each needs, and the extra that brings it
    "hydra/sweeper=optuna": ("optuna", "optuna"),
    "hydra/launcher=joblib": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "hydra/launcher=submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "hydra/launcher=submitit_slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "hydra/launcher=ray": ("ray", "ray"),
}


# What OmegaConf says of an override that has a key behind a list.
NO_PLACE = re.compile(r"invalid literal for int\(\) with base 10: '(?P<key>.*)'")


@contextmanager
def composition_mistakes() -> Iterator[None]:
    """Turn what Hydra raises while it composes into a UserError of one line."""
    try:
        yield
    except MissingConfigException as error:
        raise UserError(_no_option(error)) from error
    except RecursionError as error:
        raise UserError(_circle(error)) from error
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        causes = [str(error)] + ([str(error.__cause__)] if error.__cause__ else [])
        raise UserError(" ".join(" ".join(causes).split())) from error
    except ValueError as error:
        if (step := NO_PLACE.fullmatch(str(error))) is None:
            raise
        told = "stands behind a list, whose places are numbers; give the whole list"
        raise UserError(f"{step['key']}: {told}") from error


def _circle(error: RecursionError) -> str:
    """Which config was read when there was no end to it: Hydra follows defaults lists one within the other."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    roots = [
        frame.f_locals["root"].node for frame in frames if isinstance(frame.f_locals.get("root"), DefaultsTreeNode)
    ]
    names = dict.fromkeys(root.get_config_path() for root in roots if isinstance(root, InputDefault))
    if not names:
        return "a value of the config is nested too deeply"
    return f"{list(names)[-1]}: its defaults list leads back to itself, directly or over others; take it out there"


def _no_option(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if f"{group}={name}" in PLUGINS:
        return not_installed(f"{group}={name}")
    if not group or error.options is None:
        return " ".join(str(error).split("Config search path")[0].split())
    return f"{group}={name}: no such option; {did_you_mean(name, error.options)}"


def not_installed(choice: str) -> str:
    """The line on `choice`, an option of `PLUGINS`, that says which extra of the package it needs."""
    package, extra = PLUGINS[choice]
    return f"{choice}: {package} is not installed; pip install 'favae-run[{extra}]'"
