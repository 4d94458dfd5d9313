"""FA-VAE, and the joint VAEs to compare it with, which are trained, tested and used as it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module

import torch

from favae_cli.common import extensions
from favae_cli.common.errors import UserError
from favae_cli.common.random_streams import torch_generator
from favae_cli.common.vision import torchvision
from favae_cli.config.choices import ViewConfig
from favae_cli.config.models import AmvaeConfig, JointModelConfig, Jva2eConfig, LibraryModelConfig, MultiVaeConfig
from favae_cli.config.views import VaeViewConfig
from favae_cli.data import Dataset
from favae_cli.machine.runtime import Runtime
from favae_cli.models.amvae import AMVAE
from favae_cli.models.joint_vae import JointVAE
from favae_cli.models.jva2e import JVA2E
from favae_cli.models.multi_vae import MultiVAE
from favae_cli.views import VaeView

__all__ = ["JointVAE", "build_joint"]

logger = logging.getLogger(__name__)


def build_joint(
    settings: JointModelConfig, sections: Mapping[str, ViewConfig], seed: int, data: Dataset, runtime: Runtime
) -> JointVAE:
    """A joint VAE over the `vae` views, with fresh weights.

    Each view's networks begin with the weights that they would have in FA-VAE.

    Args:
        settings: of the model.
        sections: by view, its section; the others are left out.
        seed: of the run.

    Raises:
        UserError: sizes that do not fit the model, or a package that is not installed.
    """
    views = {
        name: VaeView(_begun(section), data.views[name].shape, runtime, torch_generator(seed, name, "weights"))
        for name, section in sections.items()
        if isinstance(section, VaeViewConfig)
    }
    if left_out := [name for name in sections if name not in views]:
        logger.info("%s is without %s: only vae views take part", settings.name, ", ".join(left_out))
    return _made(settings, views, torch_generator(seed, "joint", "weights"))


def _begun(section: VaeViewConfig) -> VaeViewConfig:
    """Where it is not said how to start, at random: each view's own linear optimum has another z than the others'."""
    return section.model_copy(update={"start": section.start or "random"})


def _made(settings: JointModelConfig, views: dict[str, VaeView], generator: torch.Generator) -> JointVAE:
    if isinstance(settings, MultiVaeConfig):
        return MultiVAE(settings, views)
    if isinstance(settings, AmvaeConfig):
        return AMVAE(settings, views, generator)
    if isinstance(settings, Jva2eConfig):
        return JVA2E(settings, views, generator)
    if isinstance(settings, LibraryModelConfig):
        return _from_library(settings, views, generator)
    model: JointVAE = extensions.added("models", settings.name)(settings, views, generator)
    return model


def _from_library(settings: LibraryModelConfig, views: dict[str, VaeView], generator: torch.Generator) -> JointVAE:
    torchvision()  # multivae imports it, and here is the only door
    try:
        library = import_module("favae_cli.models.multivae_package")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("multivae", "pythae"):
            raise
        raise UserError(
            f"model={settings.name}: needs the package multivae; pip install 'favae-run[multivae]'"
        ) from error
    model: JointVAE = library.LibraryVAE(settings, views, generator)
    return model
