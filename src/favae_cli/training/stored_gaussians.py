"""Class Gaussians as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import torch

from favae_cli.factors.class_gaussians import ClassGaussians
from favae_cli.models.fa_vae import FAVAE

BETWEEN = "|"  # names of views, which have none in them
_BY_ATTRIBUTE = ("directions", "excess")


def pack_gaussians(model: FAVAE) -> dict[str, np.ndarray]:
    """A model's class Gaussians as float64 arrays, to the last digit, named gaussians/<view>|<attributes>/..."""
    arrays: dict[str, np.ndarray] = {}
    for views, part in model.gaussians.items():
        for field in fields(part):
            name, value = f"gaussians/{BETWEEN.join(views)}/{field.name}", getattr(part, field.name)
            single = {name: value} if isinstance(value, np.ndarray) else {f"{name}/{j}": v for j, v in enumerate(value)}
            arrays |= {key: np.ascontiguousarray(array, np.float64) for key, array in single.items()}
    return arrays


def unpack_gaussians(tensors: Mapping[str, torch.Tensor]) -> dict[tuple[str, str], ClassGaussians]:
    """What `pack_gaussians` named, the names less gaussians/; nothing of runs that are older."""
    parts: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name, value in tensors.items():
        views, _, what = name.partition("/")
        view, _, attributes = views.partition(BETWEEN)
        parts.setdefault((view, attributes), {})[what] = value.numpy().astype(np.float64)
    for own in parts.values():
        own.setdefault("sure_of_all", own["sure"])  # of runs that had one for both
    return {
        views: ClassGaussians(
            **{
                field.name: tuple(own[f"{field.name}/{j}"] for j in range(len(own["rates"])))
                if field.name in _BY_ATTRIBUTE
                else own[field.name]
                for field in fields(ClassGaussians)
            }  # type: ignore[arg-type]
        )
        for views, own in parts.items()
    }
