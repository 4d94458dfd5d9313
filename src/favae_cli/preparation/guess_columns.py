"""What one column of a table most likely holds, judged by its cells and its name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.data.dates import Dates, Part, formats
from favae_cli.data.kinds.binary import BINARY
from favae_cli.data.kinds.categorical import in_order
from favae_cli.data.split import LABELS
from favae_cli.preparation.codes_for_missing import codes_for_missing, words_for_missing
from favae_cli.preparation.guess_numbers import KEY_NAME, MOST_CATEGORIES, REPEATED, Guess, guess_numbers
from favae_cli.preparation.ordered_levels import ordered

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
GROUP_NAME = re.compile(r"(?i)^(patient|person|subject|participant|donor|user|customer|family)([_ .-]?(id|key|nr))?$")
SPLIT_NAME = re.compile(r"(?i)^(split|partition|fold|part|subset|set)$")
LONG_KEY = 4  # words, on average, that make it a text
RARE = 3  # rows that say otherwise than the rest, at least
SHOWN = 4  # values that an explanation names
FREQUENT = 0.5  # share of the rows, at least, whose categories are no rare ones
WEEKS, YEAR = 28, 366  # days that dates extend over, from which weekdays, and months, say what a day's number does not


def guess_column(name: str, cells: np.ndarray, folder: Path) -> Guess:
    """Look at a column.

    Args:
        name: of the column.
        cells: (N,) of str, "" where the cell is empty.
        folder: what image paths are relative to.
    """
    filled = cells[cells != ""].astype(str)
    numbers = parse_numbers(filled)
    words = words_for_missing(np.unique(filled)) if numbers is None else ()
    if words:
        numbers = parse_numbers(filled[~np.isin(filled, words)])
    codes = codes_for_missing(numbers) if numbers is not None and len(numbers) else ()
    if not (words or codes):
        return _guess(name, cells, filled, numbers, folder)
    gaps = np.isin(filled, words)
    if codes and numbers is not None:
        gaps[~gaps] = np.isin(numbers, codes)
        numbers = numbers[~np.isin(numbers, codes)]
    marks = tuple(np.unique(filled[gaps]).tolist())
    rest = filled[~gaps]
    guess = _guess(name, np.where(np.isin(cells.astype(str), marks), "", cells), rest, numbers, folder)
    if guess.kind == "text":  # any word may be meant
        return guess
    told = f"{guess.why}; {', '.join(marks)} in {gaps.sum()} rows taken as missing"
    return replace(guess, why=told, missing=marks)


def _guess(name: str, cells: np.ndarray, filled: np.ndarray, numbers: np.ndarray | None, folder: Path) -> Guess:
    """Of cells without those that stand for none; `filled` are those that say something, as `numbers` if they are."""
    values, counts = np.unique(filled, return_counts=True)
    complete, lower = len(filled) == len(cells), {value.lower() for value in values.tolist()}
    if not len(values):
        return Guess("none", "has no filled cell")
    usual, others = str(values[counts.argmax()]), len(filled) - counts.max()
    if not others:
        return Guess("none", f"is {usual!r} wherever it is filled")
    if others < RARE:
        return Guess("none", f"is {usual!r} in all but {others} of the rows that are filled")
    if lower <= set(BINARY) and len({BINARY[value] for value in lower}) == 2:
        return Guess("binary", f"says {_some(values.tolist())}")
    if lower <= set(LABELS) and (SPLIT_NAME.search(name) or not any(value.isdigit() for value in lower)):
        return _split(values, complete)
    if all(value.endswith(IMAGE_SUFFIXES) for value in lower):
        return _images(values, folder)
    if GROUP_NAME.search(name) and complete and counts.max() > 1:
        return Guess("group", f"names {len(values)} groups of rows, such as {str(values[0])!r}")
    if numbers is not None:
        # Levels are told as the file writes them.
        guess = guess_numbers(name, numbers)
        return replace(guess, levels=tuple(sorted(values.tolist(), key=float))) if guess.levels else guess
    return _dates(name, filled) or _words(filled, values, counts)


def less_misnamed(name: str, guess: Guess) -> Guess:
    """The guess, or none where a manifest would refuse a column of this name in a view of this kind."""
    if "/" in name and guess.kind in ("binary", "categorical", "ordinal", "counts", "real", "date"):
        return Guess("none", "has a slash in its name, which would split the names of metrics; rename it")
    if "=" in name and guess.kind in ("categorical", "ordinal"):
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


def _some(values: Sequence[str]) -> str:
    return ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")


def _split(values: np.ndarray, complete: bool) -> Guess:
    said = {LABELS[value.lower()] for value in values}
    if len(said) < 3 or not complete:
        lacking = "a validation split too" if "validation" not in said else "train, validation and test in every row"
        return Guess("none", f"says {_some(values.tolist())}; to be the split it would have to say {lacking}")
    return Guess("split", f"says {_some(values.tolist())}")


def _images(values: np.ndarray, folder: Path) -> Guess:
    found = sum(os.path.isfile(folder / value) for value in values)
    if not found:
        return Guess("none", f"looks like image files, but there is no {values[0]} in {folder}")
    lacking = f"; {len(values) - found} more are not there" if found < len(values) else ""
    return Guess("image", f"names {found} image files{lacking}")


def _dates(name: str, filled: np.ndarray) -> Guess | None:
    """Dates or times, if all cells are written in one way of writing them."""
    ways = formats(filled)
    if not ways:
        return None
    way = Dates(ways[0], str(filled[0]))
    days = way.days(filled)
    first = str(filled[days.argmin()])
    parts: list[Part] = []
    if np.ptp(days) >= WEEKS and len(set(way.named(filled, "weekday"))) > 1:
        parts.append("weekday")
    if np.ptp(days) >= YEAR and len(set(way.named(filled, "month"))) > 1:
        parts.append("month")
    last = str(filled[days.argmax()])
    other = f"; or written as {ways[1]}? Then say so in dates" if len(ways) > 1 else ""
    return Guess(
        "date", f"has dates or times, {first} to {last}, in days{other}", date=Dates(ways[0], first, tuple(parts))
    )


def _words(filled: np.ndarray, values: np.ndarray, counts: np.ndarray) -> Guess:
    few = len(values) <= min(MOST_CATEGORIES, len(filled) // REPEATED)
    levels = ordered(values.tolist()) if few else None
    if levels is not None:
        return Guess("ordinal", f"has {len(levels)} levels, {' < '.join(levels)}", levels=levels)
    if few:
        return Guess("categorical", f"has {len(values)} values, such as {_some(in_order({*values.tolist()}))}")
    words = mean_words(filled)
    if len(values) > len(filled) / 2 and words >= 2:
        return Guess("text", f"has texts of {words:.0f} words on average")
    if len(values) == len(filled):
        return Guess("none", "is another in every row, as identifiers are")
    frequent = np.sort(counts[counts >= REPEATED])[::-1][: MOST_CATEGORIES - 1]
    if len(frequent) > 1 and frequent.sum() >= FREQUENT * len(filled):
        kept = f"the {len(frequent)} most frequent are kept, all others are one, other"
        return Guess("categorical", f"has {len(values)} different short values: {kept}", most=len(frequent) + 1)
    return Guess("none", f"has {len(values)} different short values: too many for categories, too short for texts")
