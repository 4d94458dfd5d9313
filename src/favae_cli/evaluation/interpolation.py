"""The way from one sample to another, in the embedding of a view or in the factors (paper's Fig. 9, A.16)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from favae_cli.common.pixels import unit
from favae_cli.data import Dataset
from favae_cli.factors.embeddings import Embeddings
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.translate import image_views
from favae_cli.reporting.grids import image_grid


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
    latent = Embeddings({view: z}, {}, {}, (view,)).latents(factors)
    in_z = path(z[0], z[1], steps)
    in_g = path(latent[0], latent[1], steps)
    decoded = {
        name: other.decode(in_g @ factors.views[name].weights.T + factors.views[name].bias)
        for name, other in model.views.items()
        if not other.inferred
    }
    return {
        "z": {view: model.views[view].decode(in_z)},
        "g": {name: images for name, images in decoded.items() if images.ndim == 4},
    }


def interpolation_pictures(model: FAVAE, data: Dataset, split: str, steps: int) -> dict[str, Figure]:
    """Between the first and the last sample of a split, a figure for each view; the real images at both ends."""
    pictures = {}
    for view in image_views(model, data):
        indices = data.having(split, view)
        if len(indices) < 2:
            continue
        ends = data.views[view].gather(indices[[0, -1]])
        rows, labels = [], []
        for space, views in between(model, view, ends, steps).items():
            for name, images in views.items():
                real = unit(ends) if name == view else np.ones((2, *images.shape[1:]), np.float32)
                rows.append([real[0], *images, real[1]])
                labels.append(f"in {space}, decoded to {name}")
        pictures[f"interpolation_{view}"] = image_grid(rows, labels)
    return pictures
