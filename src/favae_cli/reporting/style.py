"""One look for every figure, and how a figure becomes a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from favae_cli.common.files import replacing

DPI = 160
COMPRESSION = 3  # of PNG: in half the time of the usual 6, files that are a tenth larger
INK = "#222222"
FAINT = "#8a8a8a"
GRID = "#dddddd"
PALE = "#d9e3ee"
ON_PALE, ON_DEEP = "#1a1a1a", "#fefefe"  # text on cells, which keep their colours whatever the page's theme
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


ACROSS = 4  # panels in a row


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with `count` square panels, `ACROSS` in a row."""
    columns = min(ACROSS, max(count, 1))
    rows = max(-(-count // columns), 1)
    figure = blank(2.6 * columns, 2.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:count])


def name_outside(grid: Sequence[Axes], ticks: bool = False) -> None:
    """Keep the labels that all of `panels` have, and with `ticks` the numbers, to the left and below only."""
    for place, axes in enumerate(grid):
        if place % ACROSS:
            axes.set_ylabel("")
            axes.tick_params(labelleft=not ticks)
        if place + ACROSS < len(grid):
            axes.set_xlabel("")
            axes.tick_params(labelbottom=not ticks)


def say_which(figure: Figure, which: str, shown: int, among: int, what: str) -> None:
    """Say above the panels that they show so many of what there is, as "the first 12 of 30 columns"; not of all."""
    if shown < among:
        figure.suptitle(f"{which} {shown} of {among} {what}", fontsize=8, color=FAINT, x=0.01, ha="left")


def notable(scores: np.ndarray, each: int) -> np.ndarray:
    """Places of the `each` best, middle and worst of the scores (D,) that are no NaN, the best first; of few, all."""
    order = np.argsort(-scores, kind="stable")[: int(np.isfinite(scores).sum())]
    if len(order) <= 3 * each:
        return order
    middle = (len(order) - each) // 2
    return np.concatenate([order[:each], order[middle : middle + each], order[-each:]])


def say_notable(figure: Figure, shown: int, among: int, what: str) -> None:
    """Say above the panels which of many they show."""
    say_which(figure, f"the {shown // 3} best, {shown // 3} middle and {shown // 3} worst,", shown, among, what)


def dress(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Quiet frame, light grid, small text; `title` stands to the left, and the factor of large ticks to the right.

    Where text would be looked for a place for, all ticks are measured again: so titles have theirs from the beginning.
    """
    axes.set_title(title, loc="left", fontsize=9, color=INK, y=1.0)
    axes.yaxis.set_offset_position("right")
    axes.set_xlabel(x, fontsize=8, color=INK)
    axes.set_ylabel(y, fontsize=8, color=INK)
    axes.tick_params(which="both", labelsize=7, color=FAINT, labelcolor=INK)
    axes.yaxis.get_offset_text().set(fontsize=7, color=INK)
    axes.grid(True, linewidth=0.4, color=GRID)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)


def cells(axes: Axes, values: np.ndarray, norm: Normalize) -> None:
    """A heat map (rows, columns) whose cells stay sharp in every size: first row on top, centres at whole numbers."""
    rows, columns = (np.arange(size + 1) - 0.5 for size in values.shape)
    axes.pcolormesh(columns, rows, values, cmap="Blues", norm=norm, edgecolors="face", linewidth=0.3)
    axes.set(xlim=columns[[0, -1]], ylim=rows[[-1, 0]])


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG and, if it shows no images, as SVG beside it.

    Each is replaced at once, so that a reader never sees half a picture. The pixels are those of `Figure.savefig`,
    which draws a figure twice where its axes are to be arranged.
    """
    _as_written(figure)
    _still(figure, lambda label: not label.get_text())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))  # type: ignore[no-untyped-call]
    with replacing(path) as file:
        picture.save(file, format="png", dpi=(figure.dpi, figure.dpi), compress_level=COMPRESSION)
    vectors = path.with_suffix(".svg")
    if _shows_images(figure):
        vectors.unlink(missing_ok=True)
        return
    figure.set_layout_engine("none")  # it is arranged
    _still(figure, lambda label: True)
    with replacing(vectors) as file, rc_context({"svg.fonttype": "none", "svg.hashsalt": "favae-run"}):
        # Text stays text, and the same figure is the same file.
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]


def _still(figure: Figure, which: Callable[[Text], bool]) -> None:
    """Keep labels of axes where they are: else all ticks are measured for each of them, whenever it is looked at."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if which(axis.label):
                place = axis.label.get_transform().transform(axis.label.get_position())
                axis.set_label_coords(*axes.transAxes.inverted().transform(place))


def _as_written(figure: Figure) -> None:
    """Show names as they are: a `$` in them begins no formula, but in the powers beside an axis of another scale."""
    axes = [axis for each in figure.axes for axis in (each.xaxis, each.yaxis) if axis.get_scale() != "linear"]
    powers = {text for axis in axes for text in axis.findobj(Text) if text is not axis.label}
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in powers:
            text.set_parse_math(False)


def _shows_images(figure: Figure) -> bool:
    """Whether there are pictures in it, of which vectors would be made in vain."""
    shown = [image.get_array() for axes in figure.axes for image in axes.images]
    return bool(figure.images) or any(array is not None and array.ndim > 2 for array in shown)
