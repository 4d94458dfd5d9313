"""Which views have to do with a factor, by what all other views say of it, and which only by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from favae_cli.data import Dataset
from favae_cli.data.dataset import some
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
    if len(views) < 2:
        return model.joined
    others = {name: tuple(other for other in views if other != name) for name in views}
    asked = {name: some(data.having("train", name, any_of=given), ROWS) for name, given in others.items()}
    every = np.unique(np.concatenate([*asked.values()]))
    encoded = model.encode(data, every)
    for name, indices in asked.items():
        if len(indices):
            rows = np.searchsorted(every, indices)
            own = {view: q.at(rows) for view, q in encoded.items()}
            evidence = model.embeddings(data, indices, own, others[name])
            evidence.settle(model.joined)
            table = own[name].mean.astype(np.float64) if name in own else wanted(model, data, name, indices)
            views[name] = replace(views[name], chance=chance(table, evidence.latents(model.joined)))
    return replace(model.joined, views=views)
