"""What the data of a view are: as the user says, or as they look, by what task=init goes by."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.data_base import Kind
from favae_cli.data.cells import Cells
from favae_cli.data.dataset import ViewData, parted
from favae_cli.data.kinds.categorical import merged
from favae_cli.data.masked_tables import listed
from favae_cli.preparation.codes_for_missing import codes_for_missing, words_for_missing
from favae_cli.preparation.first_experiment import PRESETS
from favae_cli.preparation.guess_columns import guess_column
from favae_cli.preparation.guess_numbers import MOST_CATEGORIES, REPEATED, guess_numbers
from favae_cli.preparation.ordered_levels import ordered

logger = logging.getLogger(__name__)

TYPES: dict[str, Kind] = {kind: kind for kind in get_args(Kind)} | {PRESETS[kind]: kind for kind in PRESETS}
"""By what a user may call a view, the kind of its data."""


def kinds_of(
    cells: Mapping[str, Cells], sections: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Kind], dict[str, Cells]]:
    """The kind of every view, its section's `type` or a guess; and the cells, with the order of words that have one.

    Raises:
        UserError: a section for a view that is not there, or a type that is none.
    """
    for name, section in sections.items():
        if name not in cells:
            raise UserError(f"views: X has no view {name!r}; {did_you_mean(name, cells)}")
        if "type" in section and section["type"] not in TYPES:
            raise UserError(
                f"views[{name!r}]: no type {section['type']!r}; {did_you_mean(str(section['type']), TYPES)}"
            )
    kinds: dict[str, Kind] = {}
    taken: dict[str, Cells] = {}
    for name, part in cells.items():
        kind, found = guessed_kind(name, part) if "type" not in sections.get(name, {}) else (None, part)
        kinds[name] = kind or TYPES[sections[name]["type"]]
        taken[name] = _with_levels(found) if kinds[name] == "ordinal" else found
    return kinds, taken


def guessed_kind(name: str, cells: Cells) -> tuple[Kind, Cells]:
    """The kind that the values of view `name` most likely are, and the cells, with the levels of words in their order.

    Images: uint8, or float from 0 to 1, (N, H, W) or (N, H, W, C). Sequences: other float (N, T, C). What has a value
    or a row a sample is binary, categorical or ordinal if all of its columns are by `guess_column`; else numbers are
    real, and words categories, or a text if most differ. Counts and vectors, which want networks, have to be said.

    Raises:
        UserError: numbers and words in one table, or dates in words.
    """
    seen, dimensions = cells.seen, cells.values.ndim
    if cells.levels or cells.dated:
        return ("ordinal" if cells.levels else "real"), cells
    if dimensions > 2:
        share = seen.dtype.kind == "f" and ((seen >= 0) & (seen <= 1)).all()
        pixels = share or seen.dtype == np.uint8
        return ("image" if dimensions == 4 or pixels else "sequence"), cells
    if seen.dtype == object:
        types = {_basic(value) for value in seen.tolist()}
        if len(types) > 1:
            told = " and ".join(sorted(kind.__name__ for kind in types))
            raise UserError(f"{cells.key}: holds {told}; make a view of each, or say what it is in views")
        kind: type = types.pop() if types else str
    else:
        kind = {"b": bool, "U": str, "S": str}.get(seen.dtype.kind, float)
    if kind is bool:
        return "binary", cells
    if seen.size == 0:
        return ("categorical" if dimensions == 2 else "text"), cells
    return _of_words(name, cells) if kind is str else (_of_numbers(name, cells), cells)


def _of_numbers(name: str, cells: Cells) -> Kind:
    """Binary, categorical or ordinal if every column is; looks no further than at the first that is none of these."""
    table = cells.two_dimensional()
    values = table.numbers()
    _warn_of_codes(table, values)
    kinds: set[Kind] = set()
    for column, found in zip(table.names(name), values.T, strict=True):
        numbers = found[~np.isnan(found)]
        if not (numbers == np.round(numbers)).all() or numbers.size == 0 or np.ptp(numbers) == 0:
            return "real"
        match guess_numbers(column, numbers).kind:
            case "binary" | "categorical" | "ordinal" as kind:
                kinds.add(kind)
            case _:
                return "real"
    return kinds.pop() if len(kinds) == 1 else "real"


def _warn_of_codes(table: Cells, values: np.ndarray) -> None:
    found = {column: codes_for_missing(part[~np.isnan(part)]) for column, part in enumerate(values.T)}
    codes = {column: marks for column, marks in found.items() if marks}
    if codes:
        names = table.columns or tuple(map(str, range(values.shape[1])))
        each = {names[column]: ", ".join(f"{mark:g}" for mark in marks) for column, marks in codes.items()}
        told = listed(f"{column} ({marks})" for column, marks in each.items())
        logger.warning("%s: has values that may mean missing, in columns %s; give NaN if they do", table.key, told)


def _of_words(name: str, cells: Cells) -> tuple[Kind, Cells]:
    table = cells.two_dimensional()
    words = np.where(table.missing, "", table.values.astype(str)).astype(object)
    guesses = [guess_column(column, part, Path()) for column, part in zip(table.names(name), words.T, strict=True)]
    for guess in guesses:
        if guess.kind == "date":
            raise UserError(f"{cells.key}: {guess.why} written as texts; give those of pandas.to_datetime")
    marks = [np.isin(part.astype(str), guess.missing) for part, guess in zip(words.T, guesses, strict=True)]
    table = replace(table, missing=table.missing | np.stack(marks, axis=1))
    words[table.missing] = ""
    kinds = {guess.kind for guess in guesses}
    if kinds == {"binary"}:
        return "binary", table
    if kinds == {"ordinal"}:
        return "ordinal", table
    most = [guess.most for guess in guesses]
    few = len(set(table.seen.tolist())) <= min(MOST_CATEGORIES, len(table.seen) // REPEATED)
    if not (few or any(most) or cells.values.ndim == 2):
        return "text", cells
    parts = [merged(part, limit) if limit else part for part, limit in zip(words.T, most, strict=True)]
    return "categorical", replace(table, values=np.stack(parts, axis=1))


def _with_levels(cells: Cells) -> Cells:
    """With the levels of each column in their order, where they are words whose order is known."""
    table = cells.two_dimensional()
    if cells.levels or table.values.dtype.kind not in "OUS":
        return cells
    words = np.where(table.missing, "", table.values.astype(str))
    levels = [ordered(sorted({*part.tolist()} - {""})) for part in words.T]
    known = tuple(found for found in levels if found is not None)
    return replace(cells, levels=known) if len(known) == len(levels) else cells


def as_learned(cells: Cells, like: ViewData) -> Cells:
    """With words for no value taken as missing, as in fitting, unless the model's view has them as categories."""
    if cells.values.dtype.kind not in "OUS" or not (like.groups or like.kind == "binary"):
        return cells
    known = {parted(column)[1] for column in like.columns}
    words = np.where(cells.missing, "", cells.values).astype(str)
    marks = [word for word in words_for_missing(np.unique(words)) if word not in known]
    return replace(cells, missing=cells.missing | np.isin(words, marks))


def _basic(value: Any) -> type:
    """bool, float or str."""
    if isinstance(value, bool | np.bool_):
        return bool
    return float if isinstance(value, int | float | np.number) else str
