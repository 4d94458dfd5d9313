"""The kinds of views that a user's files can make, one module a kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.config.own_files import BinaryData, OneRow
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.join_by_key import Source, distinct_keys
from favae_cli.data.files.table import Table
from favae_cli.data.kinds import binary, categorical, image, sequence
from favae_cli.data.kinds.numbers import array_numbers, column_numbers, matrix_view
from favae_cli.data.kinds.repeated import one_row_each
from favae_cli.data.masked_tables import masked_view, require_categories, require_columns

if TYPE_CHECKING:
    from favae_cli.config.data_base import Kind
    from favae_cli.config.own_files import CountsData, ManifestConfig, OwnViewKind, RealData, TextData, VectorData


def source(table: Table, name: str, config: ManifestConfig, cache: Path) -> Source:
    """The view `name` of the config, as its file has it.

    Raises:
        UserError: a mistake in the config or the file, by its key, column and row.
    """
    view, key = config.views[name], f"data.views.{name}"
    table = _one_row_each(table, view, key)
    match view.kind:
        case "image":
            present, load = image.read(table, view, key, config, cache)
            return Source(distinct_keys(table), present, load)
        case "sequence":
            keys, sequences = sequence.read(table, view, name, key)
            return _loaded(keys, sequences)
        case "binary":
            return _loaded(distinct_keys(table), binary.read(table, view, key))
        case "categorical" | "ordinal":
            return _loaded(distinct_keys(table), categorical.read(table, view, key))
        case "real" | "vector" | "counts":
            return _loaded(distinct_keys(table), _numbers(table, view, key))
        case "text":
            return _loaded(distinct_keys(table), _texts(table, view, key))
        case _:
            assert_never(view.kind)


def judge(view: ViewData, kind: Kind, train: np.ndarray, key: str) -> tuple[str, ...]:
    """Notes on what the training samples do not tell of a view.

    Raises:
        UserError: they tell nothing of it.
    """
    match kind:
        case "categorical" | "ordinal":
            return require_categories(view, train, key)
        case "binary" | "real" | "vector" | "counts" | "sequence":
            return require_columns(view, train, key)
        case "image" | "text":
            return ()
        case _:
            assert_never(kind)


def _one_row_each(table: Table, view: OwnViewKind, key: str) -> Table:
    """The table as it is, or with one row a sample where the view asks for that."""
    if not isinstance(view, OneRow) or view.repeated is None:
        return table
    columns = table.matching(view.columns or (), key, view.without or ())
    columns += [*view.binarise] if isinstance(view, BinaryData) else []
    return one_row_each(table, [*dict.fromkeys(columns)], view.repeated, view.time, key)


def _loaded(keys: np.ndarray, view: ViewData) -> Source:
    return Source(keys, view.present, lambda: (view, ()))


def _numbers(table: Table, view: RealData | VectorData | CountsData, key: str) -> ViewData:
    counts = view.kind == "counts"
    if view.array in table.matrices:
        return matrix_view(table, view, key)
    if view.array is not None:
        values = array_numbers(table, view.array, f"{key}.array", "(N, D)", counts)
        columns = [f"{view.array}_{index}" for index in range(values.shape[1])]
        return masked_view(values, columns, written=[table.arrays[view.array].dtype] * len(columns))
    columns = table.matching(view.columns or (), key, view.without or ())
    values, dtypes = column_numbers(table, columns, f"{key}.columns", counts)
    return masked_view(values, columns, written=dtypes)


def _texts(table: Table, view: TextData, key: str) -> ViewData:
    """Texts as they are: only an empty cell is a missing one, for any word may be meant."""
    cells = table.column(view.column, f"{key}.column")
    present = cells != ""
    if not (present.any() or table.new):
        raise UserError(f"{key}.column: column {view.column!r} is empty in every row of {table.path}")
    return ViewData(cells[present], np.where(present, np.cumsum(present) - 1, -1).astype(np.int64))
