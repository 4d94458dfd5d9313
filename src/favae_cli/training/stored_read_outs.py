"""Read-outs as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from favae_cli.factors.moments import Pattern
from favae_cli.factors.read_out import ReadOut
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.stored_parts import pack_parts, unpack_parts


def pack_read_outs(model: FAVAE) -> dict[str, np.ndarray]:
    """A model's read-outs as arrays, named read_outs/<target>|<given>|.../..."""
    return pack_parts(
        "read_outs",
        {
            (target, *given): vars(part) | {"groups": np.array(part.groups, np.int64), "share": np.array(part.share)}
            for (target, given), part in model.read_outs.items()
        },
    )


def unpack_read_outs(tensors: Mapping[str, torch.Tensor]) -> dict[tuple[str, Pattern], ReadOut]:
    """What `pack_read_outs` named, the names less read_outs/; nothing of runs that are older."""
    return {
        (target, tuple(given)): ReadOut(**own | {"groups": tuple(own["groups"].tolist()), "share": own["share"].item()})
        for (target, *given), own in unpack_parts(tensors).items()
    }
