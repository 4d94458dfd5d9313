"""The configs of earlier runs, which may lack keys that are newer than they are and have some that are gone."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_config, read_yaml
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import config_of_run, shipped_configs
from favae_cli.config.run import Config
from favae_cli.config.section import missing_keys, resolved
from favae_cli.config.trust import require_trusted

logger = logging.getLogger(__name__)

CHANGES = TypeAdapter(list[list[str]])  # what is new whenever a run goes on
_ABSENT = object()
_SECTIONS = ("task", "data", "views", "model", "schedule", "trainer", "evaluation", "transfer")
# Keys of earlier versions that said nothing, or how to choose what is no longer chosen.
_GONE = ("trainer.strategy", "evaluation.generate.strengths")
# What earlier versions did before there was the key, where it is not the default of today.
_WAS = {"model.gamma": 0.0, "views.*.start": "random", "views.*.beta": 1.0}


def stored_config(folder: Path, key: str, trust: bool = False) -> DictConfig:
    """The composed config of the run in `folder`, as it was written less the keys that are gone.

    Args:
        key: the config key that named the folder, for messages.
        trust: whether it may run code from elsewhere, and look things up outside of itself.

    Raises:
        UserError: there is no run in the folder, or a use of one that has left none; or it needs trust.
    """
    file = config_of_run(folder, key)
    composed = read_config(file)
    if not trust:
        require_trusted(composed, folder, key)
    plain = cast(dict[str, Any], OmegaConf.to_container(composed))
    if isinstance(task := plain.get("task"), str):  # that of a training is a section
        raise UserError(f"{key}: {folder} holds no run, but what task={task} began; give that command again")
    _require_sections(plain, file, key)
    for key in _GONE:
        section, _, name = key.rpartition(".")
        OmegaConf.select(composed, section, default={}).pop(name, None)
    composed["trust"] = trust  # whatever it says itself
    return composed


def _require_sections(plain: dict[str, Any], file: Path, key: str) -> None:
    """Refuse a stored config with something else in the place of a section: what fits it up expects them."""
    sections = {name: plain[name] for name in _SECTIONS if name in plain}
    views = sections.get("views")
    if isinstance(views, dict):
        sections |= {f"views.{name}": section for name, section in views.items()}
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise UserError(f"{key}: {file}: {name} must be a section with keys of its own; put back what was there")


def validate_stored(composed: DictConfig) -> Config:
    """As `validate`, once each key that the config lacks has a value: what the run did, or the default of today.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    filled, data = composed.copy(), resolved(composed)
    try:
        Config.model_validate(data)
    except ValidationError as error:
        for path in missing_keys(error, data):
            key = ".".join(path)
            value = _WAS.get(re.sub(r"^views\.[^.]+", "views.*", key), next(_defaults(path, data), _ABSENT))
            if value is not _ABSENT:
                logger.info("%s is newer than the run; it is %s for it", key, value)
                OmegaConf.update(filled, key, value, force_add=True)
    return validate(filled, begun=data.get("views", ()))


def record_changes(folder: Path, config: Config) -> None:
    """Have the run in `folder` say how it goes on: its stored config, and a list of what is new in it.

    Args:
        config: by which it goes on; only the `trainer` section can be another than the stored one.
    """
    run = RunFolder(folder)
    before = validate_stored(stored_config(folder, "resume", trust=True)).trainer.model_dump(mode="json")
    new = {name: value for name, value in config.trainer.model_dump(mode="json").items() if value != before[name]}
    if not new:
        return
    composed = read_config(run.config)
    for name, value in new.items():
        OmegaConf.update(composed, f"trainer.{name}", value, force_add=True)
    earlier = read_yaml(run.changes, CHANGES) if run.changes.is_file() else []
    lines = [f"trainer.{name}={'null' if value is None else value}" for name, value in new.items()]
    logger.info("goes on with %s", " ".join(lines))
    with replacing(run.changes) as file:
        OmegaConf.save(OmegaConf.create([*earlier, lines]), file)
    with replacing(run.config) as file:
        OmegaConf.save(composed, file)


def _defaults(path: list[str], data: dict[str, Any]) -> Iterator[Any]:
    """What the shipped configs say of the key at `path`; those first that have most in common with the stored one."""
    for depth in range(len(path) + 1):
        section, rest = path[:depth], ".".join(path[depth:])
        stored: dict[str, Any] = reduce(lambda node, key: node.get(key, {}), section, data)
        for choice in _choices(section, stored):
            value = OmegaConf.select(choice, rest, default=_ABSENT)
            if value is not _ABSENT:
                yield value


def _choices(section: list[str], stored: dict[str, Any]) -> list[DictConfig]:
    """What a section's config group ships of the kind that is stored, the most alike first."""
    loaded = [cast(DictConfig, OmegaConf.load(file)) for file in _files(section)]
    same = [choice for choice in loaded if all(choice.get(key) == stored.get(key) for key in ("name", "type"))]
    return sorted(same, key=lambda choice: -sum(choice.get(key) == value for key, value in stored.items()))


def _files(section: list[str]) -> list[Path]:
    match section:
        case []:
            return [shipped_configs() / "run.yaml"]
        case ["views", _]:
            group = "view"
        case ["views", _, "arch"]:
            group = "arch"
        case [group]:
            pass
        case _:
            return []
    return sorted((shipped_configs() / group).glob("*.yaml"))
