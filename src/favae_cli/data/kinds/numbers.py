"""Numbers out of a user's file: columns of text that must be numbers, and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError, gather
from favae_cli.common.suggestions import did_you_mean
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.annotated import Matrix
from favae_cli.data.files.table import Table
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.written import Written

if TYPE_CHECKING:
    from favae_cli.config.own_files import BinaryData, CountsData, RealData, VectorData

LARGEST = float(np.finfo(np.float32).max)
COUNTS = "whole numbers from 0"


def column_numbers(
    table: Table, columns: Sequence[str], key: str, counts: bool = False
) -> tuple[np.ndarray, list[Written]]:
    """float64 (N, D), NaN where a cell is missing, and what the numbers of each column are in the file.

    Args:
        table: that has the columns.
        columns: D of them.
        key: the config key that asked for them, for messages.
        counts: they must be whole and not negative.

    Raises:
        UserError: a cell that is no such number.
    """
    parsed = gather(partial(_parsed, table, column, key, counts) for column in columns)
    return np.stack([values for values, _ in parsed], axis=1), [dtype for _, dtype in parsed]


def array_numbers(table: Table, name: str, key: str, dimensions: str, counts: bool = False) -> np.ndarray:
    """An array of an .npz file as float64, or as the float32 that it is, NaN where an entry is missing.

    Args:
        table: that has the array.
        name: of the array.
        key: the config key that asked for it, for messages.
        dimensions: the shapes it may have, such as "(N, T) or (N, T, C)".
        counts: its entries must be whole and not negative.

    Raises:
        UserError: another shape, or an entry that is no such number.
    """
    array = table.array(name, key)
    if array.ndim not in {shape.count(",") + 1 for shape in dimensions.split(" or ")} or not array.size:
        raise UserError(f"{key}: array {name!r} of {table.path} has shape {array.shape}; it must be {dimensions}")
    if array.dtype.kind not in "biuf":
        raise UserError(f"{key}: array {name!r} of {table.path} holds {array.dtype}, no numbers")
    values = array.astype(np.float32 if array.dtype == np.float32 else np.float64, copy=False)
    wrong = ~(np.isnan(values) | _right(values, counts))
    if wrong.any():
        row, *rest = np.argwhere(wrong)[0]
        place = f"row {row + 1}, at {', '.join(map(str, rest))}, of {table.path}"
        rule = f"{COUNTS if counts else 'finite numbers'}, or NaN for missing"
        raise UserError(f"{key}: array {name!r} holds {values[row, *rest]:g} in {place}; use {rule}")
    return values


def matrix_view(table: Table, view: BinaryData | RealData | VectorData | CountsData, key: str) -> ViewData:
    """The view of a matrix of an annotated file, its columns named by the variables.

    Raises:
        UserError: no such matrix, no variable that `where` and `without` leave, or an entry that is no such number.
    """
    assert view.array is not None
    matrix = table.matrices.get(view.array)
    if matrix is None:
        told = did_you_mean(view.array, table.matrices) if table.matrices else "only .h5ad and .h5mu files have any"
        raise UserError(f"{key}.array: {table.path} has no matrix {view.array!r}; {told}")
    wanted = _variables(matrix, view, key)
    columns = [matrix.columns[place] for place in wanted]
    values = matrix.read(wanted)
    wrong = ~np.isnan(values) & ~_fits(values, view.kind)
    for row, place in np.argwhere(wrong)[:1]:
        sample = table.frame[table.key].to_numpy()[np.flatnonzero(matrix.present)[row]]
        told = f"{columns[place]} of {sample}: {values[row, place]:g}"
        raise UserError(f"{key}.array: {view.array} of {table.path} has {told}; use {RULES.get(view.kind, RULES[''])}")
    found = masked_view(values, columns)
    return replace(found, row=np.where(matrix.present, found.row[np.cumsum(matrix.present) - 1], -1))


RULES = {"binary": "0 and 1", "counts": COUNTS, "": "finite numbers"}


def _fits(values: np.ndarray, kind: str) -> np.ndarray:
    return np.isin(values, (0, 1)) if kind == "binary" else _right(values, kind == "counts")


def _variables(matrix: Matrix, view: BinaryData | RealData | VectorData | CountsData, key: str) -> np.ndarray:
    """Places of the variables that a view takes."""
    taken = np.ones(len(matrix.columns), bool)
    if view.where is not None:
        if view.where not in matrix.marks:
            told = did_you_mean(view.where, matrix.marks) if matrix.marks else "they have no column of true and false"
            raise UserError(f"{key}.where: the variables of {view.array} have no {view.where!r}; {told}")
        taken &= matrix.marks[view.where]
    for pattern in view.without or ():
        fitting = [fnmatchcase(name, pattern) for name in matrix.columns]
        if not any(fitting):
            raise UserError(f"{key}.without: {view.array} has no variable {pattern!r}")
        taken &= ~np.array(fitting)
    if not taken.any():
        raise UserError(f"{key}: no variable of {view.array} is left")
    for place in [place for place in np.flatnonzero(taken) if "/" in matrix.columns[place]][:1]:
        told = f"the slash in {matrix.columns[place]!r} would split the names of metrics"
        raise UserError(f'{key}.array: {told}; leave such variables out by without: ["*/*"], or rename them')
    return np.flatnonzero(taken)


def refuse_cells(table: Table, column: str, cells: np.ndarray, wrong: np.ndarray, key: str, rule: str) -> None:
    """Name the first of the `cells` (N,) that are `wrong`, bool (N,), and what would be right, if there is one.

    Raises:
        UserError: there is one.
    """
    if wrong.any():
        row = np.flatnonzero(wrong)[0]
        raise UserError(f"{key}: column {column!r} holds {cells[row]!r} in row {row + 1} of {table.path}; use {rule}")


def _parsed(table: Table, column: str, key: str, counts: bool) -> tuple[np.ndarray, Written]:
    stored = table.numbers(column)
    if stored is not None and (np.isnan(stored) | _right(stored, counts)).all():
        return stored.astype(np.float64), stored.dtype
    cells = table.values(column, key)
    there = cells != ""
    if column in table.dates:
        way = table.dates[column]
        days = way.days(cells)
        refuse_cells(table, column, cells, there & np.isnan(days), key, f"dates written as {way.format}, or nothing")
        return days, way
    found = pd.to_numeric(cells[there], errors="coerce")
    values = np.full(len(cells), np.nan)
    values[there] = found
    rule = f"{COUNTS if counts else 'numbers'}, or an empty cell for missing"
    refuse_cells(table, column, cells, there & ~_right(values, counts), key, rule)
    return values, table.dtype(column) or found.dtype


def _right(values: np.ndarray, counts: bool) -> np.ndarray:
    """Which of them float32 can hold, and may be counts if they have to."""
    right = np.abs(values) <= LARGEST
    return right & (values >= 0) & (values == np.round(values)) if counts else right
