"""The picture of a sweep: the score of its runs against what was swept."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from favae_cli.reporting.style import FAINT, INK, PALETTE, blank, colour, dress, save

_TICKED = 10  # values of an axis that are all written beside it
_LABEL = 22  # characters of a value beside an axis or in a legend
_COLUMNS = 3  # panels in a row


def draw_sweep(finished: Sequence[Mapping[str, str]], swept: Sequence[str], name: str, path: Path) -> None:
    """Draw the picture of a sweep.

    Args:
        finished: its rows with a score.
        swept: its keys.
        name: of the score.
        path: of the picture.
    """
    runs = pd.DataFrame(finished, columns=[*swept, "score"])
    # Experiments may be scored by different numbers.
    save(sweep_figure(runs, "score" if "experiment" in runs else name), path)


def sweep_figure(runs: pd.DataFrame, name: str) -> Figure:
    """Score against the swept keys; runs that differ in a seed alone are shown as points around their mean.

    One panel with a line for each value of the other keys; where these have too many values, the scores of two
    numeric keys as colours in their plane, and of more keys, a panel for each key.

    Args:
        runs: a row a run; its columns are the swept keys, as text or numbers, and "score", a number.
        name: of the score.
    """
    runs = pd.DataFrame({key: _as_numbers(runs[key]) for key in runs.columns})
    keys = _varied(runs)
    by_kind = sorted(keys, key=lambda key: (_is_numeric(runs.loc[:, key]), runs[key].nunique()))
    across = by_kind[-1]
    others = [key for key in keys if key != across]
    groups = [(_label(others, values), group) for values, group in runs.groupby(others, sort=False)] if others else []
    if len(groups) > len(PALETTE):
        if len(keys) == 2 and all(_is_numeric(runs[key]) for key in keys):
            return _plane(runs, across, others[0], name)
        return _panels(runs, keys, name)
    figure = blank(6.4, 3.8)
    axes = figure.subplots()
    dress(axes, "", across, name)
    _series(axes, runs[across], groups or [("", runs)])
    if groups:
        figure.legend(fontsize=7, frameon=False, loc="outside right upper")
    if _is_seed(across):
        mean = runs["score"].mean()
        axes.axhline(mean, color=FAINT, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"mean {mean:.4g}", (1, mean), xycoords=axes.get_yaxis_transform(), fontsize=7, ha="right", va="bottom"
        )
    return figure


def _as_numbers(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if np.isfinite(numbers).all() else column.astype(str)


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not _is_seed(str(column.name))


def _is_seed(key: str) -> bool:
    return key.rpartition(".")[2] == "seed"


def _are_picked(values: pd.Series) -> bool:
    """Whether they are a few values such as a person chooses, not drawn from an interval."""
    return values.nunique() <= _TICKED and all(f"{value:g}" == f"{value:.3g}" for value in values)


def _varied(runs: pd.DataFrame) -> list[str]:
    """The keys to draw: those that took several values, seeds only where there is nothing else."""
    swept = [str(key) for key in runs.columns if key != "score"]
    varied = [key for key in swept if runs[key].nunique() > 1]
    return [key for key in varied if not _is_seed(key)] or varied[:1] or swept[:1]


def _label(keys: Sequence[str], values: Sequence[object]) -> str:
    return "\n".join(_short(f"{key}={value}", 2 * _LABEL) for key, value in zip(keys, values, strict=True))


def _short(text: str, width: int = _LABEL) -> str:
    return textwrap.shorten(text, width, placeholder="...")


def _series(axes: Axes, column: pd.Series, groups: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """Scores over the values of `column`, a colour a group: single runs, and the means of those with equal values."""
    numeric, joined = _is_numeric(column), _is_numeric(column) and _are_picked(column)
    places = column if numeric else pd.Series(pd.factorize(column)[0], column.index)
    for index, (label, group) in enumerate(groups):
        dodge = 0.0 if numeric else 0.12 * (index - (len(groups) - 1) / 2)
        x, y = places[group.index] + dodge, group["score"]
        means = y.groupby(x).mean()
        repeated = len(means) < len(group)
        shade = colour(index)
        axes.plot(x, y, "o", color=shade, markersize=4, alpha=0.5 if repeated else 1.0, markeredgewidth=0, label=label)
        if joined:
            axes.plot(means.index, means, "-", color=shade, linewidth=1.3)
        elif repeated and not numeric:
            axes.plot(means.index, means, "_", color=shade, markersize=14, markeredgewidth=1.3)
    if numeric:
        _scale(axes, column, "x")
    else:
        names = [_short(value) for value in column.astype(str).unique()]
        crowded = sum(map(len, names)) > 3 * _LABEL
        axes.set_xticks(range(len(names)), names, rotation=25 if crowded else 0, ha="right" if crowded else "center")
        axes.set_xlim(-0.5, len(names) - 0.5)


def _scale(axes: Axes, values: pd.Series, side: str) -> None:
    """A logarithmic axis for values that span a decade or more; few values are its ticks."""
    distinct = np.unique(values.to_numpy(float))
    positive = distinct[distinct > 0]
    if distinct[0] >= 0 and len(positive) and positive[-1] / positive[0] >= 10:
        if distinct[0] > 0:
            axes.set(**{f"{side}scale": "log"})
        else:
            getattr(axes, f"set_{side}scale")("symlog", linthresh=positive[0])
    axis = getattr(axes, f"{side}axis")
    if _are_picked(values):
        axis.set_ticks(distinct, [f"{value:g}" for value in distinct])
        axis.set_minor_locator(NullLocator())
    elif axis.get_scale() == "log":
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(NullLocator())


def _plane(runs: pd.DataFrame, across: str, up: str, name: str) -> Figure:
    """The mean score at every pair of values, as a colour."""
    means = runs.groupby([across, up], as_index=False)["score"].mean()
    figure = blank(6.4, 4.6)
    axes = figure.subplots()
    dress(axes, "", across, up)
    points = axes.scatter(
        means[across], means[up], c=means["score"], cmap="viridis", s=90, marker="s", edgecolors="none"
    )
    _scale(axes, means[across], "x")
    _scale(axes, means[up], "y")
    bar = figure.colorbar(points, ax=axes)
    bar.set_label(name, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7)
    return figure


def _panels(runs: pd.DataFrame, keys: Sequence[str], name: str) -> Figure:
    """A panel for each key, over all values of the others."""
    columns = min(_COLUMNS, len(keys))
    rows = -(-len(keys) // columns)
    figure = blank(3.2 * columns, 2.9 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, key in zip(grid.flat, keys, strict=False):
        dress(axes, "", key, name if axes in grid[:, 0] else "")
        _series(axes, runs[key], [("", runs)])
    for axes in grid.flat[len(keys) :]:
        axes.set_axis_off()
    return figure
