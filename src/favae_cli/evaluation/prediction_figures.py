"""Predictions of a view against the truth, drawn by kind of data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from favae_cli.data import ViewData
from favae_cli.data.dataset import blocks, measured_as
from favae_cli.evaluation.scores import column_aucs
from favae_cli.reporting.grids import image_grid
from favae_cli.reporting.style import FAINT, INK, blank, colour, dress, panels, say_which

PANELS, BARS, CHANNELS = 12, 40, 4  # at most


def comparison(view: ViewData, truth: np.ndarray, made: np.ndarray) -> Figure | None:
    """Truth and prediction, as `score` takes them; None for what cannot be drawn, or shows nothing.

    Images stand above their predictions; real columns are scattered, the first `PANELS` that vary; binary columns
    have a bar of their AUC, categorical ones a table of confusions, and sequences are drawn over time.
    """
    match measured_as(view):
        case "image":
            return image_grid([list(truth), list(made)], ["true", "predicted"])
        case "sequence":
            return sequences(truth, made, view.columns)
        case "categorical":
            return confusions(truth, made, view)
        case "binary":
            return ranked(truth, made, view.columns)
        case "real":
            return scatters(truth, made, view.columns)
        case "text":
            return None


def scatters(truth: np.ndarray, made: np.ndarray, columns: Sequence[str]) -> Figure | None:
    """Predicted against true values (R, D), a panel a column; on the dotted line they agree."""
    seen = ~np.isnan(truth)
    varied = [d for d in range(truth.shape[1]) if np.unique(truth[seen[:, d], d]).size > 1]
    chosen = varied[:PANELS]
    if not chosen:
        return None
    figure, grid = panels(len(chosen))
    say_which(figure, "the first", len(chosen), len(varied), "columns that vary")
    for axes, column in zip(grid, chosen, strict=True):
        x, y = truth[seen[:, column], column], made[seen[:, column], column]
        dress(axes, columns[column], "true", "predicted")
        axes.scatter(x, y, s=9, color=colour(0), alpha=0.5, linewidths=0)
        axes.axline((float(x.mean()), float(x.mean())), slope=1, color=FAINT, linewidth=0.8, linestyle=":")
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        edge = 0.04 * (high - low)
        axes.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
    return figure


def ranked(truth: np.ndarray, made: np.ndarray, columns: Sequence[str]) -> Figure | None:
    """AUC of each binary column, the best first; (R, D) each."""
    aucs = column_aucs(truth, made)
    scored = int(np.isfinite(aucs).sum())
    order = np.argsort(-aucs)[: min(BARS, scored)]
    if not len(order):
        return None
    figure = blank(6.0, 0.9 + 0.22 * len(order))
    say_which(figure, "the best", len(order), scored, "columns")
    axes = figure.subplots()
    dress(axes, "", "AUC; on the dotted line a guess is as good")
    axes.barh([columns[column] for column in order], aucs[order], color=colour(0), height=0.7)
    axes.axvline(0.5, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    return figure


def confusions(truth: np.ndarray, made: np.ndarray, view: ViewData) -> Figure | None:
    """A panel a variable: how many samples of each true category (rows) were taken for which (columns)."""
    variables = [variable for variable in blocks(view.groups) if not np.isnan(truth[:, variable]).all()]
    if not variables:
        return None
    figure, grid = panels(min(len(variables), PANELS))
    say_which(figure, "the first", len(grid), len(variables), "variables")
    for axes, variable in zip(grid, variables, strict=False):
        seen = ~np.isnan(truth[:, variable]).any(axis=1)
        pair = truth[seen, variable].argmax(axis=1), made[seen, variable].argmax(axis=1)
        size = variable.stop - variable.start
        counts = np.bincount(pair[0] * size + pair[1], minlength=size * size).reshape(size, size)
        names = [column.partition("=") for column in view.columns[variable]]
        labels = [category for _, _, category in names]
        ordinal = view.kind == "ordinal"
        order = np.arange(size) if ordinal else _as_they_come(labels, view.values[:, variable])
        counts, labels = counts[np.ix_(order, order)], [labels[category] for category in order]
        dress(axes, names[0][0], "predicted", "true")
        axes.grid(False)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(size), labels, rotation=45, ha="right")
        axes.set_yticks(range(size), labels)
        for (row, column), count in np.ndenumerate(counts) if size <= 10 else ():
            ink = "white" if share[row, column] > 0.6 else INK
            axes.text(column, row, str(count), ha="center", va="center", fontsize=6, color=ink)
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
