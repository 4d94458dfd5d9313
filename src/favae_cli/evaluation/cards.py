"""A card for each factor: what it does to every view, what it goes with, and who has most and least of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from favae_cli.common.pixels import unit
from favae_cli.data import Dataset
from favae_cli.models.fa_vae import observed_table
from favae_cli.queries.factor_reading import Reading, factor_use
from favae_cli.queries.traverse import most_relevant, traversed
from favae_cli.reporting.panels import HIGH, LOW, WIDTH, Panel, panel, strip
from favae_cli.reporting.style import INK, blank, dress
from favae_cli.reporting.table import clipped

EXTREMES = 6  # samples at each end
COMPANIONS = 6  # columns at most
KEY = 14  # characters of a sample's key
CHANCE = 2.0  # standard errors of the correlation of what is independent, below which a column is not named


class Companion(NamedTuple):
    """A column that a factor goes with: its correlation with <g_k> over so many samples."""

    view: str
    column: str
    correlation: float
    samples: int


@dataclass(frozen=True)
class Card:
    """What is to be known of one factor.

    Attributes:
        factor: its number.
        use: who uses it, as of `factor_use`.
        relevance: by view, the share of the embedding's variance.
        at: (S,) places along it, in standard deviations.
        decoded: by view that uses it, what it decodes to at each of them while all other factors stay 0, (S, ...).
        companions: the columns of tables that it goes with, the strongest first.
        lowest, highest: indices of the samples that have least and most of it, the utmost first.
        scores: <g_k> by index, of these samples.
    """

    factor: int
    use: str
    relevance: dict[str, float]
    at: np.ndarray
    decoded: dict[str, np.ndarray]
    companions: list[Companion]
    lowest: np.ndarray
    highest: np.ndarray
    scores: dict[int, float]


def factor_cards(reading: Reading, count: int, reach: float, steps: int) -> list[Card]:
    """Cards of the factors that are most relevant to all views together, the first first; of none that is unused.

    Args:
        reading: the samples that they are read from.
        count: cards at most.
        reach: how far a card goes along its factor each way, in standard deviations.
        steps: places along it, its ends included.
    """
    model = reading.model.joined
    used = np.any([*model.active.values()], axis=0)
    order = most_relevant(model, None, model.factors)
    chosen = order[used[order]][:count]
    at = np.linspace(-reach, reach, steps)
    moves = traversed(np.zeros(model.factors), chosen, np.full(len(chosen), reach), steps)
    companions = _companions(reading, chosen)
    cards = []
    for place, factor in enumerate(chosen.tolist()):
        scores = reading.latent[:, factor]
        ranked = np.argsort(scores, kind="stable")
        lowest, highest = ranked[:EXTREMES], ranked[::-1][:EXTREMES]
        cards.append(
            Card(
                factor,
                factor_use(model, factor),
                {name: float(share[factor]) for name, share in model.relevance.items()},
                at,
                {
                    name: view.decode(moves[place] @ model.weights[name].T + model.views[name].bias)
                    for name, view in reading.model.views.items()
                    if model.active[name][factor]
                },
                companions[place],
                reading.indices[lowest],
                reading.indices[highest],
                {int(reading.indices[row]): float(scores[row]) for row in (*lowest, *highest)},
            )
        )
    return cards


def _companions(reading: Reading, chosen: np.ndarray) -> list[list[Companion]]:
    """For each of the factors, the columns of all tables that go with it beyond chance."""
    found: list[list[Companion]] = [[] for _ in chosen]
    for name, view in reading.data.views.items():
        if name not in reading.sums or not view.is_table:
            continue
        table = observed_table(reading.data, name, reading.indices)
        samples = (~np.isnan(table)).sum(axis=0)
        for column, row in enumerate(correlations(table, reading.latent[:, chosen])):
            for factor, correlation in enumerate(row):
                if correlation**2 * samples[column] > CHANCE**2:
                    companion = Companion(name, view.columns[column], float(correlation), int(samples[column]))
                    found[factor].append(companion)
    return [sorted(each, key=lambda companion: -abs(companion.correlation))[:COMPANIONS] for each in found]


def correlations(table: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """(D, F) Pearson correlation of each column of (N, D) with each of (N, F) over its entries that are not NaN.

    NaN where either is constant.
    """
    seen = ~np.isnan(table)
    count = np.maximum(seen.sum(axis=0), 1)[:, None]
    # From its least value on, a constant column is exactly 0.
    known = np.where(seen, table - np.min(table, axis=0, where=seen, initial=np.inf), 0)
    centred = np.where(seen, known - known.sum(axis=0) / count[:, 0], 0)
    latent = latent - latent.mean(axis=0)
    # The centred column sums to 0 over what is seen, so that the other's mean there drops out of the product.
    spread = seen.T @ latent**2 - (seen.T @ latent) ** 2 / count
    scale = np.sqrt(np.sum(centred**2, axis=0)[:, None] * np.maximum(spread, 0))
    return np.divide(centred.T @ latent, scale, out=np.full(scale.shape, np.nan), where=scale > 0)


def panels_of(data: Dataset) -> dict[str, Panel]:
    """How each view of the data is shown; without those that no sample has."""
    return {name: panel(view) for name, view in data.views.items() if view.present.any()}


def card_record(card: Card, data: Dataset, panels: dict[str, Panel]) -> dict[str, Any]:
    """The card in numbers and words, as JSON."""
    changes = {name: panels[name].told(decoded) for name, decoded in card.decoded.items() if name in panels}

    def samples(indices: np.ndarray) -> list[dict[str, Any]]:
        return [{"key": str(data.keys[index]), "score": card.scores[int(index)]} for index in indices]

    return {
        "factor": card.factor,
        "use": card.use,
        "relevance": card.relevance,
        "reach": float(card.at[-1]),
        "changes": {name: told for name, told in changes.items() if told},
        "goes_with": [companion._asdict() for companion in card.companions],
        "highest": samples(card.highest),
        "lowest": samples(card.lowest),
    }


def card_picture(card: Card, data: Dataset, panels: dict[str, Panel]) -> Figure:
    """The card as one picture: a traversal a view; below, what goes with the factor and the samples at its ends."""
    shown = [name for name in card.decoded if name in panels]
    heights = [*(panels[name].height for name in shown), 2.4]
    figure = blank(WIDTH, 0.5 + sum(heights))
    figure.suptitle(clipped(f"Factor {card.factor}: {card.use}", 90), fontsize=11, color=INK, x=0.01, ha="left")
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=[1.0, 1.4])
    for row, name in enumerate(shown):
        axes = figure.add_subplot(grid[row, :])
        panels[name].draw(axes, card.decoded[name], card.at)
        title = f"{name}: {100 * card.relevance[name]:.1f} % of its embedding"
        axes.set_title(title, loc="left", fontsize=9, color=INK)
    _goes_with(figure.add_subplot(grid[-1, 0]), card.companions)
    ends = grid[-1, 1].subgridspec(2, 1)
    _samples(figure.add_subplot(ends[0]), "highest", card.highest, card, data)
    _samples(figure.add_subplot(ends[1]), "lowest", card.lowest, card, data)
    return figure


def card_pictures(reading: Reading, count: int, reach: float, steps: int) -> dict[str, Figure]:
    """`factor_cards` by name: factor_000 for factor 0."""
    panels = panels_of(reading.data)
    cards = factor_cards(reading, count, reach, steps)
    return {card_name(card): card_picture(card, reading.data, panels) for card in cards}


def card_name(card: Card) -> str:
    """Name of the picture."""
    return f"factor_{card.factor:03d}"


def _goes_with(axes: Axes, companions: list[Companion]) -> None:
    dress(axes, "goes with", "correlation")
    if not companions:
        axes.set_axis_off()
        axes.text(0, 0.9, "no column of a table", transform=axes.transAxes, fontsize=8, color=INK)
        return
    values = np.array([companion.correlation for companion in companions])
    names = [clipped(f"{companion.view}: {companion.column}", 40) for companion in companions]
    axes.barh(range(len(values)), values, height=0.5, color=np.where(values < 0, LOW, HIGH))
    axes.set_yticks(range(len(values)), names)
    axes.set(xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1), ylim=(COMPANIONS - 0.4, -0.6))
    axes.axvline(0, color=INK, linewidth=0.6)


def _samples(axes: Axes, title: str, indices: np.ndarray, card: Card, data: Dataset) -> None:
    """Some samples by name, and as images of the view that the factor matters most to; blank where one lacks it."""
    keys = [_key(data.keys[index]) for index in indices]
    images = [name for name, view in data.views.items() if view.is_image and view.present.any()]
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    if images:
        view = data.views[max(images, key=lambda name: card.relevance[name])]
        lacking = np.ones(view.shape, np.float32)
        strip(axes, [unit(view.gather(index)) if view.present[index] else lacking for index in indices], keys)
        axes.tick_params(labelsize=5)
        return
    axes.set_axis_off()
    for place, (key, index) in enumerate(zip(keys, indices, strict=True)):
        text, across = f"{key} ({card.scores[int(index)]:+.1f})", EXTREMES // 2
        axes.text((place % across) / across, 0.8 - 0.3 * (place // across), text, fontsize=8, color=INK)


def _key(key: Any) -> str:
    """The end of a key that is long, which is where file names differ."""
    text = str(key)
    return text if len(text) <= KEY else "..." + text[3 - KEY :]
