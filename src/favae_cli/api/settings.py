"""From the parameters of an estimator to the config of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError
from favae_cli.config.composition import TRAINING, composition_mistakes
from favae_cli.config.data_base import Kind
from favae_cli.config.data_sets import ArraysConfig
from favae_cli.config.folders import shipped_configs, user_configs
from favae_cli.config.section import validated
from favae_cli.data.dataset import ViewData
from favae_cli.preparation.first_experiment import NETWORKS, PRESETS, image_arch

SEED = re.compile(r"seed=(0|[1-9]\d{0,17})")


def sections_of(views: Mapping[str, str | Mapping[str, Any]] | None) -> dict[str, dict[str, Any]]:
    """By view, its overrides; a type alone is one.

    Raises:
        UserError: no mapping of such.
    """
    if not isinstance(views or {}, Mapping):
        raise UserError(f"views: must be a dict such as {{'face': 'image'}}, got {views!r}")
    sections = {}
    for name, view in (views or {}).items():
        if not isinstance(view, str | Mapping):
            raise UserError(f"views[{name!r}]: must be a type such as 'image', or a dict of overrides, got {view!r}")
        sections[name] = {"type": view} if isinstance(view, str) else dict(view)
    return sections


def compose_run(
    data: Mapping[str, ViewData],
    kinds: Mapping[str, Kind],
    sections: Mapping[str, Mapping[str, Any]],
    latent: int | None,
    overrides: Iterable[str],
) -> DictConfig:
    """The config of a run of task train on arrays, to be validated.

    Args:
        data: of every view.
        kinds: of every view.
        sections: as `sections_of` gives them; `arch` may name a preset.
        latent: of the views with networks that do not say it; None leaves it to the presets.
        overrides: of the rest, as on the command line of favae-run.

    Raises:
        UserError: a name or an override that Hydra does not take.
    """
    sizes = {name: min(view.shape[:2]) for name, view in data.items() if view.is_image}
    arrays = {"name": "arrays", "use": None, "views": dict(kinds), "size": sizes}
    validated(OmegaConf.create(arrays), TypeAdapter(ArraysConfig))
    presets, changes = [], {}
    for name, kind in kinds.items():
        own = {key: value for key, value in sections.get(name, {}).items() if key != "type"}
        presets.append(f"+view@views.{name}={PRESETS.get(kind, kind)}")
        if kind == "image":
            own = {"arch": image_arch(sizes[name])} | own
        if isinstance(own.get("arch"), str):
            presets.append(f"arch@views.{name}.arch={own.pop('arch')}")
        if kind in NETWORKS and latent is not None:
            own = {"latent": latent} | own
        changes[name] = own
    # The seed is all that many fits differ in.
    overrides = list(overrides)
    seeds = [override for override in overrides if SEED.fullmatch(override)]
    others = [override for override in overrides if not SEED.fullmatch(override)]
    asked = ("~experiment", "task=train", *presets, *others)
    with composition_mistakes():
        config = _composed(asked).copy() if user_configs() is None else _composed.__wrapped__(asked)
        for seed in seeds:
            config.seed = int(seed.removeprefix("seed="))
        OmegaConf.update(config, "views", changes, force_add=True)
        OmegaConf.update(config, "data", arrays, merge=False, force_add=True)
    return config


@lru_cache(maxsize=32)
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    """The shipped configs with these overrides, not to be changed; to read them takes longer than a fit of few rows."""
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return compose(TRAINING, list(overrides))
