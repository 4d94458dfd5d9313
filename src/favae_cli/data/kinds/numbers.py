"""Numbers out of a user's file: columns of text that must be numbers, and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError, gather
from favae_cli.data.files.table import Table
from favae_cli.data.written import Written

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


def refuse_cells(table: Table, column: str, cells: np.ndarray, wrong: np.ndarray, key: str, rule: str) -> None:
    """Name the first of the `cells` (N,) that are `wrong`, bool (N,), and what would be right, if there is one.

    Raises:
        UserError: there is one.
    """
    if wrong.any():
        row = np.flatnonzero(wrong)[0]
        raise UserError(f"{key}: column {column!r} holds {cells[row]!r} in row {row + 1} of {table.path}; use {rule}")


def _parsed(table: Table, column: str, key: str, counts: bool) -> tuple[np.ndarray, Written]:
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
