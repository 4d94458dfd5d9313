"""What the tabs are made of: pictures, tables and charts that can be saved, and the line that tells a mistake."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from nicegui import ui
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.factors import EngineError
from favae_cli.reporting.grids import as_stored, montage
from favae_cli.reporting.style import colour

SIDE = 192  # pixels of a picture on the page, about
Saved = Callable[[], tuple[str, bytes]]
"""Makes a file when it is asked for: its name and what is in it."""


def png(image: np.ndarray) -> bytes:
    """An image (H, W, C), uint8 or in [0, 1], as PNG, pixel by pixel."""
    stored = image if image.dtype == np.uint8 else as_stored(image)
    sink = io.BytesIO()
    Image.fromarray(stored.squeeze(2) if stored.shape[2] == 1 else stored).save(sink, "png")
    return sink.getvalue()


def address(image: np.ndarray) -> str:
    """The image as an address that has it in itself."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def csv(table: pd.DataFrame) -> bytes:
    """The table as CSV."""
    return table.to_csv(index=False).encode()


def strip(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images of one size side by side, uint8 (H, W, 3)."""
    height, width = images[0].shape[:2]
    return montage([list(images)], len(images), 1, height, width)


def picture(image: np.ndarray, caption: str = "", side: int = SIDE) -> ui.image:
    """An image, small ones enlarged; its source can be set anew by `address`."""
    with ui.column().classes("items-center gap-0"):
        shown = ui.image(address(image)).props("no-transition no-spinner fit=contain")
        shown.style(f"width: {side}px; image-rendering: pixelated")
        if caption:
            ui.label(caption).classes("text-xs text-grey-7")
    return shown


def table(rows: pd.DataFrame, name: str) -> ui.table:
    """A table whose columns sort; every cell is text or a number, never markup."""
    columns = [
        {"name": str(place), "label": str(column), "field": str(place), "sortable": True, "align": "left"}
        for place, column in enumerate(rows.columns)
    ]
    shown = ui.table(
        columns=columns, rows=records(rows), row_key="row", pagination=25 if len(rows) > 25 else None
    ).props("dense flat")
    return shown.classes(f"table-{name}")


def records(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as `table` shows them."""
    return [
        {"row": place, **{str(column): _cell(value) for column, value in enumerate(row)}}
        for place, row in enumerate(rows.itertuples(index=False, name=None))
    ]


def _cell(value: object) -> object:
    """Numbers stay numbers, so that they sort; all else is told as text."""
    if value is None or value is pd.NA or value != value:
        return "-"
    if isinstance(value, float | np.floating):
        return shortened(float(value))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    return str(value)


def lines(series: dict[str, np.ndarray], x: str, y: Sequence[str]) -> ui.echart:
    """Sequences (T, C) by name, each channel a colour; the first name solid, the others dashed."""
    options = line_options(series, x, y)
    return ui.echart(options).style("height: 260px; width: 440px; max-width: 100%")


def line_options(series: dict[str, np.ndarray], x: str, y: Sequence[str]) -> dict[str, object]:
    """What ECharts draws for `lines`."""
    drawn = [
        {
            "type": "line",
            "name": f"{channel}, {name}",
            "data": [None if np.isnan(value) else float(value) for value in values[:, place]],
            "lineStyle": {"type": kind},
            "color": colour(place),
            "showSymbol": kind == "solid",
        }
        for place, channel in enumerate(y)
        for kind, (name, values) in zip(("solid", "dashed", "dotted", "dotted"), series.items(), strict=False)
    ]
    length = max(len(values) for values in series.values())
    return {
        "animation": False,
        "xAxis": {"type": "category", "data": list(range(length)), "name": x},
        "yAxis": {"type": "value", "scale": True},
        "legend": {"type": "scroll"},
        "series": drawn,
    }


def saving(command: str, **files: Saved) -> None:
    """A button for each file that saves it, and the command line that makes the same."""
    with ui.column().classes("gap-0"):
        with ui.row().classes("gap-2"):
            for label, make in files.items():
                button = ui.button(f"Save {label}", icon="download", on_click=lambda make=make: _download(make))
                button.props("dense flat no-caps")
        if command:
            ui.label(command).classes("command font-mono text-xs text-grey-8 break-all")


def _download(make: Saved) -> None:
    name, content = make()
    ui.download.content(content, name)


class Mistake:
    """The line on the page that tells what was wrong with the last thing that was asked."""

    def __init__(self) -> None:
        self._label = ui.label().classes("mistake text-negative whitespace-pre-line").props("role=alert")
        self._label.set_visibility(False)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell a user's mistake, or what the factors could not be computed from, and nothing if there is none."""
        self._say("")
        try:
            yield
        except (UserError, EngineError) as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        self._label.set_text(text)
        self._label.set_visibility(bool(text))


def shortened(value: float) -> float:
    """A number in six digits, or to its tenths where it is large."""
    return round(float(value), 1) if abs(value) >= 1e5 else float(f"{value:.6g}")
