"""One view as a model decodes it, shown and shown anew in its place."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from nicegui import ui

from favae_cli.data import ViewData
from favae_cli.explore.parts import address, csv, line_options, lines, picture, png, records, table


class Shown(Protocol):
    """What shows one decoded sample of a view."""

    def show(self, value: np.ndarray) -> None:
        """Show another; (...) as of `View.decode`, one sample."""
        ...

    def file(self) -> tuple[str, bytes]:
        """The ending of a file with what is shown, and what is in it."""
        ...


def shown(view: ViewData, value: np.ndarray, before: np.ndarray | None = None) -> Shown:
    """Show one sample of a view where the caller stands.

    Args:
        view: tells the kind and the names of columns.
        value: as of `View.decode`, one sample.
        before: what tables and sequences compare with; None: what is shown first.
    """
    if view.is_image:
        return _Picture(value)
    if view.is_text:
        return _Text(value)
    start = value if before is None else before
    return _Lines(view, start, value) if view.is_sequence else _Table(view, start, value)


class _Picture:
    def __init__(self, value: np.ndarray) -> None:
        self.value, self.image = value, picture(value)

    def show(self, value: np.ndarray) -> None:
        self.value = value
        self.image.set_source(address(value))

    def file(self) -> tuple[str, bytes]:
        return ".png", png(self.value)


class _Text:
    def __init__(self, value: np.ndarray) -> None:
        self.label = ui.label(str(value))

    def show(self, value: np.ndarray) -> None:
        self.label.set_text(str(value))

    def file(self) -> tuple[str, bytes]:
        return ".txt", self.label.text.encode()


class _Table:
    def __init__(self, view: ViewData, start: np.ndarray, value: np.ndarray) -> None:
        self.columns, self.start = list(view.columns), start
        self.rows = self._rows(value)
        self.table = table(self.rows, "decoded")

    def _rows(self, value: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"column": self.columns, "start": self.start, "now": value, "change": value - self.start})

    def show(self, value: np.ndarray) -> None:
        self.rows = self._rows(value)
        self.table.rows = records(self.rows)

    def file(self) -> tuple[str, bytes]:
        return ".csv", csv(self.rows)


class _Lines:
    def __init__(self, view: ViewData, start: np.ndarray, value: np.ndarray) -> None:
        self.columns, self.start, self.value = list(view.columns), start, value
        self.chart = lines({"now": value, "start": start}, "step", self.columns)

    def show(self, value: np.ndarray) -> None:
        self.value = value
        self.chart.options.update(line_options({"now": value, "start": self.start}, "step", self.columns))

    def file(self) -> tuple[str, bytes]:
        return ".csv", csv(pd.DataFrame(self.value, columns=self.columns))
