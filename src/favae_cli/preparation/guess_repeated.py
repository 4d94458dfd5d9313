"""Files with several rows of a sample beside others with one: visits beside a baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from favae_cli.data.files.table import Table
from favae_cli.preparation.check_presence import FEW_FOR_NETWORK
from favae_cli.preparation.guess_columns import parse_numbers
from favae_cli.preparation.guess_numbers import Guess
from favae_cli.preparation.guess_views import GuessedView, groups

Repeated = Literal["sequence", "last", "mean"]

TIME_NAME = re.compile(
    r"(?i)(^|[_ .-])(t|time|date|datum|day|tag|week|month|year|hour|minute|second|visit|wave|session|round|step|age)s?$"
)


def guess_repeated(
    table: Table, guesses: Mapping[str, Guess], cells: Mapping[str, np.ndarray], how: Repeated | None
) -> list[GuessedView]:
    """The views of a file with several rows of a sample: numbers over time, and the last of all else.

    Args:
        table: the file, whose key names the sample of each row.
        guesses: what each of its columns holds.
        cells: of these columns, and of the key.
        how: what is made of numbers, where some column orders the rows; None: of few samples the mean, as a network
            would learn little from them.
    """
    assert table.key is not None
    keys = cells[table.key]
    _, counts = np.unique(keys.astype(str), return_counts=True)
    time = _time(guesses, cells, keys)
    rest = {name: guess for name, guess in guesses.items() if name != time}
    how = how or ("sequence" if len(counts) >= FEW_FOR_NETWORK else "mean")
    several = f"{table.path.name} has {counts.min()} to {counts.max()} rows of each {table.key}"
    others = " or ".join(sorted({"sequence", "last", "mean"} - {how}))
    views: list[GuessedView] = []
    numeric = {name: guess for name, guess in rest.items() if _is_numeric(guess)}
    if how == "sequence" and time is not None and numeric:
        why = f"{several}, the steps of a sequence in the order of {time}; or task=init repeated={others}"
        told = tuple(f"{name} {guess.why}" for name, guess in numeric.items())
        source = {"kind": "sequence", "time": time, "columns": [*numeric]}
        views.append(GuessedView("course", source, tuple(numeric), int(counts.max()), (why, *told)))
        rest = {name: guess for name, guess in rest.items() if name not in numeric}
    for view in groups(rest, cells):
        way = "mean" if how == "mean" and view.kind == "real" else "last"
        why = f"{several}, of which the {way} counts; or task=init repeated={others}"
        source = {**view.source, "repeated": way} | ({"time": time} if time is not None else {})
        views.append(replace(view, source=source, why=(why, *view.why)))
    return views


def _is_numeric(guess: Guess) -> bool:
    return guess.kind in ("real", "counts") or bool(guess.levels and parse_numbers(np.array(guess.levels)) is not None)


def _time(guesses: Mapping[str, Guess], cells: Mapping[str, np.ndarray], keys: np.ndarray) -> str | None:
    """The column that orders the rows of a sample: dates, or numbers called like a time, no two of a sample alike."""
    fitting = [name for name, guess in guesses.items() if guess.kind == "date" or _says_when(name, cells[name])]
    distinct = [name for name in fitting if len({*zip(keys, cells[name], strict=True)}) == len(keys)]
    return next((name for name in distinct if "" not in cells[name]), None)


def _says_when(name: str, cells: np.ndarray) -> bool:
    return TIME_NAME.search(name) is not None and parse_numbers(cells) is not None
