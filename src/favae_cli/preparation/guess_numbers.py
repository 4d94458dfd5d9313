"""What numbers most likely are, wherever they come from: a column of a file, or an array."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from favae_cli.data.dates import Dates

ColumnKind = Literal[
    "group", "split", "image", "binary", "categorical", "ordinal", "counts", "real", "date", "text", "none"
]

KEY_NAME = re.compile(r"(?i:(^|[_ .-])(id|key|name|index|sku|uuid|code|number|nr)$)|[a-z]I[Dd]$")
CLASS_NAME = re.compile(r"(?i)(^|[_ .-])(class|label|type|category|kind|species|cluster|target)$")
THING_NAME = re.compile(
    r"(?i)(^|[_ .-])(unit|ward|site|cent(er|re)|clinic|hospital|department|dept|region|country|state|province|district|"
    r"city|town|municipality|zip|plz|postcode|area|zone|batch|plate|run|lane|lot|arm|group|cohort|team|branch|store|shop|"
    r"school|race|ethnicity|religion|party|language|sex|gender|job|occupation|profession|sector|industry|brand|model|"
    r"colou?r|diagnosis|reason|cause|method|mode|channel|room|machine|device|scanner|operator|doctor|nurse|teacher)$"
)
MOST_CATEGORIES = 30  # distinct values of a column of categories, at most
MOST_LEVELS = 11  # whole numbers that follow each other and are levels, at most, as from 0 to 10
WHOLE_SCALE = 0.8  # share of the levels from the lowest to the highest that occur, at least
REPEATED = 3  # times that a category occurs on average, at least
MANY_COUNTS = 20  # distinct values from which integers may be counts
WIDE = 30.0  # how many times the small values the large ones are, from which their logs are looked at
SKEWED = 2.0  # skewness from which logs may help


@dataclass(frozen=True)
class Guess:
    """What a column holds, and the observation that says so, to be read after the column's name.

    Attributes:
        kind: of its values; dates and times become numbers.
        why: the observation.
        missing: cells that seem to stand for no value.
        levels: of an ordinal column, the lowest first.
        transform: by which its numbers are more even.
        date: how it writes dates.
        most: categories to keep; None: all.
    """

    kind: ColumnKind
    why: str
    missing: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    transform: Literal["log", "log1p"] | None = None
    date: Dates | None = None
    most: int | None = None


def guess_numbers(name: str, numbers: np.ndarray) -> Guess:
    """What a column of numbers holds.

    Args:
        name: of the column.
        numbers: (R,) finite, at least two of them different, without those that stand for none.
    """
    values = np.unique(numbers)
    distinct, low, high = len(values), values[0], values[-1]
    whole = bool((values == np.round(values)).all())
    span = f"{low:g} to {high:g}"
    if set(values.tolist()) == {0.0, 1.0}:
        return Guess("binary", "says 0, 1")
    if whole and distinct == 2:
        return Guess("categorical", f"has two values, {low:g} and {high:g}")
    repeated = distinct <= len(numbers) / REPEATED
    named = CLASS_NAME.search(name) or THING_NAME.search(name) or KEY_NAME.search(name)
    if whole and distinct <= MOST_CATEGORIES and repeated and named:
        return Guess("categorical", f"has {distinct} whole numbers, {span}, {_if_names(name, distinct)}")
    if whole and distinct == len(numbers) == np.ptp(values) + 1:
        return Guess("none", f"counts the rows, {span}")
    if whole and KEY_NAME.search(name):
        return Guess("none", f"has {distinct} whole numbers, {span}, and is called like an identifier")
    if (
        whole
        and repeated
        and distinct <= MOST_LEVELS
        and low in (0, 1, -high)
        and distinct >= WHOLE_SCALE * (high - low)
    ):
        levels = tuple(f"{value:g}" for value in values)
        why = f"has whole numbers, {span}, taken for levels in this order; if they name things, kind: categorical"
        return Guess("ordinal", why, levels=levels)
    transform = evened(numbers)
    told = f", over more than a decade: their logs are more even ({transform})" if transform else ""
    if are_counts(numbers):
        return Guess("counts", f"has {distinct} whole numbers, {span}, few of them large", transform=transform)
    return Guess("real", f"has numbers, {span}{told}", transform=transform)


def _if_names(name: str, distinct: int) -> str:
    if CLASS_NAME.search(name):
        return "and the name of a class"
    question = "; are they in an order? Then kind: ordinal" if distinct > 2 else ""
    return f"taken for names of things, as {name} is called{question}"


def are_counts(numbers: np.ndarray) -> bool:
    """Whether these are whole, many different, from 0 or 1 on, and a few much larger than most."""
    whole = (numbers == np.round(numbers)).all() and len(np.unique(numbers)) >= MANY_COUNTS
    return bool(whole and numbers.min() in (0, 1) and numbers.var() > numbers.mean() and stats.skew(numbers) > 1)


def evened(numbers: np.ndarray) -> Literal["log", "log1p"] | None:
    """The logarithm that makes numbers over more than a decade far more even, if one does; log1p if some are 0."""
    positive = numbers[numbers > 0]
    if numbers.min() < 0 or len(positive) < len(numbers) / 2 or stats.skew(numbers) < SKEWED:
        return None
    few, many = np.quantile(positive, [0.01, 0.99])
    if many < WIDE * few:
        return None
    with_zero = len(positive) < len(numbers)
    if with_zero and np.median(positive) < 1:  # of small numbers log(1 + x) is next to x
        return None
    logs = np.log1p(numbers) if with_zero else np.log(numbers)
    return ("log1p" if with_zero else "log") if abs(stats.skew(logs)) < stats.skew(numbers) / 2 else None
