"""Read-outs as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from favae_cli.factors.moments import Pattern
from favae_cli.factors.read_out import ReadOut
from favae_cli.models.fa_vae import FAVAE

BETWEEN = "|"  # names of views, which have none in them


def pack_read_outs(model: FAVAE) -> dict[str, np.ndarray]:
    """A model's read-outs as arrays, named read_outs/<target>|<given>|.../..."""
    arrays: dict[str, np.ndarray] = {}
    for (target, given), part in model.read_outs.items():
        own: dict[str, np.ndarray] = {name: getattr(part, name) for name in ("origin", "centre", "variance")}
        own |= {f"maps/{place}": matrix for place, matrix in enumerate(part.maps)}
        own |= {"groups": np.array(part.groups, np.int64), "share": np.array(part.share)}
        arrays |= {
            f"read_outs/{BETWEEN.join((target, *given))}/{name}": np.asarray(array, order="C")
            for name, array in own.items()
        }
    return arrays


def unpack_read_outs(tensors: Mapping[str, torch.Tensor]) -> dict[tuple[str, Pattern], ReadOut]:
    """What `pack_read_outs` named, the names less read_outs/; nothing of runs that are older."""
    found = {}
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, value in tensors.items():
        views, _, what = name.partition("/")
        parts.setdefault(views, {})[what] = value.numpy()
    for views, own in parts.items():
        target, *given = views.split(BETWEEN)
        maps = tuple(own[f"maps/{place}"] for place in range(sum(name.startswith("maps/") for name in own)))
        found[target, tuple(given)] = ReadOut(
            own["origin"],
            maps,
            own["centre"],
            own["variance"],
            tuple(own["groups"].tolist()),
            own["share"].item(),
        )
    return found
