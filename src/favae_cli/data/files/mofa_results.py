"""What a model found, in a file laid out as those of MOFA, whose tools for plots then read it.

Source: the files that mofapy2 0.7.5 writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import Dataset, ViewData, measured_as
from favae_cli.data.files.annotated import opened
from favae_cli.data.files.annotated_results import Results, observations

GROUP = "single_group"  # what MOFA calls the group of samples that have none


def write_mofa(path: Path, data: Dataset, results: Results) -> None:
    """Write the views whose columns have weights, and what the factors are and explain.

    Numbers are there around their mean, which is their intercept; bits and categories as 0 and 1; levels as their place
    from 0; NaN is missing. Categories and texts are metadata of the samples as well, to colour by.

    Args:
        path: of the new file.
        data: of the samples of the results, in their order.
        results: with weights of some view.

    Raises:
        UserError: no view has weights.
    """
    views = [name for name in data.views if name in results.weights]
    if not views:
        raise UserError(f"output: {path} would hold no view, for none has named columns with weights")
    logits = [measured_as(data.views[name]) != "real" and data.views[name].kind != "ordinal" for name in views]
    shares = 100 * np.stack([results.explained[name] for name in views])
    with opened(path, "w") as file:
        _write(file, "groups/groups", [GROUP])
        _write(file, "views/views", views)
        _write(file, f"samples/{GROUP}", results.names)
        _write(file, f"expectations/Z/{GROUP}", results.scores.T)
        for name, of_logits in zip(views, logits, strict=True):
            columns, weights = results.weights[name]
            values = _levels(data.views[name]) if data.views[name].kind == "ordinal" else data.views[name].values
            values = np.concatenate([values, np.full((1, len(columns)), np.nan)])[data.views[name].row]
            mean = np.zeros(len(columns)) if of_logits else np.nansum(values, 0) / (~np.isnan(values)).sum(0).clip(1)
            _write(file, f"features/{name}", columns)
            _write(file, f"data/{name}/{GROUP}", values - mean)
            _write(file, f"intercepts/{name}/{GROUP}", mean)
            _write(file, f"expectations/W/{name}", weights.T)
        for column, cells in observations(data):
            known = pd.Series(cells, dtype=object)
            _write(file, f"samples_metadata/{GROUP}/{column.replace('/', '_')}", known.where(known.notna(), ""))
        _write(file, f"variance_explained/r2_per_factor/{GROUP}", shares)
        _write(file, f"variance_explained/r2_total/{GROUP}", shares.sum(axis=1))
        _write(file, "model_options/likelihoods", ["bernoulli" if of_logits else "gaussian" for of_logits in logits])


def _levels(view: ViewData) -> np.ndarray:
    """(R, V) the place of each variable's level, from 0."""
    blocks = [view.values[:, variable.block].astype(np.float64) for variable in view.variables]
    return np.stack([block @ np.arange(block.shape[1]) for block in blocks], axis=1)


def _write(file: Any, name: str, values: Sequence[Any] | np.ndarray | pd.Series) -> None:
    import h5py

    array = np.asarray(values)
    texts = array.dtype.kind in "OU"
    kind = h5py.string_dtype() if texts else None
    file.create_dataset(name, data=array.astype(str).astype(object) if texts else array, dtype=kind, compression="gzip")
