"""AnnData and MuData in memory: their matrices as views, and what a model found put back; by their attributes alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from scipy import sparse

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.data.files.annotated_results import NAME, Results


def is_annotated(X: Any) -> bool:
    """Whether it is an AnnData or a MuData."""
    return all(hasattr(X, name) for name in ("obs_names", "obsm", "uns"))


def views_of(X: Any, layers: Mapping[str, str] | None = None, obs: Sequence[str] = ()) -> dict[str, Any]:
    """The views of an AnnData, called "X", or of a MuData, called as its modalities, all with a row an observation.

    Args:
        X: of N observations.
        layers: by view, the layer to take in the place of X.
        obs: columns of the observations, each a view of its own.

    Raises:
        UserError: no such view, layer or column.
    """
    parts = dict(_parts(X))
    for name in layers or {}:
        if name not in parts:
            raise UserError(f"layers: there is no {name!r}; {did_you_mean(name, parts)}")
    views: dict[str, Any] = {name: _matrix(X, name, part, (layers or {}).get(name)) for name, part in parts.items()}
    for column in obs:
        if column not in X.obs:
            raise UserError(f"obs: there is no column {column!r}; {did_you_mean(column, map(str, X.obs.columns))}")
        views[column] = X.obs[column]
    return views


def put_back(X: Any, results: Results) -> None:
    """Coordinates into `obsm`, weights into `varm` and the explained variance into `uns`, of X and its modalities."""
    modalities = dict(_parts(X)) if hasattr(X, "mod") else {}
    for name, part in [("", X), *modalities.items()]:
        for key, coordinates in results.scores_of(part.obs_names.to_numpy(object)).items():
            part.obsm[key] = coordinates
        variables = part.var_names.to_numpy(object)
        weights = None if part is X and modalities else results.weights_of(name, variables, modalities)
        if weights is not None:
            part.varm[NAME] = weights
    X.uns[NAME] = results.uns()


def _parts(X: Any) -> Iterator[tuple[str, Any]]:
    yield from X.mod.items() if hasattr(X, "mod") else [("X", X)]


def _matrix(X: Any, name: str, part: Any, layer: str | None) -> pd.DataFrame:
    """(N, D) with a row for each observation of X; NaN in those that the part lacks."""
    if layer is not None and layer not in part.layers:
        raise UserError(f"layers: {name} has no {layer!r}; {did_you_mean(layer, part.layers)}")
    values = part.X if layer is None else part.layers[layer]
    if values is None:
        raise UserError(f"X: {name} has no X; say which of its layers to take: {', '.join(part.layers)}")
    for which, names in (("observations", part.obs_names), ("variables", part.var_names)):
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise UserError(f"X: {name} has {which} of one name, {twice!r}; make them unique")
    dense = values.toarray() if sparse.issparse(values) else values
    frame = pd.DataFrame(dense, index=part.obs_names, columns=part.var_names)
    return frame if frame.index.equals(X.obs_names) else frame.reindex(X.obs_names)
