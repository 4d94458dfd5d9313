"""How much each column of a view goes with each factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from favae_cli.data import Dataset, ViewData
from favae_cli.data.dataset import blocks, measured_as
from favae_cli.factors import ViewFactors
from favae_cli.factors.categorical import contrasts
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.predict import on_scale
from favae_cli.reporting.panels import units
from favae_cli.views import View

COLUMNS = ["view", "column", "factor", "weight", "deviation"]


def weight_table(model: FAVAE, data: Dataset) -> pd.DataFrame:
    """A row for each column of a table and each factor that its view uses: `COLUMNS`.

    Of bits, categories and levels the weight is on the scale of the link: by how much the logit rises with a standard
    deviation of the factor. Of numbers (logarithms or ranks, where they are modelled so) it says by how many of its own
    standard deviations the column does, while the other factors stay at their mean; of a VAE that is half of what lies
    between one below the mean and one above.
    Deviations are those of q(W), NaN of a VAE, which has weights of z and none of columns.
    """
    parts = []
    for name, factors in model.joined.views.items():
        view, active = data.views[name], np.flatnonzero(factors.active)
        if not view.is_table or not len(active):
            continue
        if measured_as(view) == "real":
            weight, deviation = _of_numbers(model.views[name], view, factors, active)
            if name not in model.inferred_views:
                deviation = np.full_like(weight, np.nan)
        else:
            weight, deviation = (part[:, active] for part in logit_weights(view, factors))
        table = {
            "view": name,
            "column": np.repeat(np.array(weighted(view), object), len(active)),
            "factor": np.tile(active, len(weight)),
            "weight": weight.ravel(),
            "deviation": deviation.ravel(),
        }
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _of_numbers(view: View, data: ViewData, factors: ViewFactors, active: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(D, A) each, in standard deviations of the columns; the second as if z were the columns in units of their own."""
    weights = factors.weights[:, active]
    decoded = view.decode(np.concatenate([weights.T, -weights.T]) + factors.bias)
    above, below = np.split(on_scale(view, decoded), 2)
    weight = (above - below).T / 2 / units(on_scale(view, data.values))[1][:, None]
    if weight.shape != weights.shape:
        return weight, weight
    size, own = np.linalg.norm(weight, axis=1), np.linalg.norm(weights, axis=1)
    unit = np.divide(size, own, out=np.zeros(len(own)), where=own > 0)
    return weight, unit[:, None] * np.sqrt(np.diag(factors.weights_cov)[active])


def logit_weights(view: ViewData, factors: ViewFactors) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation, (D, K) each: of bits and levels of W itself, of categories of their logits."""
    turn = np.eye(factors.size)
    if view.groups and view.kind != "ordinal":
        turn = block_diag(*(contrasts(size) for size in view.groups))
    deviation = np.sqrt(np.square(turn).sum(axis=1)[:, None] * np.diag(factors.weights_cov))
    return turn @ factors.weights, deviation


def weighted(view: ViewData) -> list[str]:
    """Of what the weights are: the columns; of ordered levels the variables, each of which has one scale."""
    if view.kind != "ordinal":
        return list(view.columns)
    return [view.columns[part.start].partition("=")[0] for part in blocks(view.groups)]
