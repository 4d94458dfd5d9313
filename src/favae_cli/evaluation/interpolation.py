"""The way from one sample to another, in the embedding of a view or in the factors (paper's Fig. 9, A.16)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from favae_cli.common.pixels import unit
from favae_cli.data import Dataset
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.interpolate import between
from favae_cli.queries.translate import image_views
from favae_cli.reporting.grids import image_grid


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
