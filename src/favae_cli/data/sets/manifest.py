"""The user's own data: tables with one row a sample, and which of their columns make which view."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.common.errors import UserError, gather
from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.files.as_config_says import read_as, require_columns_of
from favae_cli.data.files.join_by_key import Source, distinct_keys, positions, sample_keys, union
from favae_cli.data.files.table import NoSuchColumn, Table, with_array
from favae_cli.data.files.turned import turned
from favae_cli.data.files.webdataset import expanded
from favae_cli.data.kinds import judge, source
from favae_cli.data.split import split_indices

if TYPE_CHECKING:
    from favae_cli.config.own_files import ManifestConfig

Tables = dict[str, Table]


def load(config: ManifestConfig, cache: Path, seed: int) -> Dataset:
    """Build the data set that a `name: manifest` config describes (keys: configs/data/manifest.yaml).

    Every key in any file is a sample; a view whose file does not have it is missing.

    Args:
        config: the validated data config.
        cache: folder for decoded images.
        seed: the run's seed; splits the rows where `split.seed` is null.

    Raises:
        UserError: a mistake in the config, a table or an image, by its key, column, row or file.
    """
    tables = read_tables(config)
    found = gather(partial(_source, tables, name, config, cache) for name in config.views)
    sources = dict(zip(config.views, found, strict=True))
    main = [sample_keys(tables[config.table])] if config.table else []
    keys = union([*main, *(source.keys for source in found)])
    split = _split(tables, config, keys, seed)
    views: dict[str, ViewData] = {}
    notes = [note for table in tables.values() for note in table.notes]

    def load_view(name: str) -> None:
        views[name], lines = sources[name].load_for(keys)
        lines += judge(views[name], config.views[name].kind, split["train"], f"data.views.{name}")
        notes.extend(f"{name}: {line}" for line in lines)

    wanted = [name for name in sources if config.use is None or name in config.use]
    gather([partial(_require_some_view, keys, sources, tables), *(partial(load_view, name) for name in wanted)])
    title = Path(config.table).stem if config.table else config.root.resolve().name
    return Dataset(title, keys, views, split, notes=tuple(notes), key=config.key or "key")


def read_tables(config: ManifestConfig) -> Tables:
    """The files of the config by the names that it gives them, the main one first.

    Raises:
        UserError: a folder or file that is not there, or not what its name says.
    """
    hint = f"; {config.how_to_get}" if config.how_to_get else ""
    if not config.root.is_dir():
        raise UserError(f"data.root: there is no folder {config.root}{hint}")
    asked_by = {config.table: "data.table"} if config.table else {}
    wanted = {config.table: [*config.split.reads().values()]} if config.table else {}
    arrays: list[tuple[str, str, str]] = []
    for name, file in config.files().items():
        view = config.views[name]
        if view.own_array:
            arrays.append((view.own_array, file, f"data.views.{name}.array"))
        asked_by.setdefault(file, f"data.views.{name}.{'array' if file == view.own_array else 'table'}")
        wanted.setdefault(file, []).extend(view.reads())

    def existing(file: str, key: str) -> Path:
        path = config.root / file
        for part in expanded(path):
            if not os.path.isfile(part):
                raise UserError(f"{key}: there is no file {part}{hint}")
        return path

    columns = [*config.dates]  # an array of an .npz file is read only if it is wanted
    tables = {
        file: read_as(existing(file, key), config, [*wanted[file], *columns], config.key)
        for file, key in asked_by.items()
    }
    for file in config.transposed or ():
        tables[file] = turned(tables[file], config.key)
    require_columns_of(config, tables.values())
    for array, file, key in arrays:
        tables[file] = with_array(tables[file], array, existing(array, key))
    return tables


def _source(tables: Tables, name: str, config: ManifestConfig, cache: Path) -> Source:
    try:
        return source(tables[config.files()[name]], name, config, cache)
    except NoSuchColumn as error:
        elsewhere = [file for file, table in tables.items() if error.name in table.names]
        if not elsewhere:
            raise
        raise UserError(f"{error}; {elsewhere[0]} has it: set data.views.{name}.table={elsewhere[0]}") from error


def _split(tables: Tables, config: ManifestConfig, keys: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    seed = seed if config.split.seed is None else config.split.seed
    if config.table is None or not config.split.reads():
        # Samples of several files have no order of their own, so their keys decide.
        return split_indices(len(keys), config.split, seed=seed, groups=keys if len(tables) > 1 else None)
    main = tables[config.table]
    ((which, column),) = config.split.reads().items()
    cells = main.column(column, f"data.split.{which}")
    if which == "by" and (cells == "").any():
        row = np.flatnonzero(cells == "")[0] + 1
        raise UserError(f"data.split.by: column {column!r} is empty in row {row}; every row needs a group")
    at = positions(distinct_keys(main), keys)
    if (at < 0).any():
        raise UserError(
            f"data.split.{which}: column {column!r} must say it for every sample, but {main.path} has no row of "
            f"{str(keys[at < 0][0])!r}, nor of {np.sum(at < 0) - 1} more"
        )
    if which == "by":
        return split_indices(len(keys), config.split, seed=seed, groups=cells[at])
    return split_indices(len(keys), config.split, seed=seed, column=cells[at])


def _require_some_view(keys: np.ndarray, sources: dict[str, Source], tables: Tables) -> None:
    lacking = keys[~np.any([found.present_in(keys) for found in sources.values()], axis=0)]
    if lacking.size:
        rows = {table.path: np.flatnonzero(sample_keys(table) == lacking[0]) for table in tables.values()}
        path, row = next((path, found[0] + 1) for path, found in rows.items() if found.size)
        raise UserError(
            f"data.table: {lacking.size} samples have no view at all, the first is {str(lacking[0])!r} "
            f"(row {row}) of {path}; every row needs at least one of {', '.join(sources)}"
        )
