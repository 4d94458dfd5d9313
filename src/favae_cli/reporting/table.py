"""A table of numbers as it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Metrics = Mapping[str, float]

_ABSENT = "-"


@dataclass(frozen=True)
class Table:
    """A table as it is shown: every cell is text already."""

    title: str
    note: str
    header: list[str]
    rows: list[list[str]]


def number(value: float | None, digits: int = 3) -> str:
    """`value` for a table: fewer decimals the larger it is, a dash where there is none."""
    if value is None or value != value:
        return _ABSENT
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:,.0f}"
    text = f"{value:,.{min(digits, 1) if abs(value) >= 100 else digits}f}"
    return text.removeprefix("-") if set(text) <= set("-0.") else text


def unique(names: Iterable[str]) -> list[str]:
    """Each name once, in order."""
    return list(dict.fromkeys(names))
