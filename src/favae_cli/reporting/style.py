"""One look for every figure, and how a figure becomes a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from favae_cli.common.files import replacing

DPI = 160
INK = "#222222"
FAINT = "#8a8a8a"
# Okabe and Ito's palette, told apart with every common kind of colour blindness.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def colour(index: int) -> str:
    """Colour of the `index`-th series; they repeat after the palette's end."""
    return PALETTE[index % len(PALETTE)]


def blank(width: float, height: float, *, constrained: bool = True) -> Figure:
    """An empty figure of `width` x `height` inches that lives outside of pyplot.

    Args:
        width, height: inches, at `DPI` pixels each.
        constrained: let matplotlib arrange the axes; without, the caller places everything.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with `count` square panels, four in a row."""
    columns = min(4, max(count, 1))
    rows = max(-(-count // columns), 1)
    figure = blank(2.6 * columns, 2.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:count])


def clipped(text: str, length: int) -> str:
    """`text` in so many characters at most; what is long keeps both its ends, as names often differ in the last one."""
    if len(text) <= length:
        return text
    head = (length - 3) // 2
    return f"{text[:head]}...{text[head + 3 - length :]}"


def say_which(figure: Figure, which: str, shown: int, among: int, what: str) -> None:
    """Say above the panels that they show so many of what there is, as "the first 12 of 30 columns"; not of all."""
    if shown < among:
        figure.suptitle(f"{which} {shown} of {among} {what}", fontsize=8, color=FAINT, x=0.01, ha="left")


def dress(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Quiet frame, light grid, small text; `title` stands to the left."""
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    axes.set_xlabel(x, fontsize=8, color=INK)
    axes.set_ylabel(y, fontsize=8, color=INK)
    axes.tick_params(which="both", labelsize=7, color=FAINT, labelcolor=INK)
    axes.yaxis.get_offset_text().set(fontsize=7, color=INK)
    axes.grid(True, linewidth=0.4, color="#dddddd")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG; `path` is replaced at once, so that a reader never sees half a picture.

    The pixels are those of `Figure.savefig`, which draws a figure twice where its axes are to be arranged.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    with replacing(path) as file:
        picture.save(file, format="png", dpi=(figure.dpi, figure.dpi))
