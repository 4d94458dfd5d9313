"""Curves of several runs in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from favae_cli.reporting.figures import limit
from favae_cli.reporting.style import INK, PALETTE, blank, colour, dress
from favae_cli.reporting.table import clipped

Records = Sequence[Mapping[str, Any]]
_ROWS = {
    "validation/elbo": "ELBO\n(nats a sample)",
    "validation/log_likelihood": "log-likelihood\n(nats a sample)",
    "validation/predictive": "log-likelihood\ngiven other views",
}
_LINES = ("-", "--", ":", "-.")
MOST = len(PALETTE) * len(_LINES)  # runs that can be told apart


def overlaid_epochs(runs: Mapping[str, Records]) -> Figure | None:
    """What the validation samples say after every epoch: a column a view, a line a run; None where they say nothing.

    Args:
        runs: by name, the records of kind "epoch" of each.
    """
    views = list(dict.fromkeys(record["view"] for records in runs.values() for record in records))
    shown = {key: name for key, name in _ROWS.items() if any(r.get(key) is not None for s in runs.values() for r in s)}
    if not shown:
        return None
    figure = blank(max(6.0, 4.2 * len(views)), 0.9 + 2.0 * len(shown))
    grid = figure.subplots(len(shown), len(views), sharex="col", squeeze=False)
    for column, view in enumerate(views):
        for row, (key, name) in enumerate(shown.items()):
            axes = grid[row, column]
            dress(axes, view if row == 0 else "", "epoch" if row == len(shown) - 1 else "", name if column == 0 else "")
            of_view = {run: [r for r in records if r["view"] == view] for run, records in runs.items()}
            _lines(axes, of_view, "epoch", key)
    _legend(figure, list(runs))
    return figure


def overlaid_rounds(runs: Mapping[str, Records]) -> Figure:
    """The bound and the factors in use, round by round, a line a run.

    Args:
        runs: by name, the records of kind "round" of each.
    """
    figure = blank(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    dress(left, "bound (nats a sample)", "round")
    dress(right, "factors in use", "round")
    _lines(left, runs, "round", "bound")
    _lines(right, runs, "round", "factors/active")
    _legend(figure, list(runs))
    return figure


def _lines(axes: Axes, runs: Mapping[str, Records], along: str, key: str) -> None:
    values: list[float] = []
    for place, records in enumerate(runs.values()):
        points = sorted((r[along], r[key]) for r in records if r.get(key) is not None)
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker="." if len(x) < 6 else None, **_style(place))
            values += y
    limit(axes, np.array(values))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _style(place: int) -> dict[str, Any]:
    return {"color": colour(place), "linestyle": _LINES[place // len(PALETTE) % len(_LINES)], "linewidth": 1.3}


def _legend(figure: Figure, names: Sequence[str]) -> None:
    lines = [Line2D([], [], **_style(place)) for place in range(len(names))]
    labels = [clipped(name, 48) for name in names]
    across = max(1, min(3, len(names), round(figure.get_size_inches()[0] / 3)))
    figure.legend(lines, labels, fontsize=7, frameon=False, labelcolor=INK, ncols=across, loc="outside upper left")
