"""Samples in the factors that tell most of a label, coloured by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset
from favae_cli.data.dataset import blocks, measured_as
from favae_cli.evaluation.cards import correlations
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.given import Given
from favae_cli.queries.traverse import most_relevant
from favae_cli.reporting.table_figures import Colours, sample_map

SAMPLES, LABELS, PER_VIEW, CATEGORIES = 1500, 6, 2, 12  # at most


class Label(NamedTuple):
    """A variable that samples are coloured by: (N,), NaN where it is not known; categories are whole numbers."""

    view: str
    name: str
    values: np.ndarray
    categories: tuple[str, ...]


def map_pictures(model: FAVAE, data: Dataset) -> dict[str, Figure]:
    """`map`: of the labels that the factors tell most of, each with the two factors that do; or of none.

    A label's own view is not among those that say where the samples stand, unless there is no other.
    """
    if model.joined.factors < 2:
        return {}
    every = np.unique(np.concatenate([*data.split.values()]))  # splits may overlap
    drawn = np.sort(np.random.default_rng(0).permutation(every)[:SAMPLES])
    shown: list[tuple[str, float, Colours]] = []
    for view in model.views:
        others = [name for name in model.views if name != view] or [view]
        labels = list(_labels(data, view, drawn))
        if not labels:
            continue
        here = np.any([data.views[name].present[drawn] for name in others], axis=0)
        latent = Given.of_samples(model, data, drawn[here], views=others).latents()
        for label in labels:
            told = _told(label, latent, here)
            one, other = np.sort(np.argsort(-told, kind="stable")[:2]).tolist()
            panel = label.name, (one, other), latent[:, [one, other]]
            shown.append((view, float(np.sort(told)[-2:].sum()), (*panel, label.values[here], label.categories)))
    chosen = _chosen(shown)
    if not chosen:
        one, other = np.sort(most_relevant(model.joined, None, 2)).tolist()
        latent = Given.of_samples(model, data, drawn).latents()[:, [one, other]]
        chosen = [("all samples", (one, other), latent, np.full(len(latent), np.nan), ())]
    return {"map": sample_map(chosen)}


def _chosen(shown: list[tuple[str, float, Colours]]) -> list[Colours]:
    """The panels of the labels that are told best, `PER_VIEW` of a view and `LABELS` in all."""
    count: dict[str, int] = {}
    chosen = []
    for view, _, panel in sorted(shown, key=lambda each: -each[1]):
        count[view] = count.get(view, 0) + 1
        if count[view] <= PER_VIEW:
            chosen.append(panel)
    return chosen[:LABELS]


def _labels(data: Dataset, name: str, indices: np.ndarray) -> Iterator[Label]:
    """What the samples can be coloured by: categories, bits, and numbers."""
    view = data.views[name]
    if not view.is_table:
        return
    table = observed_table(data, name, indices)
    match measured_as(view):
        case "categorical":
            for variable in blocks(view.groups):
                names = [column.partition("=") for column in view.columns[variable]]
                if len(names) <= CATEGORIES:
                    known = ~np.isnan(table[:, variable]).any(axis=1)
                    values = np.where(known, np.nan_to_num(table[:, variable]).argmax(axis=1), np.nan)
                    yield Label(name, names[0][0], values, tuple(category for _, _, category in names))
        case "binary":
            for column, title in enumerate(view.columns):
                yield Label(name, title, table[:, column], ("no", "yes"))
        case "real" if view.kind == "real":  # those that have a meaning by themselves
            for column, title in enumerate(view.columns):
                yield Label(name, title, table[:, column], ())


def _told(label: Label, latent: np.ndarray, here: np.ndarray) -> np.ndarray:
    """(K,) how much each factor tells of a label: squared correlation, summed over the categories if it has any."""
    table = label.values[here, None]
    if label.categories:
        table = np.where(np.isnan(table), np.nan, table == np.arange(len(label.categories)))
    return np.nansum(np.square(correlations(table, latent)), axis=0)
