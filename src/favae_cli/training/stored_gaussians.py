"""Class Gaussians as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import torch

from favae_cli.factors.class_gaussians import ClassGaussians
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.stored_parts import pack_parts, unpack_parts


def pack_gaussians(model: FAVAE) -> dict[str, np.ndarray]:
    """A model's class Gaussians as float64 arrays, to the last digit, named gaussians/<view>|<attributes>/..."""
    return pack_parts("gaussians", {views: vars(part) for views, part in model.gaussians.items()})


def unpack_gaussians(tensors: Mapping[str, torch.Tensor]) -> dict[tuple[str, str], ClassGaussians]:
    """What `pack_gaussians` named, the names less gaussians/; nothing of runs that are older."""
    known = {field.name for field in fields(ClassGaussians)}
    found = unpack_parts(tensors).items()
    return {(view, table): ClassGaussians(**own) for (view, table), own in found if own.keys() == known}
