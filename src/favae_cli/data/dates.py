"""Columns of dates and times as numbers of days, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError

Part = Literal["weekday", "month"]

NAMES: dict[Part, list[str]] = {
    "weekday": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    "month": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
}
TIMES = ("%H:%M:%S", "%H:%M")
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y")
# The ways of writing dates and times that are looked for, the first that all cells have first.
FORMATS = (
    *DAYS,
    *TIMES,
    *(f"{day}{between}{time}" for day in DAYS for between in (" ", "T") for time in TIMES),
    "%Y-%m-%dT%H:%M:%SZ",
)
_ROUNDED = (("%S", "s"), ("%M", "min"), ("%H", "h"))  # how finely what is written can say a time
_DAY = pd.Timedelta(1, "D")


@dataclass(frozen=True)
class Dates:
    """How a column writes dates or times.

    Attributes:
        format: as `strptime` has it.
        first: the date, written so, that is day 0.
        parts: what else is made of it, a column of categories each.
    """

    format: str
    first: str
    parts: tuple[Part, ...] = ()

    def require_first(self, key: str) -> None:
        """Refuse a first date that is not written as the format says.

        Raises:
            UserError: begins with the key.
        """
        if _parsed(np.array([self.first], object), self.format).isna()[0]:
            raise UserError(f"{key}: {self.first!r} is not written as {self.format}")

    @property
    def first_day(self) -> float:
        """Days from the beginning of 1970 to day 0."""
        return float((_parsed(np.array([self.first], object), self.format)[0] - pd.Timestamp(0, tz="UTC")) / _DAY)

    def days(self, cells: np.ndarray) -> np.ndarray:
        """float64 (N,) days since the first; NaN of what is no such date."""
        since = _parsed(cells, self.format) - _parsed(np.array([self.first], object), self.format)[0]
        days: np.ndarray = (since / _DAY).to_numpy(float)
        return days

    def texts(self, days: np.ndarray) -> np.ndarray:
        """(N,) of str, the nearest dates that can be written so; "" of NaN."""
        finest = next((unit for code, unit in _ROUNDED if code in self.format), "D")
        first = _parsed(np.array([self.first], object), self.format)[0]
        dates = (first + pd.to_timedelta(days, unit="D")).round(finest)
        return np.where(np.isnan(days), "", dates.strftime(self.format).astype(object))

    def named(self, cells: np.ndarray, part: Part) -> np.ndarray:
        """(N,) of str, the weekday or month of each cell; "" of what is no such date."""
        dates = _parsed(cells, self.format)
        number = dates.day_of_week if part == "weekday" else dates.month - 1
        return np.array([*NAMES[part], ""], object)[np.where(dates.isna(), -1, number).astype(int)]


def formats(cells: np.ndarray) -> list[str]:
    """Those of `FORMATS` in which all of the cells (N,), N > 0, are written."""
    if not any(letter.isdigit() for letter in cells[0]):  # before many ways are tried of many columns
        return []
    likely = [form for form in FORMATS if not _parsed(cells[:1], form).isna()[0]]
    return [form for form in likely if not _parsed(cells, form).isna().any()]


def _parsed(cells: np.ndarray, form: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(pd.Series(cells, dtype=object), format=form, errors="coerce", utc=True))
