"""What a model found, written into AnnData and MuData files, from where scanpy and muon go on.

Source: as `favae_cli.data.files.annotated`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.files.annotated import made, modalities_of, opened, read_annotated
from favae_cli.data.files.hdf5_frames import frame_of
from favae_cli.data.files.join_by_key import sample_keys
from favae_cli.data.files.table import Table

NAME = "favae"
SCORES, DEVIATIONS = f"X_{NAME}", f"X_{NAME}_std"  # scanpy's names of coordinates begin with X_


@dataclass(frozen=True)
class Results:
    """Of N samples, K factors.

    Attributes:
        names: (N,) of the samples.
        scores, deviations: (N, K) where each stands on each factor, and how far that is sure.
        weights: by view with named columns, the names and (C, K).
        places: by view, the modality that it is of; views of no modality are not in it.
        explained: by view, (K,) share of the variance of its embedding that each factor explains.
        uses: (K,) who uses each factor.
    """

    names: np.ndarray
    scores: np.ndarray
    deviations: np.ndarray
    weights: Mapping[str, tuple[tuple[str, ...], np.ndarray]]
    places: Mapping[str, str]
    explained: Mapping[str, np.ndarray]
    uses: list[str]

    def scores_of(self, names: np.ndarray) -> dict[str, np.ndarray]:
        """Coordinates of observations by their names, NaN of those that are no samples."""
        at = pd.Index(self.names.astype(str)).get_indexer(pd.Index(names.astype(str)))
        return {SCORES: rows_of(self.scores, at), DEVIATIONS: rows_of(self.deviations, at)}

    def weights_of(self, modality: str, variables: np.ndarray, modalities: Collection[str]) -> np.ndarray | None:
        """(D, K) of the variables of one of the modalities, NaN of those that no view has; None if no view has any.

        They are of its own view, else of one that is of none of the modalities: others' variables may have its names.
        """
        known = pd.Index(variables.astype(str))
        shared = {view: len(known.intersection(pd.Index(columns))) for view, (columns, _) in self.weights.items()}
        places = {view: self.places.get(view, view) for view in shared if shared[view]}
        own = [view for view, place in places.items() if place == modality]
        others = [view for view, place in places.items() if place not in modalities]
        views = own or sorted(others, key=lambda view: -shared[view])
        if not views:
            return None
        columns, weights = self.weights[views[0]]
        return rows_of(weights, pd.Index(columns).get_indexer(known))

    def uns(self) -> dict[str, Any]:
        """What is of the model as a whole: by view what each factor explains, and who uses it."""
        return {
            "explained_variance": {view: np.asarray(share) for view, share in self.explained.items()},
            "factors": np.array(self.uses, object),
        }


def rows_of(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(N, C) rows of an array, in the order of `at` (N,); NaN where that is -1."""
    return np.concatenate([values, np.full((1, values.shape[1]), np.nan)])[at]


def annotate_file(path: Path, results: Results, key: str | None = None) -> None:
    """Put results into a file: `obsm` gets coordinates, `varm` weights and `uns` the explained variance.

    Args:
        path: of the file.
        results: of samples.
        key: the column of the observations that names the samples; None, or no such column: their own names do.

    Raises:
        UserError: it cannot be used, or none of its observations is a sample.
    """
    frame, _, _, title = read_annotated(path, key)
    samples = pd.Series(sample_keys(Table(path, frame, key=key or title)), frame[title])
    if not samples.isin(results.names.astype(str)).any():
        raise UserError(
            f"output: none of the observations to annotate is a sample: the first is {samples.iloc[0]!r}, the first "
            f"sample {str(results.names[0])!r}; data.key is to name the column of obs that says which they are of"
        )
    with opened(path, "r+") as file:
        _annotate(file, results, samples)


def _annotate(file: Any, results: Results, samples: pd.Series) -> None:
    """As `annotate_file`, with the samples by the names of the observations."""
    parts = {"": file} | ({name: file["mod"][name] for name in modalities_of(file["mod"])} if "mod" in file else {})
    for modality, part in parts.items():
        _, names, _, _ = frame_of(part["obs"])
        own = samples.reindex(names, fill_value="").to_numpy(object)
        for name, coordinates in results.scores_of(own).items():
            _write(_mapping(part, "obsm"), name, coordinates)
        _, variables, _, _ = frame_of(part["var"])
        weights = None if modality == "" and "mod" in file else results.weights_of(modality, variables, parts)
        if weights is not None:
            _write(_mapping(part, "varm"), NAME, weights)
    _write(_mapping(file, "uns"), NAME, results.uns())


def new_file(path: Path, data: Dataset, results: Results | None = None) -> None:
    """A MuData file of the data: a modality of each table of numbers, categories and texts as observations' columns.

    Args:
        path: of the file.
        data: of samples.
        results: of the same ones, by their keys, to put into it as `annotate_file` does; None: none.

    Raises:
        UserError: no view is a table of numbers.
        OSError: it cannot be written.
    """
    modalities = {
        name: view for name, view in data.views.items() if view.is_table and not view.groups and view.present.any()
    }
    if not modalities:
        raise UserError(f"output: {path} would hold no view of numbers, for there is none")
    told = f"MuData (format-version=0.1.0;creator=favae-run;creator-version={version('favae-run')})"
    with made(path, told.encode()) as file:  # by which mudata knows its files
        file.attrs.update(_encoded_as("MuData", "0.1.0"), axis=0, encoder=NAME)
        file.attrs["encoder-version"] = version("favae-run")
        mod = file.create_group("mod")
        mod.attrs["mod-order"] = [*modalities]
        obs = dict(observations(data))
        _dataframe(file, "obs", data.keys, obs)
        variables: list[str] = []
        for name, view in modalities.items():
            part = mod.create_group(name)
            part.attrs.update(_encoded_as("anndata", "0.1.0"), encoder=NAME)
            part.attrs["encoder-version"] = version("favae-run")
            _write(part, "X", view.gather(np.flatnonzero(view.present)))
            _dataframe(part, "obs", data.keys[view.present], {})
            _dataframe(part, "var", np.array(view.columns, object), {})
            at = np.where(view.present, np.cumsum(view.present), 0).astype(np.uint32)
            _write(_mapping(file, "obsmap"), name, at)
            _write(_mapping(file, "obsm"), name, view.present[:, None])
            whole = np.zeros(sum(len(other.columns) for other in modalities.values()), np.uint32)
            whole[len(variables) : len(variables) + len(view.columns)] = np.arange(1, len(view.columns) + 1)
            _write(_mapping(file, "varmap"), name, whole)
            _write(_mapping(file, "varm"), name, (whole > 0)[:, None])
            variables += view.columns
            for rest in ("layers", "obsm", "obsp", "uns", "varm", "varp"):
                _mapping(part, rest)
        _dataframe(file, "var", np.array(variables, object), {})
        for rest in ("obsp", "varp", "uns"):
            _mapping(file, rest)
        if results is not None:
            names = data.keys.astype(str)
            _annotate(file, results, pd.Series(names, names))


def observations(data: Dataset) -> Iterator[tuple[str, Any]]:
    """Name and cells (N,) of what is no number: categories of each variable, and texts.

    In HDF5 a name has no /, so that _ takes its place; one that several views have begins with that of the view.
    """
    found: list[tuple[str, str, Any]] = []
    for view, of_view in data.views.items():
        if of_view.is_text:
            found.append((view, view.replace("/", "_"), np.append(of_view.values, "")[of_view.row].astype(object)))
        elif of_view.groups:
            found += [(view, name.replace("/", "_"), cells) for name, cells in _categories(of_view)]
    times = Counter(name for _, name, _ in found)
    for view, name, cells in found:
        yield f"{view}_{name}" if times[name] > 1 else name, cells


def _categories(view: ViewData) -> Iterator[tuple[str, Any]]:
    values = rows_of(view.values, view.row)
    for variable in view.variables:
        codes = np.nan_to_num(variable.codes(values), nan=-1).astype(np.int64)
        categories = pd.Index(variable.categories)
        yield variable.name, pd.Categorical.from_codes(codes, categories, ordered=view.kind == "ordinal")


def _encoded_as(kind: str, version: str) -> dict[str, str]:
    return {"encoding-type": kind, "encoding-version": version}


def _mapping(group: Any, name: str) -> Any:
    """A group of this name, made where there is none."""
    found = group.require_group(name)
    if "encoding-type" not in found.attrs:
        found.attrs.update(_encoded_as("dict", "0.1.0"))
    return found


def _write(group: Any, name: str, value: Any) -> None:
    """An array, or a mapping of such, in the place of what is there."""
    import h5py

    if name in group:
        del group[name]
    if isinstance(value, Mapping):
        part = _mapping(group, name)
        for key, each in value.items():
            _write(part, key, each)
        return
    held = stored(group, name, value)
    held.attrs.update(_encoded_as("array" if h5py.check_string_dtype(held.dtype) is None else "string-array", "0.2.0"))


def stored(group: Any, name: str, values: Any) -> Any:
    """A new dataset of numbers or texts, an array or a list of them; `name` may lead through groups."""
    import h5py

    array = np.asarray(values)
    if array.dtype.kind in "OUS":
        return group.create_dataset(name, data=array.astype(object), dtype=h5py.string_dtype())
    return group.create_dataset(name, data=array, compression="gzip" if array.size > 1000 else None)


def _dataframe(group: Any, name: str, index: np.ndarray, columns: Mapping[str, Any]) -> None:
    import h5py

    frame = group.create_group(name)
    frame.attrs.update(_encoded_as("dataframe", "0.2.0"), _index="_index")
    frame.attrs.create("column-order", np.array([*columns], object), dtype=h5py.string_dtype())
    _write(frame, "_index", index.astype(str).astype(object))
    for key, cells in columns.items():
        if isinstance(cells, pd.Categorical):
            part = frame.create_group(key)
            part.attrs.update(_encoded_as("categorical", "0.2.0"), ordered=cells.ordered)
            _write(part, "codes", cells.codes)
            _write(part, "categories", np.array(cells.categories, object))
        else:
            _write(frame, key, cells)
