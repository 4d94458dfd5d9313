"""Which views have to do with a factor, by what all other views say of it, and which only by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from favae_cli.data import Dataset
from favae_cli.factors import FactorModel
from favae_cli.factors.use import chance
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.read_outs import wanted

ROWS = 2000  # training samples that are asked, at most


def told_apart(model: FAVAE, data: Dataset) -> FactorModel:
    """The factor model with the `chance` of every view that some training samples have beside another one.

    Args:
        model: joined.
        data: with its split.
    """
    views = dict(model.joined.views)
    for name in views:
        others = [other for other in views if other != name]
        indices = data.having("train", name)
        told = [data.views[other].present[indices] for other in others]
        indices = indices[np.any(told, axis=0)] if told else indices[:0]
        if len(indices) > ROWS:
            indices = np.sort(np.random.default_rng(0).permutation(indices)[:ROWS])
        if len(indices):
            evidence = model.embeddings(data, indices, model.encode(data, indices, others), others)
            evidence.settle(model.joined)
            if name in model.encoded_views:
                table = model.encode(data, indices, [name])[name].mean.astype(np.float64)
            else:
                table = wanted(model, data, name, indices)
            views[name] = replace(views[name], chance=chance(table, evidence.latents(model.joined)))
    return replace(model.joined, views=views)
