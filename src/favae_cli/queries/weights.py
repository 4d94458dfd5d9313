"""What each factor does to each column of each view: the weights, in the columns' own units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from favae_cli.data import ViewData
from favae_cli.data.dataset import blocks
from favae_cli.factors import ViewFactors
from favae_cli.factors.categorical import contrasts
from favae_cli.models.fa_vae import FAVAE
from favae_cli.views import BernoulliView, CategoricalView, OrdinalView, RealView, View

LOGISTIC = math.pi**2 / 3  # variance of what a logit is compared with


@dataclass(frozen=True)
class Weights:
    """Of one view of C named columns; K factors.

    Attributes:
        columns: (C,) names; of categories "colour=red", of ordered levels the variable's.
        weight: (C, K) what one standard deviation of a factor adds: in units of the column, or to log odds.
        deviation: (C, K) of the weight, by its posterior; NaN where a network stands between.
        standardised: (C, K) the same in standard deviations of the column, or of what its odds are made of, under the
            model: the correlation of column and factor. NaN where a network stands between.
    """

    columns: tuple[str, ...]
    weight: np.ndarray
    deviation: np.ndarray
    standardised: np.ndarray


def weights_of(view: View, factors: ViewFactors, data: ViewData) -> Weights | None:
    """The weights of a view's columns; None of images, texts and sequences, which have none.

    Behind a network the weight is half of what lies between one standard deviation up and one down.

    Args:
        view: of the model.
        factors: what the model believes of it.
        data: with the names of its columns.
    """
    if not data.columns or data.is_sequence:
        return None
    doubt = np.sqrt(np.diag(factors.weights_cov))
    if isinstance(view, RealView):
        # Between a standard deviation up and down: a scale of ranks has steps, and logarithms bend.
        reach = np.sqrt(np.sum(factors.weights**2, axis=1) + factors.noise_variance)
        high, low = (view.decode((factors.bias + sign * reach)[None])[0] for sign in (1, -1))
        slope = ((high - low) / 2 / reach)[:, None]
        return Weights(
            data.columns,
            slope * factors.weights,
            np.abs(slope) * doubt,
            _standardised(factors.weights, factors.noise_variance),
        )
    if isinstance(view, BernoulliView | OrdinalView):
        names = data.columns if isinstance(view, BernoulliView) else tuple(variable.name for variable in data.variables)
        spread = np.broadcast_to(doubt, factors.weights.shape)
        return Weights(names, factors.weights, spread, _standardised(factors.weights, LOGISTIC))
    if isinstance(view, CategoricalView):
        weight, deviation = _of_categories(view, factors)
        return Weights(data.columns, weight, deviation, _standardised(weight, LOGISTIC))
    ends = [view.decode(factors.bias + sign * factors.weights.T) for sign in (1, -1)]
    weight = np.asarray((ends[0] - ends[1]).T / 2, np.float64)
    unknown = np.full(weight.shape, np.nan)
    return Weights(data.columns, weight, unknown, unknown)


def weights_table(model: FAVAE, views: Mapping[str, ViewData]) -> pd.DataFrame:
    """A row for each view, column and factor: view, column, factor, weight, deviation, standardised.

    Args:
        model: joined.
        views: of the run, with the names of their columns.

    Returns:
        Columns as `Weights` has them; factors count from 0, by relevance. Views without columns have no rows.
    """
    tables = []
    for name, view in model.views.items():
        found = weights_of(view, model.joined.views[name], views[name])
        if found is None:
            continue
        count, factors = found.weight.shape
        tables.append(
            pd.DataFrame(
                {
                    "view": np.full(count * factors, name, object),
                    "column": np.repeat(np.array(found.columns, object), factors),
                    "factor": np.tile(np.arange(factors), count),
                    "weight": found.weight.ravel(),
                    "deviation": found.deviation.ravel(),
                    "standardised": found.standardised.ravel(),
                }
            )
        )
    columns = ["view", "column", "factor", "weight", "deviation", "standardised"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _standardised(weight: np.ndarray, noise: float) -> np.ndarray:
    total = np.sum(weight**2, axis=1, keepdims=True) + noise
    return weight / np.sqrt(total)


def _of_categories(view: CategoricalView, factors: ViewFactors) -> tuple[np.ndarray, np.ndarray]:
    """(C, K) weight of the logit of each category, and its deviation."""
    doubt = np.sqrt(np.diag(factors.weights_cov))
    weights, deviations = [], []
    for before, own in enumerate(blocks(view.groups)):
        basis = contrasts(own.stop - own.start)
        weights.append(basis @ factors.weights[own.start - before : own.stop - before - 1])
        deviations.append(np.linalg.norm(basis, axis=1)[:, None] * doubt)
    return np.concatenate(weights), np.concatenate(deviations)
