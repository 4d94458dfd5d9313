"""Going on with an interrupted run: its own config, in its own folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.config.overrides import last_value, parse_overrides
from favae_cli.config.run import Config
from favae_cli.config.stored import stored_config, validate_stored

KEY, TRUST = "resume=", "trust="


def resumed_folder(parsed: argparse.Namespace) -> Path | None:
    """The folder that the command line asks to go on with, if it asks for one.

    Raises:
        UserError: no run was begun in that folder, or a sweep is to go on without -m.
    """
    if parsed.multirun:
        return None  # `resume_sweep` takes it for the folder of a sweep
    if any(line.startswith("sweep.resume=") for line in parsed.overrides):
        raise UserError("sweep.resume: needs -m (a sweep); one run goes on by resume=FOLDER")
    named = named_folder(parsed.overrides)
    if named is None:
        return None
    folder = named.resolve()
    stored_config(folder, "resume", _is_trusted(parsed))
    return folder


def named_folder(lines: Sequence[str]) -> Path | None:
    """What `resume=` says in a command line, if it says anything."""
    named = last_value(lines, KEY)
    return None if named in (None, "", "null") else Path(str(named)).expanduser()


def resume(folder: Path, parsed: argparse.Namespace) -> Config:
    """The config of the run in `folder`, with the `trainer` keys of the command line.

    Raises:
        UserError: an override of any other key, or a config that is no longer valid.
    """
    composed = stored_config(folder, "resume", _is_trusted(parsed))
    lines = [line for line in parsed.overrides if not line.startswith((KEY, TRUST))]
    for override in parse_overrides(lines):
        _require_trainer(override)
        OmegaConf.update(composed, override.key_or_group, override.value(), force_add=True)
    return validate_stored(composed).model_copy(update={"resume": folder})


def _is_trusted(parsed: argparse.Namespace) -> bool:
    return is_true(last_value(parsed.overrides, TRUST), TRUST)


def is_true(value: str | None, key: str) -> bool:
    """What a key that is true or false says, false where it is not given.

    Raises:
        UserError: anything else.
    """
    if value not in (None, "true", "false"):
        raise UserError(f"{key}{value}: must be true or false")
    return value == "true"


def _require_trainer(override: Override) -> None:
    allowed = override.key_or_group.startswith("trainer.") and override.type is not OverrideType.DEL
    if not allowed:
        raise UserError(f"{override.key_or_group}: a resumed run keeps its config; only trainer.* can change")
    if override.is_sweep_override():
        raise UserError(f"{override.key_or_group}: a resumed run takes one value")
