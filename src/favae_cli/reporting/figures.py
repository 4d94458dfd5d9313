"""The charts of a run: pure functions from numbers to matplotlib figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogFormatter, MaxNLocator

from favae_cli.reporting.style import FAINT, INK, PALE, blank, colour, dress, name_outside, panels
from favae_cli.reporting.table import clipped

_EPOCH_PANELS = {
    "elbo": "ELBO",
    "log_likelihood": "log-likelihood",
    "kl": "KL",
    "predictive": "log-likelihood\ngiven other views",
}
NAMED = 16  # columns of a view, up to which each has its name
_SPLITS = {"train": "-", "validation": "--"}


def curves(epochs: Sequence[Mapping[str, Any]]) -> Figure:
    """ELBO, likelihood and KL against the epoch, a column a view (Fig. 4 of the paper); and how it is foretold.

    Args:
        epochs: the records of kind "epoch" in metrics.jsonl: `epoch`, `phase`, `view`, and in nats a sample
            `<split>/elbo`, `<split>/log_likelihood`, `<split>/kl`, `<split>/predictive`, of which any may be missing.
    """
    views = list(dict.fromkeys(record["view"] for record in epochs))
    foretold = any(key.endswith("/predictive") for record in epochs for key in record)
    shown = {key: name for key, name in _EPOCH_PANELS.items() if foretold or key != "predictive"}
    figure = blank(max(6.0, 4.2 * len(views)), 0.4 + 2.0 * len(shown))
    grid = figure.subplots(len(shown), len(views), sharex=True, squeeze=False)
    for column, view in enumerate(views):
        records = sorted((r for r in epochs if r["view"] == view), key=lambda r: r["epoch"])
        joined = min((r["epoch"] for r in records if r["phase"] == "round"), default=None)
        for row, (key, name) in enumerate(shown.items()):
            axes = grid[row, column]
            dress(axes, view if row == 0 else "", "epoch" if row == len(shown) - 1 else "")
            if column == 0:
                axes.set_ylabel(f"{name}\n(nats a sample)", fontsize=8)
            _epoch_lines(axes, records, key, colour(column))
            if joined is not None:
                _mark_joining(axes, joined - 0.5, labelled=row == 0)
        grid[0, column].legend(fontsize=7, frameon=False, loc="lower right")
    return figure


def _epoch_lines(axes: Axes, records: Sequence[Mapping[str, Any]], key: str, shade: str) -> None:
    shown = []
    for split, line in _SPLITS.items():
        points = [(r["epoch"], r[f"{split}/{key}"]) for r in records if r.get(f"{split}/{key}") is not None]
        if points:
            x, y = np.array(points, dtype=float).T
            ink = shade if split == "train" else INK
            axes.plot(x, y, line, color=ink, linewidth=1.3, label=split, marker="." if len(x) < 3 else None)
            shown.append(y)
    if shown:
        limit(axes, np.concatenate(shown))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def limit(axes: Axes, values: np.ndarray) -> None:
    """Limit the y axis to where most values are, so that the first epochs do not squash the others."""
    values = values[np.isfinite(values)]
    if values.size == 0 or values.min() == values.max():
        return
    low, high = np.quantile(values, [0.05, 0.95])
    room = 0.4 * (high - low) or 0.05 * (values.max() - values.min())
    bottom, top = max(values.min(), low - room), min(values.max(), high + room)
    axes.set_ylim(bottom - 0.05 * (top - bottom), top + 0.05 * (top - bottom))


def _mark_joining(axes: Axes, x: float, labelled: bool) -> None:
    axes.axvline(x, color=FAINT, linewidth=1, linestyle=":")
    if labelled:
        axes.annotate(
            "joined",
            (x, 1),
            (0, 2),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            fontsize=7,
            color=INK,
            ha="center",
            va="bottom",
        )


def bound(rounds: Sequence[Mapping[str, Any]]) -> Figure:
    """The evidence lower bound, the factors in use and the noise precision of every view, round by round.

    Args:
        rounds: the records of kind "round" in metrics.jsonl: `round`, `bound` (nats), `factors/active` and
            `tau/<view>`.
    """
    rounds = sorted(rounds, key=lambda record: record["round"])
    x = [record["round"] for record in rounds]
    taus = list(dict.fromkeys(key for record in rounds for key in record if key.startswith("tau/")))
    figure = blank(9.6, 3.0)
    left, middle, right = figure.subplots(1, 3)

    dress(left, "bound (nats)", "round")
    left.plot(x, [record["bound"] for record in rounds], "o-", color=colour(0), markersize=3, linewidth=1.3)
    dress(middle, "factors in use", "round")
    active = [record["factors/active"] for record in rounds]
    middle.step(x, active, where="mid", color=colour(2), linewidth=1.3)
    middle.plot(x, active, "o", color=colour(2), markersize=3)
    middle.set_ylim(0, 1.1 * max([*active, 1]))
    middle.yaxis.set_major_locator(MaxNLocator(integer=True))
    dress(right, "noise precision, tau", "round")
    for index, key in enumerate(taus):
        y = [record.get(key, np.nan) for record in rounds]
        right.plot(x, y, "o-", color=colour(index), markersize=3, linewidth=1.3, label=key.removeprefix("tau/"))
    right.set_yscale("log")
    right.yaxis.set_major_formatter(LogFormatter())
    right.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    if taus:
        right.legend(fontsize=7, frameon=False)
    for axes in (left, middle, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def relevance(
    weights: Mapping[str, np.ndarray],
    alpha: Mapping[str, np.ndarray],
    active: Mapping[str, np.ndarray],
    columns: Mapping[str, Sequence[str]],
) -> Figure:
    """|W| of every view and factor, and each factor's relevance 1 / alpha for each view (paper's Fig. 10).

    Factors stand in columns: those that two views or more use first, then the private ones view by view, then
    the unused ones; within a group the strongest first.

    Args:
        weights: W of each view, (D_m, K).
        alpha: prior precision of the columns of W, (K,) each.
        active: whether the view uses the factor, bool (K,) each.
        columns: of views whose z has a dimension for each column, their names; a few are written beside the rows.
    """
    views = list(weights)
    strength = np.stack([1 / np.asarray(alpha[view], dtype=float) for view in views])
    groups = _factor_groups(np.stack([np.asarray(active[view], dtype=bool) for view in views]), strength, views)
    order = np.concatenate([members for _, members in groups])
    edges = np.cumsum([0, *(len(members) for _, members in groups)])
    factors = len(order)

    heights = [float(np.clip(0.14 * len(weights[view]), 0.3, 2.0)) for view in views]
    heights.append(max(0.3, 0.16 * len(views)))
    figure = blank(float(np.clip(2.5 + 0.11 * factors, 6.5, 13)), 0.9 + sum(0.35 + height for height in heights))
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0].tolist()
    for axes, view in zip(panels, views, strict=False):
        names = columns.get(view, ())
        dress(axes, f"|W| of {view}, a row a {'column' if names else 'dimension of z'}")
        size = np.abs(weights[view][:, order])
        top = max(float(np.quantile(size, 0.995)), np.finfo(float).tiny)
        picture = axes.imshow(
            size,
            aspect="auto",
            cmap="Blues",
            vmin=0,
            vmax=top,
            extent=(0, factors, len(size), 0),
            interpolation="nearest",
        )
        _bar(figure, axes, picture)
        if 0 < len(names) <= NAMED:
            axes.set_yticks(np.arange(len(names)) + 0.5, [clipped(name, 24) for name in names])
        else:
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    dress(panels[-1], "relevance, 1 / alpha", "factor, sorted")
    top = float(strength.max())
    scale = LogNorm(max(float(strength.min()) / 2, top * 1e-4), top, clip=True)
    picture = panels[-1].pcolormesh(strength[:, order], cmap="Blues", norm=scale, edgecolors="face", linewidth=0.3)
    _bar(figure, panels[-1], picture)
    panels[-1].set_yticks(np.arange(len(views)) + 0.5, [clipped(view, 24) for view in views])
    panels[-1].set(xlim=(0, factors), ylim=(len(views), 0))
    for axes in panels:
        axes.grid(False)
    _mark_groups(figure, panels, [name for name, _ in groups], edges)
    return figure


def _bar(figure: Figure, axes: Axes, picture: ScalarMappable) -> None:
    bar = figure.colorbar(picture, ax=axes, pad=0.01, fraction=0.03)
    bar.ax.tick_params(which="both", labelsize=6, color=FAINT, labelcolor=INK)
    bar.outline.set_visible(False)


def _factor_groups(active: np.ndarray, strength: np.ndarray, views: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Name and factor indices of every group that has members; `active` and `strength` are (views, K)."""
    uses = active.sum(axis=0)
    members = {"shared": uses > 1}
    members |= {f"private {view}": (uses == 1) & active[index] for index, view in enumerate(views)}
    members["unused"] = uses == 0
    strongest = np.argsort(-strength.sum(axis=0), kind="stable")
    return [(name, strongest[chosen[strongest]]) for name, chosen in members.items() if chosen.any()]


def _mark_groups(figure: Figure, panels: Sequence[Axes], names: Sequence[str], edges: np.ndarray) -> None:
    """Part the groups by lines, and give each a band of its colour on top."""
    for axes in panels:
        for edge in edges[1:-1]:
            axes.axvline(edge, color=INK, linewidth=0.6)
    bands = []
    for index, (name, start, end) in enumerate(zip(names, edges[:-1], edges[1:], strict=True)):
        shade = "#bbbbbb" if name == "unused" else colour(index + 2)
        bands.append(Patch(color=shade, label=f"{clipped(name, 28)} ({end - start})"))
        for axes in panels:
            axes.plot([start, end], [1, 1], color=shade, linewidth=3, solid_capstyle="butt", clip_on=False)
            axes.lines[-1].set_transform(axes.get_xaxis_transform())
    figure.legend(handles=bands, fontsize=7, frameon=False, ncols=3, loc="outside upper left")


def reliability(probability: Mapping[str, np.ndarray], label: Mapping[str, np.ndarray], bins: int = 10) -> Figure:
    """Predicted probability against the observed share, a panel an attribute; on the diagonal they agree.

    Pale bars show how many samples each interval holds, on a scale of their own.

    Args:
        probability: p(attribute = 1) of each sample, (N,) for each attribute.
        label: what is true, 0 or 1, (N,) each; NaN where it is unknown.
        bins: how many intervals of equal width the probabilities are sorted into.
    """
    figure, grid = panels(len(probability))
    for axes, (name, predicted) in zip(grid, probability.items(), strict=True):
        known = np.isfinite(label[name])
        mean, share, count = binned(predicted[known], label[name][known], bins)
        dress(axes, clipped(name, 30), "predicted probability", "observed share")
        axes.bar((np.floor(mean * bins) + 0.5) / bins, 0.3 * count / max(count, default=1), 0.9 / bins, color=PALE)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=":")
        axes.plot(mean, share, "o-", color=colour(1), markersize=4, linewidth=1.3)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    name_outside(grid, ticks=True)
    return figure


def binned(predicted: np.ndarray, observed: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of what is true and count, (B,) each, of the intervals that hold any of (N,)."""
    box = np.minimum((predicted * bins).astype(int), bins - 1)
    count = np.bincount(box, minlength=bins)
    filled = count > 0
    sums = (np.bincount(box, values, bins)[filled] for values in (predicted, observed))
    mean, share = (total / count[filled] for total in sums)
    return mean, share, count[filled]


def edit_curves(
    strengths: Sequence[float], curves: Mapping[str, Mapping[str, np.ndarray]], chosen: Sequence[float]
) -> Figure:
    """Scores of edits against their strength, a panel an attribute; a dotted line where the strength was chosen.

    Args:
        strengths: (S,) that were tried.
        curves: by attribute and score, (S,).
        chosen: a strength for each attribute.
    """
    figure, grid = panels(len(curves))
    for axes, (name, scores), strength in zip(grid, curves.items(), chosen, strict=True):
        dress(axes, name, "strength")
        axes.axvline(strength, color=FAINT, linewidth=1, linestyle=":")
        for i, (title, values) in enumerate(scores.items()):
            axes.plot(strengths, values, ".-", color=colour(i), linewidth=1.3, markersize=5, label=title)
        axes.set_ylim(0, 1.02)
    handles, titles = grid[0].get_legend_handles_labels()
    figure.legend(handles, titles, fontsize=7, frameon=False, loc="outside upper left", ncols=len(titles))
    return figure
