"""From a config and its data to a model: fresh, or with networks that an earlier run trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from favae_cli.common.errors import UserError
from favae_cli.common.random_streams import torch_generator
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.choices import ViewConfig
from favae_cli.config.models import BetaVaeConfig, FaConfig, FaVaeConfig, JointModelConfig
from favae_cli.config.run import Config, ScheduleConfig, TrainerConfig
from favae_cli.config.stored import stored_config, validate_stored
from favae_cli.config.trust import require_trusted
from favae_cli.config.views import AUTO, MOST_LATENT, VaeViewConfig
from favae_cli.data import Dataset, ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.models import JointVAE, build_joint
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training import checkpoint
from favae_cli.training.joined_trainer import JoinedTrainer
from favae_cli.training.joint_trainer import JointTrainer
from favae_cli.training.run_state import keep_sizes, under
from favae_cli.training.trainer import Trainer
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views import FrozenView, LinearView, VaeView, View, build_view
from favae_cli.views.objective import KLTerm

logger = logging.getLogger(__name__)


def build_model(config: Config, data: Dataset, runtime: Runtime) -> FAVAE | JointVAE:
    """The model of the config, its views not yet joined; pretrained networks are loaded.

    Raises:
        UserError: an architecture or a likelihood does not fit its data, or a run to load from does not fit the view.
    """
    if isinstance(config.model, JointModelConfig):
        joint = build_joint(config.model, config.views, config.seed, data, runtime)
        for name, view in joint.views.items():
            if view.learns_from_images:
                fit_view(name, view, data.views[name], data.having("train", name))
        return joint
    views: dict[str, View] = {}
    for name, section in config.views.items():
        part, train = data.views[name], data.having("train", name)
        if section.type == "frozen":
            views[name] = frozen_view(
                section.run, section.source, name, part, runtime, f"views.{name}.run", config.trust
            )
        elif isinstance(config.model, FaConfig) and section.type == "vae":
            views[name] = linear_view(name, config.model.components, part, train)
        else:
            views[name] = fresh_view(name, section, part, train, runtime, config.seed)
    model = FAVAE(views)
    if not _gamma(config):  # as published, and in its rivals, null is the KL as a whole in every view
        for view in model.trainable.values():
            view.usual_beta = 1.0
    # A resumed run has its own checkpoint; task transfer takes the earlier run as its small VAE.
    if config.pretrained is not None and config.resume is None and config.task.name != "transfer":
        for name, view in model.trainable.items():
            # As it was before its run conditioned it.
            load_networks(view, config.pretrained, name, f"pretrained, view {name}", alone=True)
    return model


def fresh_view(name: str, section: ViewConfig, data: ViewData, train: np.ndarray, runtime: Runtime, seed: int) -> View:
    """As `build_view`, with what its training samples say; those alone can tell the size of z where it is auto.

    Args:
        train: the training samples that have the view.
        seed: of the run, and so of the weights.
    """
    if isinstance(section, VaeViewConfig) and section.latent == AUTO:
        widest = fresh_view(name, section.sized(MOST_LATENT), data, train, runtime, seed)
        assert isinstance(widest, VaeView)
        section = section.sized(max(widest.standing_out, 1))
        logger.info("views.%s.latent: %d components stand out of the noise", name, section.latent)
    view = build_view(name, section, data, runtime, torch_generator(seed, name, "weights"))
    fit_view(name, view, data, train)
    return view


def fit_view(name: str, view: View, data: ViewData, train: np.ndarray) -> None:
    """Have a view keep what its training samples say; a UserError of theirs gets the view's name."""
    if data.is_image:  # of which there may be more than memory holds
        train = train[view.seen(len(train))] if isinstance(view, VaeView) else train[:0]
    if not len(train):
        return
    try:
        view.fit(data.gather(train))
    except UserError as error:  # what it says begins with a key of the view's section
        raise UserError(f"views.{name}.{error}") from error


def make_trainers(model: FAVAE | JointVAE, data: Dataset, settings: TrainerConfig, seed: int) -> Mapping[str, Trainer]:
    """What trains the model: one trainer for each VAE, or one for all views together.

    Args:
        settings: the `trainer` section.
        seed: of the run.

    Raises:
        UserError: a view that fewer than two training samples have.
    """
    if isinstance(model, JointVAE):
        return {"joint": JointTrainer(model, data, settings, seed)}
    return {
        name: VaeTrainer(name, view, data.views[name], data.having("train", name), settings, seed)
        for name, view in model.trainable.items()
    }


def make_joined(model: FAVAE | JointVAE, data: Dataset, config: Config) -> JoinedTrainer | None:
    """What trains the views of FA-VAE together in the rounds; None where each goes on for itself."""
    gamma = _gamma(config)
    if not gamma or not isinstance(model, FAVAE) or not model.trainable or len(model.views) < 2:
        return None
    return JoinedTrainer(model, data, config.trainer, config.seed, gamma)


def _gamma(config: Config) -> float:
    """Weight of what is learned through the factors; 0 of a model that learns nothing so."""
    return config.model.gamma if isinstance(config.model, FaVaeConfig) else 0.0


def kl_term(config: Config, schedule: ScheduleConfig, alone: bool) -> KLTerm:
    """How the KL counts while VAEs learn, alone or in rounds; a joint VAE has weights of its own."""
    model = config.model
    if isinstance(model, BetaVaeConfig):
        return KLTerm(model.beta, model.capacity, model.growth)
    return KLTerm(schedule.alone_beta if alone or not isinstance(model, FaVaeConfig) else model.beta)


def linear_view(name: str, components: int, data: ViewData, train: np.ndarray) -> LinearView:
    """A view in the basis of its training samples' principal components, as many as there can be at most."""
    values = data.gather(train)
    if not data.is_image and np.isnan(values).any():
        raise UserError(f"views.{name}: model=fa cannot take a vector with missing entries; use type real")
    if len(values) < 2:
        raise UserError(f"views.{name}: {len(values)} training samples have this view; model=fa needs at least 2")
    view = LinearView(data.shape, min(components, len(values) - 1, values[0].size))
    view.fit(values)
    return view


def frozen_view(
    run: Path, source: str, name: str, data: ViewData, runtime: Runtime, key: str, trust: bool
) -> FrozenView:
    """View `source` of a finished run, for good.

    Raises:
        UserError: the run has no such VAE, or its networks do not fit the data; names the `key` that chose the run.
    """
    sections = _sections(run, key, trust)
    section = sections.get(source)
    if not isinstance(section, VaeViewConfig):
        vaes = ", ".join(key for key, value in sections.items() if value.type == "vae")
        raise UserError(f"views.{name}.source: {run} has no VAE called {source!r}; it has {vaes}")
    view = FrozenView(section, data.shape, runtime, torch_generator(0, name, "weights"))
    load_networks(view, run, source, key)
    return view


def only_vae(run: Path, key: str, trust: bool) -> str:
    """The name of the one VAE that an earlier run has.

    Raises:
        UserError: it has none, or several; begins with `key`.
    """
    vaes = [name for name, section in _sections(run, key, trust).items() if section.type == "vae"]
    if len(vaes) != 1:
        raise UserError(f"{key}: {run} has {len(vaes)} VAEs ({', '.join(vaes)}); it must have one")
    return vaes[0]


def _sections(run: Path, key: str, trust: bool) -> dict[str, ViewConfig]:
    composed = stored_config(run, key, trust)
    if checkpoint.exists(last := RunFolder(run).last):
        keep_sizes(composed, checkpoint.load(last)[1])
        if not trust:
            require_trusted(composed, run, key)  # what came of the checkpoint, too
    return validate_stored(composed).views


def load_networks(view: VaeView, run: Path, source: str, key: str, alone: bool = False) -> None:
    """Copy the networks of view `source` from a finished run, or as they were `alone`.

    Raises:
        UserError: no such checkpoint, no such view in it, or other shapes; begins with `key`.
    """
    tensors = checkpoint.load_alone(run, key) if alone else checkpoint.load_finished(run, key)[0]
    stored = under(tensors, f"networks/of_{source}.")
    own = view.networks.state_dict()
    if not stored:
        raise UserError(f"{key}: {run} has no networks for a view called {source!r}")
    wrong = [name for name, value in own.items() if name not in stored or stored[name].shape != value.shape]
    if wrong or len(stored) != len(own):
        raise UserError(
            f"{key}: {run} holds another arch, latent, start or image size than the view's ({_first(wrong, stored)})"
        )
    view.networks.load_state_dict(stored)


def _first(wrong: list[str], stored: dict[str, torch.Tensor]) -> str:
    return wrong[0] if wrong else f"{len(stored)} tensors"
