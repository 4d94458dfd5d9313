"""What a model knows for each of several sets of views, as a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from favae_cli.factors.moments import Pattern

BETWEEN = "|"  # names of views, which have none in them


def pack_parts(kind: str, parts: Mapping[Pattern, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Arrays by name, named <kind>/<view>|<view>.../<name>; those of a tuple <name>/0, <name>/1 and so on."""
    arrays: dict[str, np.ndarray] = {}
    for views, part in parts.items():
        for name, value in part.items():
            prefix = f"{kind}/{BETWEEN.join(views)}/{name}"
            several = isinstance(value, tuple)
            arrays |= {f"{prefix}/{place}": one for place, one in enumerate(value)} if several else {prefix: value}
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def unpack_parts(tensors: Mapping[str, torch.Tensor]) -> dict[Pattern, dict[str, Any]]:
    """What `pack_parts` named, the names less the kind; without tuples that were empty."""
    found: dict[Pattern, dict[str, Any]] = {}
    for name, value in sorted(tensors.items(), key=lambda item: _place(item[0])):
        views, what, *place = name.split("/")
        own, array = found.setdefault(tuple(views.split(BETWEEN)), {}), value.numpy()
        own[what] = (*own.get(what, ()), array) if place else array
    return found


def _place(name: str) -> int:
    """Of an array in its tuple."""
    _, _, *place = name.split("/")
    return int(place[0]) if place else 0
