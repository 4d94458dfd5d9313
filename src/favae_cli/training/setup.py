"""From a config and its data to a model: fresh, or with networks that an earlier run trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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
        if section.type != "bernoulli" and not part.is_image and np.isnan(part.values).any():
            raise UserError(f"views.{name}: the table has missing entries, which a VAE cannot take; use bernoulli")
        if section.type == "frozen":
            views[name] = frozen_view(section.run, section.source, name, part, runtime)
        else:
            views[name] = build_view(section, part, runtime, torch_generator(config.seed, name, "weights"))
    model = FAVAE(views)
    if config.pretrained is not None and config.resume is None:  # a resumed run has its own checkpoint
        for name, view in model.trainable.items():
            # As it was before its run conditioned it.
            load_networks(view, config.pretrained / "checkpoints" / "alone", name, f"pretrained, view {name}")
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
    view = FrozenView(section, data.shape, runtime, torch_generator(0, name, "weights"))
    load_networks(view, run / "checkpoints" / "last", source, f"views.{name}.run")
    return view


def load_networks(view: VaeView, folder: Path, source: str, key: str) -> None:
    """Copy the networks of view `source` from a checkpoint.

    Raises:
        UserError: no checkpoint, one of a run that is not finished, no such view in it, or other shapes; begins
            with `key`.
    """
    if not checkpoint.exists(folder):
        raise UserError(f"{key}: there is no checkpoint at {folder}")
    tensors, state = checkpoint.load(folder)
    if folder.name == "last" and not state["finished"]:
        run = folder.parents[1]
        raise UserError(f"{key}: that run is not finished; favae-run resume={run} goes on with it")
    stored = under(tensors, f"networks/of_{source}.")
    own = view.networks.state_dict()
    if not stored:
        raise UserError(f"{key}: {folder} has no networks for a view called {source!r}")
    wrong = [name for name, value in own.items() if name not in stored or stored[name].shape != value.shape]
    if wrong or len(stored) != len(own):
        raise UserError(
            f"{key}: {folder} holds another arch, latent or image size than this view's ({_first(wrong, stored)})"
        )
    view.networks.load_state_dict(stored)


def _first(wrong: list[str], stored: dict[str, torch.Tensor]) -> str:
    return wrong[0] if wrong else f"{len(stored)} tensors"
