"""What one column of a table most likely holds, judged by its cells and its name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from favae_cli.data.kinds.binary import BINARY
from favae_cli.data.split import LABELS

ColumnKind = Literal["group", "split", "image", "binary", "categorical", "counts", "real", "text", "none"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
KEY_NAME = re.compile(r"(?i:(^|[_ .-])(id|key|name|index|sku|uuid|code|number|nr)$)|[a-z]I[Dd]$")
GROUP_NAME = re.compile(r"(?i)^(patient|person|subject|participant|donor|user|customer|family)([_ .-]?(id|key|nr))?$")
CLASS_NAME = re.compile(r"(?i)(^|[_ .-])(class|label|type|category|kind|species|cluster|grade|level|target)$")
SPLIT_NAME = re.compile(r"(?i)^(split|partition|fold|part|subset|set)$")
MOST_CATEGORIES = 30  # distinct values of a column of categories, at most
REPEATED = 3  # times that a category occurs on average, at least
MANY_COUNTS = 20  # distinct values from which integers may be counts
LONG_KEY = 4  # words, on average, that make it a text
RARE = 3  # rows that say otherwise than the rest, at least
SHOWN = 4  # values that an explanation names


@dataclass(frozen=True)
class Guess:
    """What a column holds, and the observation that says so, to be read after the column's name."""

    kind: ColumnKind
    why: str


def guess_column(name: str, cells: np.ndarray, folder: Path) -> Guess:
    """Look at a column.

    Args:
        name: of the column.
        cells: (N,) of str, "" where the cell is empty.
        folder: what image paths are relative to.
    """
    filled = cells[cells != ""].astype(str)
    values, counts = np.unique(filled, return_counts=True)
    complete, lower = len(filled) == len(cells), {value.lower() for value in values.tolist()}
    if not len(values):
        return Guess("none", "has no filled cell")
    usual, others = str(values[counts.argmax()]), len(filled) - counts.max()
    if not others:
        return Guess("none", f"is {usual!r} wherever it is filled")
    if others < RARE:
        return Guess("none", f"is {usual!r} in all but {others} of the rows that are filled")
    if lower <= set(BINARY):
        marks = {BINARY[value] for value in lower}
        return Guess("binary" if len(marks) == 2 else "none", f"says {_some(values)}")
    if lower <= set(LABELS) and (SPLIT_NAME.search(name) or not any(value.isdigit() for value in lower)):
        return _split(values, complete)
    if all(value.endswith(IMAGE_SUFFIXES) for value in lower):
        return _images(values, folder)
    if GROUP_NAME.search(name) and complete and counts.max() > 1:
        return Guess("group", f"names {len(values)} groups of rows, such as {str(values[0])!r}")
    numbers = parse_numbers(filled)
    if numbers is not None:
        return _numbers(name, numbers, len(values))
    return _words(filled, values)


def less_misnamed(name: str, guess: Guess) -> Guess:
    """The guess, or none where a manifest would refuse a column of this name in a view of this kind."""
    if "/" in name and guess.kind in ("binary", "categorical", "counts", "real"):
        return Guess("none", "has a slash in its name, which would split the names of metrics; rename it")
    if "=" in name and guess.kind == "categorical":
        return Guess("none", "has an = in its name, which is to part it from its categories; rename it")
    return guess


def find_key(columns: Mapping[str, np.ndarray]) -> str | None:
    """The column that names the rows: one with another value in each, called like a key or else the first of words.

    Args:
        columns: by name, (N,) of str each.
    """
    unique = [name for name, cells in columns.items() if is_unique(cells)]
    named = [name for name in unique if KEY_NAME.search(name)]
    words = [name for name in unique if _are_names(columns[name])]
    return next(iter(named + words), None)


def is_unique(cells: np.ndarray | None) -> bool:
    """Whether there are cells, all filled, no two alike."""
    return cells is not None and "" not in cells and len(set(cells)) == len(cells)


def _are_names(cells: np.ndarray) -> bool:
    """Whether these are words, few enough for a name, and no files."""
    files = all(cell.lower().endswith(IMAGE_SUFFIXES) for cell in cells)
    return not files and parse_numbers(cells) is None and mean_words(cells) < LONG_KEY


def parse_numbers(cells: np.ndarray) -> np.ndarray | None:
    """float64 of texts that are numbers, one and all; else None."""
    numbers = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(float)
    return numbers if np.isfinite(numbers).all() else None


def mean_words(cells: np.ndarray) -> float:
    """Words of a cell."""
    return float(np.mean([len(cell.split()) for cell in cells]))


def _some(values: np.ndarray) -> str:
    return ", ".join(values[:SHOWN].tolist()) + (", ..." if len(values) > SHOWN else "")


def _split(values: np.ndarray, complete: bool) -> Guess:
    said = {LABELS[value.lower()] for value in values}
    if len(said) < 3 or not complete:
        lacking = "a validation split too" if "validation" not in said else "train, validation and test in every row"
        return Guess("none", f"says {_some(values)}; to be the split it would have to say {lacking}")
    return Guess("split", f"says {_some(values)}")


def _images(values: np.ndarray, folder: Path) -> Guess:
    found = sum(os.path.isfile(folder / value) for value in values)
    if not found:
        return Guess("none", f"looks like image files, but there is no {values[0]} in {folder}")
    lacking = f"; {len(values) - found} more are not there" if found < len(values) else ""
    return Guess("image", f"names {found} image files{lacking}")


def _numbers(name: str, numbers: np.ndarray, distinct: int) -> Guess:
    whole = bool((numbers == np.round(numbers)).all())
    span = f"{numbers.min():g} to {numbers.max():g}"
    if whole and distinct == 2:
        return Guess("categorical", f"has two values, {numbers.min():g} and {numbers.max():g}")
    if whole and distinct <= MOST_CATEGORIES and CLASS_NAME.search(name):
        return Guess("categorical", f"has {distinct} whole numbers, {span}, and the name of a class")
    if whole and distinct == len(numbers) == np.ptp(numbers) + 1:
        return Guess("none", f"counts the rows, {span}")
    if are_counts(numbers):
        return Guess("counts", f"has {distinct} whole numbers, {span}, few of them large")
    return Guess("real", f"has numbers, {span}")


def are_counts(numbers: np.ndarray) -> bool:
    """Whether these are whole, many different, from 0 or 1 on, and a few much larger than most."""
    whole = (numbers == np.round(numbers)).all() and len(np.unique(numbers)) >= MANY_COUNTS
    return bool(whole and numbers.min() in (0, 1) and numbers.var() > numbers.mean() and stats.skew(numbers) > 1)


def _words(filled: np.ndarray, values: np.ndarray) -> Guess:
    if len(values) <= min(MOST_CATEGORIES, len(filled) // REPEATED):
        return Guess("categorical", f"has {len(values)} values, such as {_some(values)}")
    words = mean_words(filled)
    if len(values) > len(filled) / 2 and words >= 2:
        return Guess("text", f"has texts of {words:.0f} words on average")
    return Guess("none", f"has {len(values)} different short values: too many for categories, too short for texts")
