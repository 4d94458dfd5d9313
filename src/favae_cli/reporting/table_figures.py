"""The charts of runs on tables: pure functions from what the evaluation wrote to matplotlib figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from favae_cli.reporting.style import ACROSS, FAINT, GRID, INK, PALETTE, blank, colour, dress, panels, say_which
from favae_cli.reporting.table import clipped

Colours = tuple[str, tuple[int, int], np.ndarray, np.ndarray, Sequence[str]]
"""Of a panel of `sample_map` the label's name, the two factors, <g> of them (N, 2), the label (N,) and, of categories,
the names that its whole numbers stand for; NaN where it is not known."""

_SHADES = ListedColormap(colormaps["viridis"](np.linspace(0.25, 0.95, 128)))  # seen on white and on black
COUNT = "number of samples"  # column of `presence`; no view has a space in its name
PATTERNS = 24  # combinations of views, at most
FACTORS, TOP = 8, 8  # panels, and columns in each, at most


def calibration(table: pd.DataFrame) -> Figure:
    """What was promised against what was seen, a panel a view; on the dotted line they agree.

    Args:
        table: as of `evaluation.columns.calibration`.
    """
    views = table["view"].unique()
    figure, grid = panels(len(views))
    for axes, view in zip(grid, views, strict=True):
        part = table[table["view"] == view]
        of = part["of"].iloc[0]
        x, y = (
            ("asked of intervals", "share inside") if of == "intervals" else ("probability given", "share that is true")
        )
        dress(axes, clipped(view, 30), x, y)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=":")
        axes.plot(part["expected"], part["observed"], "o-", color=colour(int(of != "intervals")), markersize=3.5)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    return figure


def presence(table: pd.DataFrame) -> Figure:
    """Which views samples have together: a column of dots for each combination, its samples above it.

    Args:
        table: a row a combination, the most common first: `COUNT`, and for each view whether they have it.
    """
    views = [column for column in table.columns if column != COUNT]
    shown = table[:PATTERNS]
    figure = blank(max(4.2, 1.9 + 0.34 * len(shown)), 1.7 + 0.24 * len(views))
    say_which(figure, "the most common", len(shown), len(table), "combinations")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.4, 0.24 * len(views)])
    x = np.arange(len(shown))
    dress(above, "", "", "samples")
    above.bar(x, shown[COUNT], 0.6, color=colour(0))
    for place, count in enumerate(shown[COUNT]):
        above.annotate(
            f"{count:,}", (place, count), (0, 2), textcoords="offset points", ha="center", fontsize=6, color=INK
        )
    dress(below)
    below.grid(False)
    for row, view in enumerate(views):
        there = shown[view].to_numpy(bool)
        below.plot(x[~there], np.full((~there).sum(), row), "o", color=GRID, markersize=6)
        below.plot(x[there], np.full(there.sum(), row), "o", color=colour(0), markersize=6)
    counts = [int(table.loc[table[view].astype(bool), COUNT].sum()) for view in views]
    below.set_yticks(
        range(len(views)), [f"{clipped(view, 24)}  {count:,}" for view, count in zip(views, counts, strict=True)]
    )
    below.set(ylim=(len(views) - 0.5, -0.5), xlim=(-0.6, len(shown) - 0.4), xticks=[])
    for axes in (above, below):
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
    above.grid(False, axis="x")
    return figure


def top_weights(table: pd.DataFrame, factors: Sequence[tuple[int, str]]) -> Figure | None:
    """The columns that go most with each factor, by name, a panel a factor; colours tell the views.

    Args:
        table: as of `evaluation.results.top_columns`.
        factors: number and use of those to show, in their order.
    """
    factors = [(factor, use) for factor, use in factors if (table["factor"] == factor).any()][:FACTORS]
    if not factors:
        return None
    views = list(table["view"].unique())
    across = min(len(factors), ACROSS // 2)
    down = -(-len(factors) // across)
    figure = blank(5.2 * across, 0.45 + (0.62 + 0.19 * TOP) * down)
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(factors) :]:
        axes.set_axis_off()
    for axes, (factor, use) in zip(grid.flat, factors, strict=False):
        part = table[table["factor"] == factor]
        of_view = max(TOP // part["view"].nunique(), 1)  # each is heard
        part = part[part.groupby("view", sort=False).cumcount() < of_view][:TOP]
        dress(axes, clipped(f"factor {factor}: {use}", 60))
        y = np.arange(len(part))
        shades = [colour(views.index(view)) for view in part["view"]]
        axes.barh(y, part["weight"], height=0.62, color=shades)
        deviation = part["deviation"].to_numpy()
        axes.hlines(y, part["weight"] - deviation, part["weight"] + deviation, color=INK, linewidth=0.8)
        axes.set_yticks(y, [clipped(column, 30) for column in part["column"]])
        axes.set_ylim(TOP - 0.4, -0.6)
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(False, axis="y")
    legend(figure, views)
    return figure


def sample_map(panels_of: Sequence[Colours]) -> Figure:
    """Samples in two factors each, a panel a label."""
    across = min(3, len(panels_of))
    down = -(-len(panels_of) // across)
    figure = blank(4.0 * across, 3.3 * down)
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(panels_of) :]:
        axes.set_axis_off()
    for axes, (name, (one, other), latent, label, categories) in zip(grid.flat, panels_of, strict=False):
        dress(axes, clipped(name, 44), f"factor {one}", f"factor {other}")
        known = ~np.isnan(label)
        axes.scatter(*latent[~known].T, s=7, color=GRID, linewidths=0)
        if len(categories):
            shades = PALETTE if len(categories) <= len(PALETTE) else [*map(to_hex, colormaps["tab20"](range(20)))]
            for place, category in enumerate(categories):
                these = label == place
                axes.scatter(
                    *latent[these].T, s=9, color=shades[place], alpha=0.75, linewidths=0, label=clipped(category, 18)
                )
            axes.legend(fontsize=6, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4)
        elif known.any():
            shown = axes.scatter(*latent[known].T, s=9, c=label[known], cmap=_SHADES, alpha=0.8, linewidths=0)
            bar = figure.colorbar(shown, ax=axes, pad=0.02, fraction=0.05)
            bar.ax.tick_params(labelsize=6, color=FAINT, labelcolor=INK)
            bar.outline.set_visible(False)
    return figure


def legend(figure: Figure, names: Sequence[str]) -> None:
    """Which colour is whose, above the panels."""
    handles = [
        Line2D([], [], marker="s", linestyle="", color=colour(i), label=clipped(n, 30)) for i, n in enumerate(names)
    ]
    figure.legend(handles=handles, fontsize=7, frameon=False, loc="outside upper left", ncols=5)
