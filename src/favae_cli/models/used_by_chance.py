"""Which views have to do with a factor, by what all other views say of it, and which only by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from favae_cli.data import Dataset
from favae_cli.factors import FactorModel
from favae_cli.factors.use import chance
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.read_outs import able, drawn, wanted

ROWS = 2000  # training samples that are asked, at most


def told_apart(model: FAVAE, data: Dataset) -> FactorModel:
    """The factor model with the `chance` of every view that some training samples have beside another one.

    Args:
        model: joined.
        data: with its split.
    """
    views = dict(model.joined.views)
    if len(views) == 1:  # beside which there is none
        return model.joined
    for name in views:
        others = tuple(other for other in views if other != name)
        indices = drawn(able(data, "train", name, others), ROWS)
        if len(indices):
            evidence = model.embeddings(data, indices, model.encode(data, indices, others), others)
            evidence.settle(model.joined)
            if name in model.encoded_views:
                table = model.encode(data, indices, [name])[name].mean.astype(np.float64)
            else:
                table = wanted(model, data, name, indices)
            views[name] = replace(views[name], chance=chance(table, evidence.latents(model.joined)))
    return replace(model.joined, views=views)
