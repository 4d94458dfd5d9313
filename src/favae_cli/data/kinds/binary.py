"""Attributes that a sample has or has not, from columns of 0/1 and from categories."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.common.errors import UserError, gather
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.table import Table
from favae_cli.data.kinds.numbers import refuse_cells
from favae_cli.data.masked_tables import SHOWN, masked_view

if TYPE_CHECKING:
    from favae_cli.config.own_files import BinaryData

BINARY = {"": np.nan} | dict.fromkeys(("0", "0.0", "false", "no"), 0.0)
BINARY |= dict.fromkeys(("1", "1.0", "true", "yes"), 1.0)


def read(table: Table, view: BinaryData, key: str) -> ViewData:
    """A column for each attribute.

    Raises:
        UserError: a column that is not there or not binary, a category that never occurs, or two of one name.
    """
    columns = table.matching(view.columns, f"{key}.columns")
    parsed = gather(partial(_parsed, table, column, f"{key}.columns") for column in columns)
    attributes = [*zip(columns, parsed, strict=True)]
    for column, categories in view.binarise.items():
        cells = table.values(column, f"{key}.binarise")
        empty = np.nan if view.empty == "missing" else 0.0
        for name, accepted in categories.items():
            _require_occurring(accepted, cells, column, f"{key}.binarise.{column}.{name}")
            attributes.append((name, np.where(cells == "", empty, np.isin(cells, accepted))))
    names = [name for name, _ in attributes]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{key}: several attributes are called {name!r}; names must differ")
    return masked_view(np.stack([values for _, values in attributes], axis=1), names)


def _parsed(table: Table, column: str, key: str) -> np.ndarray:
    cells = table.values(column, key)
    texts, position = np.unique(cells.astype(str), return_inverse=True)
    values = np.array([BINARY.get(text.lower(), np.inf) for text in texts])[position]
    refuse_cells(table, column, cells, np.isinf(values), key, "0/1, true/false, yes/no or an empty cell")
    return values


def _require_occurring(accepted: list[str], cells: np.ndarray, column: str, key: str) -> None:
    values = sorted(set(cells) - {""})
    for value in accepted:
        if value not in values:
            shown = ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
            raise UserError(f"{key}: {value!r} never occurs in column {column!r}, which holds {shown}")
