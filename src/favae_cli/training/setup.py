"""From a config and its data to a model: fresh, or with networks that an earlier run trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from favae_cli.config import Config, validate
from favae_cli.data import Dataset, ViewData
from favae_cli.errors import UserError
from favae_cli.model import FAVAE
from favae_cli.runtime import Runtime
from favae_cli.training import checkpoint
from favae_cli.training.seeds import torch_generator
from favae_cli.training.state import under
from favae_cli.views import FrozenView, VaeView, View, build_view


def build_model(config: Config, data: Dataset, runtime: Runtime) -> FAVAE:
    """The views of the config, not yet joined; pretrained networks are loaded.

    Raises:
        UserError: an architecture does not fit its data, or a run to load from does not fit the view.
    """
    views: dict[str, View] = {}
    for name, section in config.views.items():
        part = data.views[name]
        if section.type == "frozen":
            views[name] = frozen_view(section.run, section.source, name, part, runtime)
        else:
            views[name] = build_view(section, part, runtime, torch_generator(config.seed, name, "weights"))
    model = FAVAE(views)
    if config.pretrained is not None:
        for name, view in model.trainable.items():
            load_networks(view, config.pretrained, name, f"pretrained, view {name}")
    return model


def frozen_view(run: Path, source: str, name: str, data: ViewData, runtime: Runtime) -> FrozenView:
    """View `source` of a finished run, for good.

    Raises:
        UserError: the run has no such VAE, or its networks do not fit the data.
    """
    file = run / ".hydra" / "config.yaml"
    if not file.is_file():
        raise UserError(f"views.{name}.run: {run} is not the folder of a run; it has no .hydra/config.yaml")
    sections = validate(OmegaConf.load(file)).views  # type: ignore[arg-type]
    section: Any = sections.get(source)
    if section is None or section.type != "vae":
        vaes = ", ".join(key for key, value in sections.items() if value.type == "vae")
        raise UserError(f"views.{name}.source: {run} has no VAE called {source!r}; it has {vaes}")
    view = FrozenView(section, data.shape, runtime)
    load_networks(view, run, source, f"views.{name}.run")
    return view


def load_networks(view: VaeView, run: Path, source: str, key: str) -> None:
    """Copy the networks of view `source` from the last checkpoint of `run`.

    Raises:
        UserError: no checkpoint, no such view in it, or other shapes; begins with `key`.
    """
    tensors, _ = checkpoint.load(run / "checkpoints" / "last")
    stored = under(tensors, f"networks/{source}.")
    own = view.networks.state_dict()
    if not stored:
        raise UserError(f"{key}: {run} has no networks for a view called {source!r}")
    wrong = [name for name, value in own.items() if name not in stored or stored[name].shape != value.shape]
    if wrong or len(stored) != len(own):
        raise UserError(f"{key}: {run} was trained with another arch, latent or image size ({_first(wrong, stored)})")
    view.networks.load_state_dict(stored)


def _first(wrong: list[str], stored: dict[str, torch.Tensor]) -> str:
    return wrong[0] if wrong else f"{len(stored)} tensors"
