"""Attributes that a sample has or has not, from columns of 0/1 and from categories."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.common.errors import UserError, gather
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.table import Table
from favae_cli.data.kinds.numbers import matrix_view, refuse_cells
from favae_cli.data.masked_tables import SHOWN, masked_view
from favae_cli.data.written import Written

if TYPE_CHECKING:
    from favae_cli.config.own_files import BinaryData

BIT = np.dtype(np.int8)
# In English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, the languages of Scandinavia, Russian.
NO = ("no", "n", "nein", "non", "não", "nao", "nee", "nie", "nej", "nei", "нет")
YES = ("yes", "y", "ja", "j", "oui", "o", "si", "sí", "sì", "s", "sim", "tak", "да")
BINARY = {"": np.nan} | dict.fromkeys(("0", "0.0", "false", "f", "falsch", "faux", "falso", *NO), 0.0)
BINARY |= dict.fromkeys(("1", "1.0", "true", "t", "wahr", "vrai", "verdadero", "vero", *YES), 1.0)
RULE = "0/1, true/false, yes/no (also in other languages) or an empty cell"


def read(table: Table, view: BinaryData, key: str) -> ViewData:
    """A column for each attribute, or for each variable of a matrix.

    Raises:
        UserError: a column that is not there or not binary, a category that never occurs, or two of one name.
    """
    if view.array is not None:
        return matrix_view(table, view, key)
    columns = table.matching(view.columns, key, view.without or ())
    parsed = gather(partial(_parsed, table, column, f"{key}.columns") for column in columns)
    attributes = [(column, values) for column, (values, _) in zip(columns, parsed, strict=True)]
    written = [way for _, way in parsed]
    for column, categories in view.binarise.items():
        cells = table.values(column, f"{key}.binarise")
        empty = np.nan if view.empty == "missing" else 0.0
        for name, accepted in categories.items():
            if not table.new:
                _require_occurring(accepted, cells, column, f"{key}.binarise.{column}.{name}")
            attributes.append((name, np.where(cells == "", empty, np.isin(cells, accepted))))
            written.append(BIT)
    names = [name for name, _ in attributes]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{key}: several attributes are called {name!r}; names must differ")
    return masked_view(np.stack([values for _, values in attributes], axis=1), names, written=written)


def _parsed(table: Table, column: str, key: str) -> tuple[np.ndarray, Written]:
    cells = table.values(column, key)
    texts, position = np.unique(cells.astype(str), return_inverse=True)
    values = np.array([BINARY.get(text.lower(), np.inf) for text in texts])[position]
    refuse_cells(table, column, cells, np.isinf(values), key, RULE)
    return values, table.dtype(column) or _words(texts)


def _words(texts: np.ndarray) -> Written:
    """The words for 0 and 1 among the different cells of a column, where each has one and no number."""
    words = {bit: [text for text in texts.tolist() if BINARY[text.lower()] == bit] for bit in (0, 1)}
    if all(len(found) == 1 and found[0].isalpha() for found in words.values()):
        return words[0][0], words[1][0]
    return BIT


def _require_occurring(accepted: list[str], cells: np.ndarray, column: str, key: str) -> None:
    values = sorted(set(cells) - {""})
    for value in accepted:
        if value not in values:
            shown = ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
            raise UserError(f"{key}: {value!r} never occurs in column {column!r}, which holds {shown}")
