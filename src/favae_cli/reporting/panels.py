"""Decoded values of any view in one axes: what moving along a factor does to it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from favae_cli.data import ViewData
from favae_cli.data.dataset import measured_as
from favae_cli.reporting.grids import GAP, montage
from favae_cli.reporting.style import FAINT, INK, colour, dress
from favae_cli.reporting.table import clipped, number
from favae_cli.views.standardise import Standard

WIDTH = 9.0  # inches of a panel
BARS = 8  # columns of a table, at most
LOW, HIGH = colour(0), colour(1)


class Panel:
    """How one view is shown.

    Args:
        view: tells names and standard deviations of the columns.

    Attributes:
        height: inches that it takes.
    """

    height = 1.2

    def __init__(self, view: ViewData) -> None:
        self.view = view

    def draw(self, axes: Axes, decoded: np.ndarray, at: np.ndarray) -> None:
        """Show the view as decoded at each of S places along a factor.

        Args:
            decoded: (S, ...) as of `View.decode`.
            at: (S,) the places, in standard deviations, the lowest first.
        """
        raise NotImplementedError

    def told(self, decoded: np.ndarray) -> list[dict[str, Any]]:
        """The same in numbers and words, a record each; none of what only a picture tells."""
        return []


def panel(view: ViewData) -> Panel:
    """What suits the kind of the view's data."""
    match measured_as(view):
        case "image":
            return _Strip(view)
        case "sequence":
            return _Lines(view)
        case "text":
            return _Words(view)
        case "binary" | "categorical":
            return _Bars(view, probabilities=True)
        case "real":
            return _Bars(view, probabilities=False)


class _Strip(Panel):
    """Images side by side."""

    height = 1.55

    def draw(self, axes: Axes, decoded: np.ndarray, at: np.ndarray) -> None:
        strip(axes, list(decoded), [_signed(place) for place in at])


class _Bars(Panel):
    """The columns that change most, each a bar from its value at the lowest place to that at the highest."""

    def __init__(self, view: ViewData, probabilities: bool) -> None:
        super().__init__(view)
        columns = view.shape[0]
        self.mean, self.scale = np.zeros(columns), np.ones(columns)
        if not probabilities:
            self.mean, self.scale = units(view.values)
        self.unit = "probability" if probabilities else "standard deviations from the mean"
        self.limits = (0.0, 1.0) if probabilities else (-1.0, 1.0)
        self.height = 0.75 + 0.2 * min(columns, BARS)

    def draw(self, axes: Axes, decoded: np.ndarray, at: np.ndarray) -> None:
        columns = self._most(decoded)
        low, high = ((decoded[end] - self.mean)[columns] / self.scale[columns] for end in (0, -1))
        dress(axes, x=f"{self.unit}; orange rises with the factor, blue falls")
        axes.barh(range(len(columns)), high - low, left=low, height=0.5, color=np.where(high < low, LOW, HIGH))
        axes.plot(high, range(len(columns)), "o", markersize=4, color=INK, clip_on=False)
        axes.set_yticks(range(len(columns)), [clipped(self.view.columns[c], 40) for c in columns])
        axes.set_ylim(len(columns) - 0.4, -0.6)
        ends = [*self.limits, *low, *high]
        axes.set_xlim(min(ends), max(ends))
        for row, column in enumerate(columns):
            text = f"{number(decoded[0, column])}  to  {number(decoded[-1, column])}"
            axes.text(1.01, row, text, transform=axes.get_yaxis_transform(), fontsize=7, color=INK, va="center")

    def told(self, decoded: np.ndarray) -> list[dict[str, Any]]:
        """The column, and its value at both ends."""
        return [
            {"column": self.view.columns[c], "low": float(decoded[0, c]), "high": float(decoded[-1, c])}
            for c in self._most(decoded)
        ]

    def _most(self, decoded: np.ndarray) -> np.ndarray:
        change = np.abs(decoded[-1] - decoded[0]) / self.scale
        return np.argsort(-change, kind="stable")[:BARS]


class _Lines(Panel):
    """The channel that changes most over time, a line for each place."""

    height = 1.8

    def __init__(self, view: ViewData) -> None:
        super().__init__(view)
        _, self.scale = units(view.values)

    def draw(self, axes: Axes, decoded: np.ndarray, at: np.ndarray) -> None:
        change = np.nansum(np.square((decoded[-1] - decoded[0]) / self.scale), axis=0)
        channel = int(change.argmax())
        dress(axes, x="step", y=self.view.columns[channel])
        shades = colormaps["coolwarm"]((at - at[0]) / (at[-1] - at[0]))
        for place, values, shade in zip(at, decoded[:, :, channel], shades, strict=True):
            ends = place in (at[0], at[-1])
            axes.plot(values, color=shade, linewidth=1.8 if ends else 0.9, label=_signed(place) if ends else None)
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


class _Words(Panel):
    """The text at both ends, and in the middle."""

    height = 1.1

    def draw(self, axes: Axes, decoded: np.ndarray, at: np.ndarray) -> None:
        axes.set_axis_off()
        for y, step in zip((0.85, 0.5, 0.15), (0, len(at) // 2, -1), strict=True):
            axes.text(0.0, y, _signed(at[step]), fontsize=7, color=FAINT, va="center")
            axes.text(0.05, y, textwrap.fill(_short(decoded[step]), 110), fontsize=8, color=INK, va="center")

    def told(self, decoded: np.ndarray) -> list[dict[str, Any]]:
        """The text at both ends."""
        return [{"low": str(decoded[0]), "high": str(decoded[-1])}]


def _signed(place: float) -> str:
    return f"{place:+.2g}" if place else "0"


def _short(text: str) -> str:
    return textwrap.shorten(text, 215, placeholder=" ...") or "(no words)"


def strip(axes: Axes, images: Sequence[np.ndarray], labels: Sequence[str]) -> None:
    """Images of one size, (H, W, C) each, side by side with a label below each."""
    height, width = images[0].shape[:2]
    scale = max(1, 128 // width)
    axes.imshow(montage([images], len(images), scale, height, width), interpolation="nearest")
    axes.set_anchor("W")
    axes.tick_params(length=0, labelsize=7, labelcolor=INK)
    axes.set_xticks((width * scale - 1) / 2 + (width * scale + GAP) * np.arange(len(images)), labels)
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def units(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, (P,) each, of the last axis of (R, ..., P); as `Standard` has them."""
    standard = Standard(values.shape[-1])
    standard.fit(values)
    return standard.mean.double().numpy(), standard.scale.double().numpy()
