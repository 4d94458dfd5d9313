"""A table of numbers as it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Metrics = Mapping[str, float]

LONG = 60  # characters, from which a cell needs room
ABSENT = "-"
_NUMERIC = re.compile(r"[-+\d.,% ]*( \(!\))?")


@dataclass(frozen=True)
class Table:
    """A table as it is shown: every cell is text already; `sortable` where each row stands for itself.

    `aside` is what only some look for, and opens when it is asked; `best` are row and column of cells to mark.
    """

    title: str
    note: str
    header: list[str]
    rows: list[list[str]]
    sortable: bool = True
    aside: bool = False
    best: frozenset[tuple[int, int]] = frozenset()

    @property
    def styles(self) -> list[str]:
        """Of each column: "" of numbers, "text", or "text long"."""
        return [
            "" if all(map(_NUMERIC.fullmatch, cells)) else "text long" if max(map(len, cells)) > LONG else "text"
            for cells in zip(*self.rows, strict=True)
        ]


def number(value: float | None, digits: int = 3) -> str:
    """`value` for a table: fewer decimals the larger it is, a dash where there is none."""
    if value is None or value != value:
        return ABSENT
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:,.0f}"
    text = f"{value:,.{min(digits, 1) if abs(value) >= 100 else digits}f}"
    return text.removeprefix("-") if set(text) <= set("-0.") else text


def clipped(text: str, length: int) -> str:
    """`text` in so many characters at most; what is long keeps both its ends, as names often differ in the last one."""
    if len(text) <= length:
        return text
    head = (length - 3) // 2
    return f"{text[:head]}...{text[head + 3 - length :]}"


def unique(names: Iterable[str]) -> list[str]:
    """Each name once, in order."""
    return list(dict.fromkeys(names))
