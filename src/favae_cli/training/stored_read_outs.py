"""Read-outs as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from favae_cli.factors.moments import Pattern
from favae_cli.factors.read_out import ReadOut
from favae_cli.models.fa_vae import FAVAE


def pack_read_outs(model: FAVAE) -> dict[str, np.ndarray]:
    """A model's read-outs as arrays, named read_outs/<number>/...; "views" holds the target, then what is given."""
    arrays: dict[str, np.ndarray] = {}
    order = list(model.views)
    for number, ((target, given), part) in enumerate(model.read_outs.items()):
        own: dict[str, np.ndarray] = {"views": np.array([order.index(name) for name in (target, *given)])}
        own |= {name: getattr(part, name) for name in ("origin", "centre", "variance")}
        own |= {f"maps/{place}": matrix for place, matrix in enumerate(part.maps)}
        own |= {"groups": np.array(part.groups, np.int64), "share": np.array(part.share)}
        arrays |= {f"read_outs/{number}/{name}": np.asarray(array, order="C") for name, array in own.items()}
    return arrays


def unpack_read_outs(tensors: Mapping[str, torch.Tensor], views: tuple[str, ...]) -> dict[tuple[str, Pattern], ReadOut]:
    """What `pack_read_outs` named, the names less read_outs/; nothing of runs that are older."""
    found = {}
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, value in tensors.items():
        number, _, what = name.partition("/")
        parts.setdefault(number, {})[what] = value.numpy()
    for own in parts.values():
        target, *given = (views[place] for place in own["views"])
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
