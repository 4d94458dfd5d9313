"""What a joined model knows of where images with given attributes lie in their embedding."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from favae_cli.data import Dataset
from favae_cli.data.dataset import some
from favae_cli.factors.class_gaussians import class_gaussians
from favae_cli.factors.embeddings import Embeddings
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.models.read_outs import foretold
from favae_cli.views import BernoulliView, Encoded

ROWS = 20_000  # training samples that they are learned from, at most
FEWEST = 2
NEVER = 1e-12  # nearer than so much to 0 or 1 no probability comes


def learn_class_gaussians(model: FAVAE, data: Dataset) -> None:
    """Give a joined model, with its read-outs, the Gaussians of every view of images by every view of attributes.

    Args:
        model: joined.
        data: with its split.
    """
    model.gaussians = {}
    images = [name for name in model.encoded_views if data.views[name].is_image]
    for attributes in (name for name, view in model.views.items() if isinstance(view, BernoulliView)):
        for view in images:
            indices = some(data.having("train", view, attributes), ROWS)
            if len(indices) >= FEWEST:
                z = model.encode(data, indices, [view])[view].mean
                table = observed_table(data, attributes, indices)
                model.gaussians[view, attributes] = class_gaussians(z, table, believed(model, view, attributes, z))


def believed(model: FAVAE, view: str, attributes: str, z: np.ndarray) -> np.ndarray:
    """(R, D) logit of each attribute given z (R, P) of one view alone."""
    evidence = Embeddings({view: z}, {}, {}, (view,))
    evidence.settle(model.joined)
    told = foretold(model, evidence, {view: Encoded(z, None)}, attributes)
    chance = model.views[attributes].decode(told.mean, told.variance)
    return np.asarray(logit(np.clip(chance, NEVER, 1 - NEVER)))
