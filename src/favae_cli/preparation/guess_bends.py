"""How many samples have a view, and whether a network would find in its numbers what lines do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from favae_cli.data.dataset import some
from favae_cli.data.files.table import Table
from favae_cli.preparation.bending import COLUMNS, ENOUGH, ROWS, TRAINED, told
from favae_cli.preparation.guess_views import GuessedView


def looked_into(
    view: GuessedView, table: Table, cells: Mapping[str, np.ndarray], groups: np.ndarray | None
) -> GuessedView:
    """The view with its samples and, where they are enough for a network of numbers, whether these bend.

    Args:
        view: of the file.
        table: the file.
        cells: of its columns.
        groups: (N,), what each row belongs to; None: each to itself.
    """
    filled = _filled(view, table, cells)
    view = replace(view, rows=len({*cells[table.key][filled]}) if table.key else int(filled.sum()))
    if view.kind != "vector" or int(TRAINED * view.rows) < ENOUGH:
        return view
    rows = some(np.flatnonzero(filled), ROWS)  # before any is parsed
    found = told(_numbers(view, table, cells, rows), None if groups is None else groups[rows])
    return replace(view, bends=found.bends if found else None)


def groups_of(
    cells: Mapping[str, np.ndarray], knowing: Mapping[str, np.ndarray], key: str | None, group: str | None
) -> np.ndarray | None:
    """(N,) what each row of a file belongs to, by column `group` of `knowing`: the cells of a file of all samples."""
    if group is None or key is None:
        return knowing[group] if group else None
    named = dict(zip(knowing[key], knowing[group], strict=True))
    return np.array([named[name] for name in cells[key]], dtype=str)


def _filled(view: GuessedView, table: Table, cells: Mapping[str, np.ndarray]) -> np.ndarray:
    """bool (N,): rows that have any value of the view."""
    array = table.arrays.get(view.source.get("array", ""))
    if array is not None and array.ndim == 2:
        return np.asarray(np.isfinite(array).any(axis=1))
    filled = np.full(len(table), not view.columns)
    for column in view.columns:
        filled |= cells[column] != ""
        if filled.all():
            break
    return filled


def _numbers(view: GuessedView, table: Table, cells: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """(N, D) of these rows."""
    if not view.columns:
        return table.arrays[view.source["array"]][rows]
    shown = (view.columns[place] for place in some(np.arange(len(view.columns)), COLUMNS))
    parsed = [pd.to_numeric(pd.Series(cells[column][rows]), errors="coerce").to_numpy(float) for column in shown]
    return np.stack(parsed, axis=1)
