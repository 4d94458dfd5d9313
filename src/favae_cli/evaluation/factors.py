"""What the factors turned out to be."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset
from favae_cli.factors import FactorModel
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.weights import weights_of
from favae_cli.reporting.figures import relevance


def factor_metrics(model: FactorModel) -> dict[str, float]:
    """`factors/active` (in any view), `factors/shared` (in two or more) and `factors/private/<view>`."""
    return {
        "factors/active": float(np.any(list(model.active.values()), axis=0).sum()),
        "factors/shared": float(model.shared().sum()),
        **{f"factors/private/{name}": float(model.private(name).sum()) for name in model.views},
    }


def factor_pictures(model: FAVAE, data: Dataset) -> dict[str, Figure]:
    """|W| and alpha of every factor and view (Fig. 10 of the paper)."""
    factors = model.joined
    alpha = {name: view.ard.mean for name, view in factors.views.items()}
    weights, columns = dict(factors.weights), {}
    for name, view in model.inferred_views.items():
        columns[name] = data.views[name].columns
        if data.views[name].groups and (found := weights_of(view, factors.views[name], data.views[name])) is not None:
            weights[name], columns[name] = found.weight, found.columns  # z are contrasts, or one scale a variable
    return {"relevance": relevance(weights, alpha, factors.active, columns)}
