"""The user's own data: a table with one row a sample, and which of its columns make which view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.data.attributes import attribute_view, require_variation
from favae_cli.data.cache import cached_images
from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.split import split_indices
from favae_cli.data.table import Table, read_table
from favae_cli.errors import UserError

if TYPE_CHECKING:
    from favae_cli.data_config import BinaryColumns, ImageColumn, Manifest, ManifestSplit

BINARY = {"": np.nan} | dict.fromkeys(("0", "0.0", "false", "no"), 0.0)
BINARY |= dict.fromkeys(("1", "1.0", "true", "yes"), 1.0)
SHOWN = 20  # category values named in a message


@dataclass(frozen=True)
class _Source:
    """A view before its data are loaded: which rows of the table have it, and how to get it."""

    present: np.ndarray
    load: Callable[[], tuple[ViewData, tuple[str, ...]]]


def load(config: Manifest, cache: Path, seed: int) -> Dataset:
    """Build the data set that a `name: manifest` config describes (keys: configs/data/manifest.yaml).

    Args:
        config: the validated data config.
        cache: folder for decoded images.
        seed: the run's seed; splits the rows where `split.seed` is null.

    Raises:
        UserError: a mistake in the config, the table or an image, by its key, column, row or file.
    """
    table = read_table(_table_path(config))
    keys = _keys(table, config.key)
    split = _split(table, config.split, seed)
    sources = {name: _source(table, name, view, config, cache) for name, view in config.views.items()}
    _require_some_view(keys, sources)

    views: dict[str, ViewData] = {}
    notes: list[str] = []
    for name, source in sources.items():
        if config.use is not None and name not in config.use:
            continue
        views[name], lines = source.load()
        notes += [f"{name}: {line}" for line in lines]
        if not views[name].is_image:
            require_variation(views[name], split["train"], f"data.views.{name}")
    return Dataset(Path(config.table).stem, keys, views, split, notes=tuple(notes))


def _table_path(config: Manifest) -> Path:
    """Where the table is, once root and table are known to be there."""
    hint = f"; {config.how_to_get}" if config.how_to_get else ""
    if not config.root.is_dir():
        raise UserError(f"data.root: there is no folder {config.root}{hint}")
    path = config.root / config.table
    if not path.is_file():
        raise UserError(f"data.table: there is no file {path}{hint}")
    return path


def _keys(table: Table, column: str | None) -> np.ndarray:
    if column is None:
        return np.arange(1, len(table) + 1).astype(str)
    keys: np.ndarray = table.column(column, "data.key").astype(str)
    names, counts = np.unique(keys, return_counts=True)
    if (keys == "").any():
        raise UserError(f"data.key: column {column!r} is empty in row {np.flatnonzero(keys == '')[0] + 1}")
    for name in names[counts > 1].tolist():
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(keys == name))
        raise UserError(f"data.key: {name!r} names several samples, rows {rows} of {table.path}; keys must differ")
    return keys


def _split(table: Table, config: ManifestSplit, seed: int) -> dict[str, np.ndarray]:
    seed = seed if config.seed is None else config.seed
    if config.column is not None:
        column = table.column(config.column, "data.split.column")
        return split_indices(len(table), config, seed=seed, column=column)
    if config.by == "row":
        return split_indices(len(table), config, seed=seed)
    groups = table.column(config.by, "data.split.by")
    if (groups == "").any():
        row = np.flatnonzero(groups == "")[0] + 1
        raise UserError(f"data.split.by: column {config.by!r} is empty in row {row}; every row needs a group")
    return split_indices(len(table), config, seed=seed, groups=groups)


def _source(table: Table, name: str, view: ImageColumn | BinaryColumns, config: Manifest, cache: Path) -> _Source:
    if view.kind == "image":
        return _image_source(table, name, view, config, cache)
    values, columns = _binary_values(table, name, view)
    loaded = attribute_view(values, columns)
    return _Source(loaded.present, lambda: (loaded, ()))


def _image_source(table: Table, name: str, view: ImageColumn, config: Manifest, cache: Path) -> _Source:
    cells = table.column(view.column, f"data.views.{name}.column")
    filled = np.flatnonzero(cells != "")
    if filled.size == 0:
        raise UserError(f"data.views.{name}.column: column {view.column!r} is empty in every row")

    def images() -> tuple[ViewData, tuple[str, ...]]:
        paths = [config.root / cell for cell in cells[filled]]
        values, rows, notes = cached_images(paths, view.size, view.channels, view.crop, cache, config.on_bad_image)
        row = np.full(len(cells), -1, dtype=np.int64)
        row[filled] = rows
        return ViewData(values, row), notes

    return _Source(cells != "", images)


def _binary_values(table: Table, view_name: str, view: BinaryColumns) -> tuple[np.ndarray, list[str]]:
    """float64 (N, D) of 0, 1 and NaN, and the names of the D attributes."""
    key = f"data.views.{view_name}"
    attributes: list[tuple[str, np.ndarray]] = []
    for column in view.columns:
        attributes.append((column, _parse_binary(table, column, f"{key}.columns")))
    for column, categories in view.binarise.items():
        cells = table.column(column, f"{key}.binarise")
        empty = np.nan if view.empty == "missing" else 0.0
        for name, accepted in categories.items():
            _require_occurring(accepted, cells, column, f"{key}.binarise.{column}.{name}")
            attributes.append((name, np.where(cells == "", empty, np.isin(cells, accepted))))
    names = [name for name, _ in attributes]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{key}: several attributes are called {name!r}; names must differ")
    return np.stack([values for _, values in attributes], axis=1), names


def _parse_binary(table: Table, column: str, key: str) -> np.ndarray:
    cells = table.column(column, key)
    texts, position = np.unique(cells.astype(str), return_inverse=True)
    for text in texts.tolist():
        if text.lower() not in BINARY:
            row = np.flatnonzero(cells == text)[0] + 1
            raise UserError(
                f"{key}: column {column!r} holds {text!r} in row {row} of {table.path}; "
                "use 0/1, true/false, yes/no or an empty cell"
            )
    return np.array([BINARY[text.lower()] for text in texts])[position]


def _require_occurring(accepted: list[str], cells: np.ndarray, column: str, key: str) -> None:
    values = sorted(set(cells) - {""})
    for value in accepted:
        if value not in values:
            shown = ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
            raise UserError(f"{key}: {value!r} never occurs in column {column!r}, which holds {shown}")


def _require_some_view(keys: np.ndarray, sources: dict[str, _Source]) -> None:
    lacking = np.flatnonzero(~np.any([source.present for source in sources.values()], axis=0))
    if lacking.size:
        raise UserError(
            f"data.table: {lacking.size} samples have no view at all, the first is {str(keys[lacking[0]])!r} "
            f"(row {lacking[0] + 1}); every row needs at least one of {', '.join(sources)}"
        )
