"""Which columns of a file make which view."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from favae_cli.config.data_base import Kind
from favae_cli.data.files.table import Table
from favae_cli.preparation.guess_columns import mean_words, parse_numbers
from favae_cli.preparation.guess_numbers import Guess, are_counts
from favae_cli.preparation.guess_pictures import guess_pixels

NUMBERED = re.compile(r"^(?P<stem>.*?[^\d])(?P<number>\d+)$")
TIME = re.compile(r"^(t|time|step|hour|day|week|month|frame)[_ .-]?$", re.IGNORECASE)
MANY = 8  # numbered columns that make a vector
MOST_VIEWS = 20  # that are single columns
GAPS = 1.25  # how much longer than their number is the way that numbered columns count, at most
LISTED = 30  # columns that are named one by one, at most, where a pattern says the same
ENOUGH = 4  # columns of counts that are worth a network of their own

NUMERIC = ("real", "counts", "date")  # kinds of columns of numbers
CODED = {"binary", "categorical", "ordinal", "none"}  # kinds of columns that make no vector

Cells = Mapping[str, np.ndarray]  # a column's name to its cells, (N,) of str
Guesses = Mapping[str, Guess]


@dataclass(frozen=True)
class GuessedView:
    """A view that the data seem to hold.

    Attributes:
        name: a suggestion, made of letters, digits and _.
        source: its section in data.views.
        columns: those that it is made of.
        size: values of a sample: pixels of a channel, numbers, steps, categories, or words of a text.
        why: a line on each thing that it is made of.
        settings: what its section in views says beyond its type.
        rows: samples that have any value of it.
        bends: whether there is more in its numbers than lines tell, for a network to learn; None: it was not looked at.
    """

    name: str
    source: dict[str, Any]
    columns: tuple[str, ...]
    size: int
    why: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    bends: bool | None = None

    @property
    def kind(self) -> Kind:
        """As its section says."""
        kind: Kind = self.source["kind"]
        return kind


def guess_views(table: Table, guesses: Guesses, cells: Cells, folder: Path, alone: bool) -> list[GuessedView]:
    """The views of a file: its arrays, its runs of numbered columns, then what is left, one kind a view.

    Of several files each was made by one assay or of one sort of questions, so a part of its numbers is no view.

    Args:
        table: the file.
        guesses: what each of its columns holds, less those that name or split the samples.
        cells: of the same columns.
        folder: what image paths are relative to.
        alone: whether there is no other file.
    """
    runs = [*_runs(table, guesses, cells)]
    if not alone and any(guess.kind in NUMERIC for name, guess in guesses.items() if name not in _columns(runs)):
        runs = []
    return [*_arrays(table), *runs, *_of_columns(table, guesses, cells, folder, _columns(runs))]


def _columns(views: Iterable[GuessedView]) -> set[str]:
    return {column for view in views for column in view.columns}


def apart(view: GuessedView, guesses: Guesses, cells: Cells) -> list[GuessedView]:
    """What to make of the only view there is: nothing predicts a table but its own columns, each a view then."""
    if view.kind not in ("real", "binary", "categorical", "ordinal") or len(view.columns) == 1:
        return [view]
    if len(view.columns) > MOST_VIEWS:
        if view.kind != "real" or view.settings:
            return [view]
        return [replace(view, source={"kind": "vector", "columns": [*view.columns]})]
    singles = [next(groups({column: guesses[column]}, cells)) for column in view.columns]
    return [replace(single, name=as_name(single.columns[0])) for single in singles]


def _arrays(table: Table) -> Iterator[GuessedView]:
    for name, array in table.arrays.items():
        view = _array(name, array)
        if view is not None:
            yield view


def _of_columns(table: Table, guesses: Guesses, cells: Cells, folder: Path, taken: set[str]) -> Iterator[GuessedView]:
    left = {name: guess for name, guess in guesses.items() if name not in taken}
    yield from (_shorter(view, table, cells) for view in groups(left, cells))
    for name, guess in left.items():
        if guess.kind == "image":
            pixels, why = guess_pixels([folder / cell for cell in cells[name] if cell])
            source = {"kind": "image", "column": name, **pixels}
            yield GuessedView(as_name(name), source, (name,), pixels["size"] ** 2, (_line(name, guess), why))
        if guess.kind == "text":
            words = ceil(mean_words(cells[name][cells[name] != ""]))
            yield GuessedView(as_name(name), {"kind": "text", "column": name}, (name,), words, (_line(name, guess),))


def _shorter(view: GuessedView, table: Table, cells: Cells) -> GuessedView:
    """The view with most columns of the file as all but the others."""
    others = [name for name in cells if name not in view.columns and name != table.key]
    if len(view.columns) <= LISTED or len(others) > LISTED or view.source["columns"] != [*view.columns]:
        return view
    return replace(view, source={**view.source, "columns": ["*"], **({"without": others} if others else {})})


def as_name(text: str) -> str:
    """`text` as a name of a view or an experiment, after an x where YAML would read a number, a truth value or null."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "own"
    return name if isinstance(OmegaConf.create(f"- {name}")[0], str) else f"x{name}"


def distinct(views: Sequence[GuessedView]) -> tuple[GuessedView, ...]:
    """The views, a number after the names that come again."""
    named: dict[str, GuessedView] = {}
    for view in views:
        name, number = view.name, 1
        while name in named:
            number += 1
            name = f"{view.name}_{number}"
        named[name] = replace(view, name=name)
    return tuple(named.values())


def _line(name: str, guess: Guess) -> str:
    return f"{name} {guess.why}"


def _array(name: str, array: np.ndarray) -> GuessedView | None:
    """What an array of two dimensions or more is, if anything that a view can be made of."""
    numeric, pixels = array.dtype.kind in "iuf", array.dtype == np.uint8
    made = {"array": name}
    shape = " x ".join(map(str, array.shape[1:]))
    if pixels and array.ndim in (3, 4):
        channels = 1 if array.ndim == 3 else array.shape[3]
        source = {"kind": "image", **made, "size": min(array.shape[1:3]), "channels": channels, "crop": None}
        return GuessedView(as_name(name), source, (), source["size"] ** 2, (f"{name} has pixels, {shape} a sample",))
    if numeric and array.ndim == 2:
        kind = "counts" if are_counts(array[np.isfinite(array)]) else "vector"
        why = f"{name} has {shape} numbers a sample"
        return GuessedView(as_name(name), {"kind": kind, **made}, (), array.shape[1], (why,))
    if numeric and array.ndim == 3:
        why = f"{name} has {shape} numbers a sample: steps and channels"
        return GuessedView(as_name(name), {"kind": "sequence", **made}, (), array.shape[1], (why,))
    return None


def _runs(table: Table, guesses: Guesses, cells: Cells) -> Iterator[GuessedView]:
    """Many columns of numbers that are called alike and numbered."""
    runs: dict[str, dict[int, str]] = {}
    for name in guesses:
        match = NUMBERED.match(name)
        if match and _is_numeric(cells[name]):
            runs.setdefault(match["stem"], {})[int(match["number"])] = name
    for stem, numbered in runs.items():
        columns = tuple(numbered[number] for number in sorted(numbered))
        kinds = [guesses[name].kind for name in columns]
        if len(columns) < MANY or set(kinds) <= CODED or not _count(numbered):
            continue
        kind = "sequence" if TIME.match(stem) else "counts" if 2 * kinds.count("counts") > len(kinds) else "vector"
        source = {"kind": kind, "columns": _pattern(table, stem, columns)}
        why = f"{columns[0]} to {columns[-1]} are {len(columns)} numbered columns of numbers"
        yield GuessedView(as_name(stem), source, columns, len(columns), (why,))


def _count(numbers: Collection[int]) -> bool:
    """Whether the numbers count, as those of names, such as of genes, do not."""
    return max(numbers) - min(numbers) < GAPS * len(numbers)


def _is_numeric(cells: np.ndarray) -> bool:
    filled = cells[cells != ""]
    return len(filled) > 0 and parse_numbers(filled) is not None


def _pattern(table: Table, stem: str, columns: tuple[str, ...]) -> list[str]:
    """The columns as one pattern, where it means these in this order, or else one by one."""
    alike = [str(name) for name in table.frame.columns if str(name).startswith(stem)]
    return [f"{stem}*"] if alike == [*columns] and not set(stem) & set("*?[") else [*columns]


def groups(guesses: Guesses, cells: Cells) -> Iterator[GuessedView]:
    """Columns of one kind, all together: numbers, counts, categories, ordered levels, and yes or no."""
    counts = [name for name, guess in guesses.items() if guess.kind == "counts"]
    many = len(counts) >= ENOUGH
    for kind, name, kinds in (
        ("real", "numbers", ("real", "date") if many else NUMERIC),
        ("counts", "counts", ("counts",) if many else ()),
        ("categorical", "categories", ("categorical",)),
        ("ordinal", "levels", ("ordinal",)),
        ("binary", "flags", ("binary",)),
    ):
        own = {column: guess for column, guess in guesses.items() if guess.kind in kinds}
        if own:
            classes = sum(len(set(cells[column]) - {""}) for column in own)
            size = classes if kind in ("categorical", "ordinal") else len(own)
            why = tuple(_line(column, guess) for column, guess in own.items())
            source = {"kind": kind, "columns": [*own], **_more(kind, own, cells)}
            yield GuessedView(name, source, tuple(own), size, why, _settings(own) if kind == "real" else {})


def _more(kind: str, guesses: Guesses, cells: Cells) -> dict[str, Any]:
    """Keys of a view of columns that only its kind has."""
    match kind:
        case "binary":
            return {"binarise": {}, "empty": "missing"}
        case "ordinal":
            return {"levels": {column: [*guess.levels] for column, guess in guesses.items()}}
        case "categorical":
            kept = [guess.most or len(set(cells[column]) - {""}) for column, guess in guesses.items()]
            return {"most": max(kept)} if any(guess.most for guess in guesses.values()) else {}
    return {}


def _settings(guesses: Guesses) -> dict[str, Any]:
    """What the section of a real view says of its columns."""
    transforms: dict[str, list[str]] = {}
    for column, guess in guesses.items():
        if guess.transform:
            transforms.setdefault(guess.transform, []).append(column)
    return {"transform": transforms} if transforms else {}
