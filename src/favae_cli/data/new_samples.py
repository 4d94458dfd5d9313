"""Files of new samples, in the form that the views of a trained run have; they may lack columns, views and labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.own_files import ANNOTATED
from favae_cli.data.align_to_run import aligned
from favae_cli.data.dataset import SPLITS, Dataset, ViewData, parted
from favae_cli.data.files.as_config_says import read_as
from favae_cli.data.files.join_by_key import Source, sample_keys, union
from favae_cli.data.files.table import Table
from favae_cli.data.files.turned import turned
from favae_cli.data.kinds import source
from favae_cli.data.masked_tables import listed
from favae_cli.data.new_matrices import in_matrix, matrix_with, with_columns

if TYPE_CHECKING:
    from favae_cli.config.own_files import ManifestConfig, OwnViewKind


def new_samples(paths: Sequence[Path], config: ManifestConfig, trained: Mapping[str, ViewData], cache: Path) -> Dataset:
    """The samples of these files: every key in any of them, each once.

    A view is read from the file that has its columns; those that the file lacks are missing entries. What a training
    would refuse, such as a label that is nowhere known, is nothing to mind here.

    Args:
        paths: of tables; image paths in them are relative to their folders.
        config: of the data that the run was trained on.
        trained: the run's views, by their names in `config`.
        cache: folder for decoded images.

    Raises:
        UserError: a file that cannot be read, has none of the columns, or values that do not fit a view; or several
            files that cannot be told apart or joined.
    """
    known = {column for like in trained.values() for column in like.columns}
    tables = [_read(path, config, len(paths) == 1, known) for path in paths]
    sources: dict[str, Source] = {}
    notes = [note for table in tables for note in table.notes]
    for name, like in trained.items():
        view = _as_trained(config.views[name], like, config.files()[name])
        table = _file_of(name, view, config, tables, like)
        if table is None:
            continue
        if (matrix := matrix_with(table, config.views[name], like)) is not None:
            table, view, lacking = in_matrix(table, matrix, view, like)
            if lacking:
                notes.append(f"{table.path.name} lacks {listed(lacking)} of {name}, which are taken as missing")
            own = config.model_copy(update={"root": table.path.parent, "views": {name: view}})
            sources[name] = with_columns(source(table, name, own, cache), like)
            continue
        absent = [column for column in _values(view) if not _has(table, column)]
        if absent:
            notes.append(f"{table.path.name} lacks {listed(absent)} of {name}, which are taken as missing")
        if view.kind == "sequence" and view.time is None and view.columns is not None:
            _require_every_step(name, len(table.matching(view.columns, "input", view.without or ())), like, table)
        own = config.model_copy(update={"root": table.path.parent, "views": {name: view}})
        sources[name] = source(_with_empty(table, absent), name, own, cache)
    if not sources:
        views_read = [_as_trained(config.views[name], like, config.files()[name]) for name, like in trained.items()]
        read = [column for view in views_read for column in _values(view)]
        there = [column for table in tables for column in table.names if column != table.key]
        like_it = did_you_mean(there[0], read) if there else f"there are {listed(read)}"
        raise UserError(f"input: {tables[0].path} has no column of the run's views; {like_it}")
    keys = union([*(sample_keys(table) for table in tables), *(found.keys for found in sources.values())])
    views: dict[str, ViewData] = {}
    for name, found in sources.items():
        loaded, more = found.load_for(keys)
        like = trained[name]
        written = like.written or loaded.written  # as in training, where a column may be full that is empty here
        views[name] = replace(aligned(loaded, like, f"input: view {name}"), kind=like.kind, written=written)
        notes += [f"{name}: {note}" for note in more]
    everyone = np.arange(len(keys))
    return Dataset("input", keys, views, dict.fromkeys(SPLITS, everyone), notes=tuple(notes), key=config.key or "key")


def _read(path: Path, config: ManifestConfig, alone: bool, known: Collection[str]) -> Table:
    table = read_as(path, config, key=config.key)
    if table.matrices:
        return table
    if not table.arrays and _is_turned(table, known):
        note = f"{path.name} is read with features in its rows and samples in its columns"
        return turned(replace(table, key=None, notes=(*table.notes, note)), config.key)
    if config.key in table.names:
        return table
    if not alone:
        wanted = f"column {config.key!r}" if config.key else "column that names them"
        raise UserError(f"input: {path} has no {wanted}, to join its samples with those of the other files by")
    return replace(table, key=None)


def _is_turned(table: Table, known: Collection[str]) -> bool:
    """Whether its first column, rather than its header, has the columns that the run knows."""
    header = sum(str(column) in known for column in table.frame.columns)
    return len(table.frame.columns) > 1 and bool(table.frame.iloc[:, 0].isin([*known]).sum() > header)


def _as_trained(view: OwnViewKind, like: ViewData, file: str) -> OwnViewKind:
    """The view's section with the very columns that the run was trained on in place of patterns, and of a matrix."""
    match view.kind:
        case "categorical" | "ordinal":
            return view.model_copy(update={"columns": _variables(like), "without": None})
        case "binary" if view.array is None:
            made = {attribute for categories in view.binarise.values() for attribute in categories}
            columns = [column for column in like.columns if column not in made]
            return view.model_copy(update={"columns": columns, "without": None})
        case "binary" | "real" | "vector" | "counts":
            if view.columns or Path(file).suffix.lower() in ANNOTATED:
                return view.model_copy(
                    update={"columns": [*like.columns], "without": None, "array": None, "where": None}
                )
        case "sequence":
            if view.time is not None:
                return view.model_copy(update={"columns": [*like.columns], "without": None})
    return view


def _variables(view: ViewData) -> list[str]:
    return [*dict.fromkeys(parted(column)[0] for column in view.columns)]


def _values(view: OwnViewKind) -> list[str]:
    """What it reads but for the time, which files of other views may have, too."""
    timeless = view.model_copy(update={"time": None}) if getattr(view, "time", None) else view
    return timeless.reads()


def _has(table: Table, column: str) -> bool:
    """Whether a column, or one that fits if it is a pattern, as the steps of a sequence may be, is there."""
    return column in table.names or any(fnmatchcase(name, column) for name in table.names if name != table.key)


def _require_every_step(name: str, found: int, like: ViewData, table: Table) -> None:
    """Refuse a sequence in columns of which one is not there: those behind it would be taken for earlier steps."""
    if found != like.shape[0]:
        told = f"{table.path} has {found} columns for the {like.shape[0]} steps of {name}"
        raise UserError(f"input: {told}; leave one that is not known empty")


def _file_of(
    name: str, view: OwnViewKind, config: ManifestConfig, tables: Sequence[Table], like: ViewData
) -> Table | None:
    """The table that has most of the view: the one called like its file in training, else the only one that may."""
    having = [
        table
        for table in tables
        if any(_has(table, column) for column in _values(view)) or matrix_with(table, config.views[name], like)
    ]
    trained_on = Path(config.files()[name]).name
    alike = [table for table in having if table.path.name == trained_on]
    if len(alike or having) > 1:
        both = " and ".join(str(table.path) for table in (alike or having)[:2])
        raise UserError(f"input: {both} both have columns of {name}; give one, or call it {trained_on} as in training")
    return next(iter(alike or having), None)


def _with_empty(table: Table, columns: Sequence[str]) -> Table:
    """The table of new samples, with columns of empty cells for those that it lacks."""
    empty = pd.DataFrame("", index=table.frame.index, columns=[*columns])
    frame = pd.concat([table.frame, empty], axis=1)
    return replace(table, frame=frame, new=True)
