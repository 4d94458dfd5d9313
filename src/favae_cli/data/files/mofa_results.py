"""What a model found, in a file laid out as those of MOFA, whose tools for plots then read it.

Source: the files that mofapy2 0.7.5 writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import Dataset, ViewData, measured_as
from favae_cli.data.files.annotated import made
from favae_cli.data.files.annotated_results import Results, observations, rows_of, stored

GROUP = "single_group"  # what MOFA calls the group of samples that have none


def write_mofa(path: Path, data: Dataset, results: Results) -> None:
    """Write the views whose columns have weights, and what the factors are and explain.

    Numbers, bits and categories as 0 and 1, and levels as their place from 0, are there around their mean, which is
    their intercept; NaN is missing. The weights are in the same units: those of least squares for counts, and for all
    of which the model has log odds. Categories and texts are metadata of the samples as well, to colour by.

    Args:
        path: of the new file.
        data: of the samples of the results, in their order.
        results: with weights of some view.

    Raises:
        UserError: no view has weights.
        OSError: it cannot be written.
    """
    views = [name for name in data.views if name in results.weights]
    if not views:
        raise UserError(f"output: {path} would hold no view, for none has named columns with weights")
    shares = 100 * np.stack([results.explained[name] for name in views])
    with made(path) as file:
        stored(file, "groups/groups", [GROUP])
        stored(file, "views/views", views)
        stored(file, f"samples/{GROUP}", results.names.astype(str))
        stored(file, f"expectations/Z/{GROUP}", results.scores.T)
        for name in views:
            view, (columns, weights) = data.views[name], results.weights[name]
            values = _levels(view) if view.kind == "ordinal" else view.values
            values = rows_of(values, view.row)
            mean = np.nansum(values, 0) / (~np.isnan(values)).sum(0).clip(1)
            if measured_as(view) != "real" or view.kind == "counts":
                weights = least_squares(results.scores, values - mean)
            stored(file, f"features/{name}", columns)
            stored(file, f"data/{name}/{GROUP}", values - mean)
            stored(file, f"intercepts/{name}/{GROUP}", mean)
            stored(file, f"expectations/W/{name}", weights.T)
        for column, cells in observations(data):
            known = pd.Series(cells, dtype=object)
            stored(file, f"samples_metadata/{GROUP}/{column}", known.where(known.notna(), ""))
        stored(file, f"variance_explained/r2_per_factor/{GROUP}", shares)
        stored(file, f"variance_explained/r2_total/{GROUP}", shares.sum(axis=1))
        stored(file, "model_options/likelihoods", ["gaussian"] * len(views))


def least_squares(scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(C, K) by which the scores (N, K) come nearest to the values (N, C), of which NaN are left out."""
    weights = np.zeros((values.shape[1], scores.shape[1]))
    patterns, which = np.unique(~np.isnan(values), axis=1, return_inverse=True)
    for place, known in enumerate(patterns.T):
        columns = which.ravel() == place
        weights[columns] = np.linalg.lstsq(scores[known], values[known][:, columns])[0].T
    return weights


def _levels(view: ViewData) -> np.ndarray:
    """(R, V) the place of each variable's level, from 0."""
    return np.stack([variable.codes(view.values) for variable in view.variables], axis=1)
