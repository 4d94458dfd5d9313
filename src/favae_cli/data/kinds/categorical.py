"""Variables of which a sample has one of several categories, or one of several levels in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import ViewData
from favae_cli.data.dates import NAMES
from favae_cli.data.files.table import Table, is_number
from favae_cli.data.masked_tables import masked_view

if TYPE_CHECKING:
    from favae_cli.config.own_files import CategoricalData, OrdinalData

MOST = 100  # categories of a variable
OTHER = "other"  # what the rarest are called where they are one


def read(table: Table, view: CategoricalData | OrdinalData, key: str) -> ViewData:
    """A block of columns for each variable, a column for each category that occurs.

    Raises:
        UserError: a column that is not there, is empty throughout, has too many categories that are not merged, or an
            = in its name; or levels whose order is not given.
    """
    columns = table.matching(view.columns, key, view.without or ())
    section, key = key, f"{key}.columns"
    cells = {column: table.values(column, key) for column in columns}
    labels: dict[str, np.ndarray] = {}
    for column, values in cells.items():
        if "=" in column:
            raise UserError(f"{key}: the = in column {column!r} is to part it from its categories; rename it")
        if view.kind == "categorical" and view.most is not None:
            labels[column] = values  # of new samples, too, the run may know some as others
            cells[column] = values = values if table.new else merged(values, view.most)
        found = len(set(values) - {""})
        if not (found or table.new):
            raise UserError(f"{key}: column {column!r} is empty in every row of {table.path}")
        if found > MOST and not (table.new and column in labels):
            raise UserError(
                f"{key}: column {column!r} of {table.path} has {found} categories, and {MOST} is the most; "
                "merge the rarest with most: 20, leave it out, or make it a view of kind text"
            )
    if view.kind == "categorical":
        made = one_hot(cells)
        return replace(made, labels={column: values[made.present] for column, values in labels.items()})
    levels = {name: _ordered(name, values, view.levels_of(name), section) for name, values in cells.items()}
    return one_hot(cells, levels)


def merged(cells: np.ndarray, most: int) -> np.ndarray:
    """The categories (N,) with the rarest as one, `OTHER`, where there are more than `most`."""
    values, counts = np.unique(cells[cells != ""].astype(str), return_counts=True)
    if len(values) <= most:
        return cells
    kept = [str(values[place]) for place in np.argsort(-counts, kind="stable")[: most - 1]]
    return np.where((cells == "") | np.isin(cells.astype(str), kept), cells, OTHER)


def _ordered(name: str, cells: np.ndarray, levels: Sequence[str] | None, key: str) -> Sequence[str]:
    """The levels of a column, the lowest first."""
    found = set(cells) - {""}
    unknown = sorted(found - set(levels)) if levels else sorted(cell for cell in found if not is_number(cell))
    if unknown and levels:
        raise UserError(f"{key}.levels: column {name!r} has {unknown[0]!r}, which is none of {', '.join(levels)}")
    if unknown:
        raise UserError(
            f"{key}.levels: column {name!r} has {unknown[0]!r}, which is no number; list the levels, the lowest first"
        )
    return levels or sorted(found, key=_rank)


def one_hot(variables: Mapping[str, np.ndarray], levels: Mapping[str, Sequence[str]] | None = None) -> ViewData:
    """Categories as zeros and ones.

    Args:
        variables: by name, the categories (N,) as text, "" where they are missing.
        levels: by name of those whose categories have an order, all of them in that order.

    Returns:
        The view, columns called "colour=red", the categories of each variable in order; all of them NaN for a sample
        that lacks the variable.
    """
    blocks, columns, groups = [], [], []
    for name, cells in variables.items():
        categories = list((levels or {}).get(name) or in_order(set(cells) - {""}))
        block = (cells[:, None] == np.array(categories, dtype=object)).astype(np.float64)
        block[cells == ""] = np.nan
        blocks.append(block)
        columns += [f"{name}={category}" for category in categories]
        groups.append(len(categories))
    return masked_view(np.concatenate(blocks, axis=1), columns, groups)


def in_order(categories: set[str]) -> list[str]:
    """Weekdays and months as in the calendar; others as numbers, then words."""
    calendar = next((names for names in NAMES.values() if categories <= {*names}), None)
    return sorted(categories, key=_rank if calendar is None else calendar.index)


def _rank(category: str) -> tuple[float, str]:
    """Numbers in their own order, before words."""
    try:
        return float(category), category
    except ValueError:
        return np.inf, category
