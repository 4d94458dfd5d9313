"""Predictions of a view against the truth, drawn by kind of data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from favae_cli.data import ViewData
from favae_cli.data.dataset import blocks, measured_as
from favae_cli.evaluation.columns import Predicted
from favae_cli.evaluation.scores import REACH, category_recalls, column_aucs, column_r2
from favae_cli.reporting.grids import image_grid
from favae_cli.reporting.style import (
    ACROSS,
    FAINT,
    ON_DEEP,
    ON_PALE,
    blank,
    cells,
    colour,
    dress,
    name_outside,
    notable,
    panels,
    say_notable,
    say_which,
)
from favae_cli.reporting.table import clipped, number

PANELS, BARS, CHANNELS = 12, 39, 4  # at most
POINTS = 200  # of a panel, at most


def comparison(found: Predicted) -> Figure | None:
    """Truth and prediction; None for what cannot be drawn, or shows nothing.

    Images stand above their predictions; real columns are scattered, with their intervals; binary columns have a bar of
    their AUC, categorical ones a table of confusions, and sequences are drawn over time. Of many columns those are
    shown that are foretold best, worst, and about as well as the middle one.
    """
    match measured_as(found.view):
        case "image":
            return image_grid([list(found.truth), list(found.made)], ["true", "predicted"])
        case "sequence":
            return sequences(found.truth, found.made, found.view.columns)
        case "categorical":
            return confusions(found.truth, found.made, found.view)
        case "binary":
            return ranked(found.truth, found.made, found.view.columns)
        case "real":
            return scatters(found)
        case "text":
            return None


def scatters(found: Predicted) -> Figure | None:
    """Predicted against true values, a panel a column; on the dotted line they agree, a bar is the 90 % interval."""
    truth, made, deviation, columns = found.truth, found.made, found.deviation, found.view.columns
    scores = column_r2(truth, made)
    chosen = notable(scores, ACROSS)
    if not len(chosen):
        return None
    figure, grid = panels(len(chosen))
    say_notable(figure, len(chosen), int(np.isfinite(scores).sum()), "columns")
    for axes, column in zip(grid, chosen, strict=True):
        seen = np.flatnonzero(~np.isnan(truth[:, column]) & ~np.isnan(made[:, column]))[:POINTS]
        x, y = truth[seen, column], made[seen, column]
        dress(axes, f"{clipped(columns[column], 22)}: R2 {number(scores[column], 2)}", "true", "predicted")
        axes.scatter(x, y, s=9, color=colour(0), alpha=0.6, linewidths=0)
        if deviation is not None:
            reach = REACH * deviation[seen, column]
            axes.vlines(x, y - reach, y + reach, color=colour(0), alpha=0.18, linewidth=0.8)
            y = np.concatenate([y - reach, y + reach])
        axes.axline((float(x.mean()), float(x.mean())), slope=1, color=FAINT, linewidth=0.8, linestyle=":")
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        edge = 0.04 * (high - low)
        axes.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
    name_outside(grid)
    return figure


def ranked(truth: np.ndarray, made: np.ndarray, columns: Sequence[str]) -> Figure | None:
    """AUC of each binary column, the best first; (R, D) each."""
    aucs = column_aucs(truth, made)
    order = notable(aucs, BARS // 3)
    if not len(order):
        return None
    figure = blank(6.0, 0.9 + 0.22 * len(order))
    say_notable(figure, len(order), int(np.isfinite(aucs).sum()), "columns")
    axes = figure.subplots()
    dress(axes, "", "AUC; on the dotted line a guess is as good")
    axes.barh(range(len(order)), aucs[order], color=colour(0), height=0.7)
    axes.set_yticks(range(len(order)), [clipped(columns[column], 40) for column in order])
    axes.axvline(0.5, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    return figure


def confusions(truth: np.ndarray, made: np.ndarray, view: ViewData) -> Figure | None:
    """A panel a variable: how many samples of each true category (rows) were taken for which (columns)."""
    recalls = category_recalls(truth, made, blocks(view.groups))
    known = [variable for variable in view.variables if not np.isnan(recalls[variable.block]).all()]
    if not known:
        return None
    chosen = notable(np.array([np.nanmean(recalls[variable.block]) for variable in known]), ACROSS)
    figure, grid = panels(len(chosen))
    say_notable(figure, len(chosen), len(known), "variables")
    for axes, (name, categories, block) in zip(grid, [known[place] for place in chosen], strict=True):
        seen = ~np.isnan(truth[:, block]).any(axis=1)
        pair = truth[seen, block].argmax(axis=1), made[seen, block].argmax(axis=1)
        size = len(categories)
        counts = np.bincount(pair[0] * size + pair[1], minlength=size * size).reshape(size, size)
        ordinal = view.kind == "ordinal"
        order = np.arange(size) if ordinal else _as_they_come(categories, view.values[:, block])
        counts, labels = counts[np.ix_(order, order)], [categories[place] for place in order]
        recall = number(np.nanmean(recalls[block]), 2)
        dress(axes, f"{clipped(name, 18)}: mean recall {recall}", "predicted", "true")
        axes.grid(False)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        cells(axes, share, Normalize(0, 1))
        axes.set_xticks(range(size), [clipped(label, 18) for label in labels], rotation=45, ha="right")
        axes.set_yticks(range(size), [clipped(label, 18) for label in labels])
        for (row, column), count in np.ndenumerate(counts) if size <= 10 else ():
            ink = ON_DEEP if share[row, column] > 0.6 else ON_PALE
            inside = axes.text(column, row, str(count), ha="center", va="center", fontsize=6, color=ink)
            inside.set_in_layout(False)  # which would measure each of them
    name_outside(grid)
    return figure


def _as_they_come(categories: Sequence[str], values: np.ndarray) -> np.ndarray:
    """The order in which the data (R, C) first have the categories; numbers stay in their own, which is as stored."""
    try:
        [float(category) for category in categories]
    except ValueError:
        first = np.where((values == 1).any(axis=0), (values == 1).argmax(axis=0), len(values))
        return np.argsort(first, kind="stable")
    return np.arange(len(categories))


def sequences(truth: np.ndarray, made: np.ndarray, channels: Sequence[str]) -> Figure:
    """The first `PANELS` sequences (R, T, C) over their steps: true ones drawn through, predicted ones dashed."""
    figure, grid = panels(min(len(truth), PANELS))
    say_which(figure, "the first", CHANNELS, len(channels), "channels")
    for row, axes in enumerate(grid):
        dress(axes, "", "step")
        for channel, name in enumerate(channels[:CHANNELS]):
            axes.plot(truth[row, :, channel], color=colour(channel), linewidth=1.2, label=name)
            axes.plot(made[row, :, channel], "--", color=colour(channel), linewidth=1.0)
    figure.legend(*grid[0].get_legend_handles_labels(), fontsize=7, frameon=False, ncols=4, loc="outside upper right")
    return figure
