"""The way from one sample to another, in the embedding of a view or in the factors."""

from __future__ import annotations

import numpy as np

from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given


def path(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """(steps, L) points from `start` to `end`, (L,) each, at equal distances (Eq. 17)."""
    share = np.linspace(0, 1, steps)[:, None]
    return (1 - share) * start + share * end


def between(model: FAVAE, view: str, pair: np.ndarray, steps: int) -> dict[str, dict[str, np.ndarray]]:
    """Interpolate between two stored images of `view`.

    Args:
        pair: uint8 (2, H, W, C).

    Returns:
        By space ("z" of this view, "g"), then by image view that it is decoded to, (steps, H, W, C). z has no
        meaning for other views but through g.
    """
    z, factors = model.embed(view, pair), model.joined
    latent = Given.of_embedding(model, view, z).latents()
    in_z = path(z[0], z[1], steps)
    in_g = path(latent[0], latent[1], steps)
    decoded = {name: other.decode(factors.views[name].expected(in_g)) for name, other in model.encoded_views.items()}
    return {
        "z": {view: model.views[view].decode(in_z)},
        "g": {name: images for name, images in decoded.items() if images.ndim == 4},
    }
