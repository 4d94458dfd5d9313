"""Samples in the factors that tell most of a label, coloured by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset, ViewData
from favae_cli.data.dataset import measured_as, some
from favae_cli.evaluation.cards import correlations
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.given import Given
from favae_cli.queries.traverse import most_relevant
from favae_cli.reporting.table_figures import Colours, sample_map

SAMPLES, LABELS, PER_VIEW, CATEGORIES = 1500, 6, 2, 12  # at most
TOGETHER = 1024  # numbers that are looked at in one


class Label(NamedTuple):
    """A variable that samples are coloured by: (N,), NaN where it is not known; categories are whole numbers."""

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
    drawn = some(every, SAMPLES)
    shown: list[tuple[float, Colours]] = []
    for view in model.views:
        others = [name for name in model.views if name != view] or [view]
        labels = list(labels_of(data, view, drawn)) if _tell_by_themselves(data.views[view]) else []
        labels = [label for label in labels if len(label.categories) <= CATEGORIES]
        if not labels:
            continue
        here = np.any([data.views[name].present[drawn] for name in others], axis=0)
        latent = Given.of_samples(model, data, drawn[here], views=others).latents()
        told = _told(labels, latent, here)
        strength = np.sort(told, axis=1)[:, -2:].sum(axis=1)
        for place in np.argsort(-strength, kind="stable")[:PER_VIEW]:
            label = labels[place]
            one, other = np.sort(np.argsort(-told[place], kind="stable")[:2]).tolist()
            panel = label.name, (one, other), latent[:, [one, other]], label.values[here], label.categories
            shown.append((float(strength[place]), panel))
    chosen = [panel for _, panel in sorted(shown, key=lambda each: -each[0])][:LABELS]
    if not chosen:
        one, other = np.sort(most_relevant(model.joined, None, 2)).tolist()
        latent = Given.of_samples(model, data, drawn).latents()[:, [one, other]]
        chosen = [("all samples", (one, other), latent, np.full(len(latent), np.nan), ())]
    return {"map": sample_map(chosen)}


def _tell_by_themselves(view: ViewData) -> bool:
    """Whether each of its variables has a meaning of its own, as a bin of a spectrum has not."""
    return view.is_table and (measured_as(view) != "real" or view.kind == "real")


def labels_of(data: Dataset, name: str, indices: np.ndarray) -> Iterator[Label]:
    """What some samples can be coloured by: the categories, bits or numbers of a table."""
    view, table = data.views[name], observed_table(data, name, indices)
    for variable in view.variables:
        yield Label(variable.name, variable.codes(table), variable.categories)
    if not view.groups:
        categories = ("no", "yes") if measured_as(view) == "binary" else ()
        yield from (Label(title, table[:, place], categories) for place, title in enumerate(view.columns))


def _told(labels: Sequence[Label], latent: np.ndarray, here: np.ndarray) -> np.ndarray:
    """(L, K) how much each factor tells of labels: squared correlation, summed over the categories of some."""
    told = np.zeros((len(labels), latent.shape[1]))
    numbers = np.array([place for place, label in enumerate(labels) if not label.categories], int)
    for start in range(0, len(numbers), TOGETHER):
        some = numbers[start : start + TOGETHER]
        table = np.column_stack([labels[place].values[here] for place in some])
        told[some] = np.nan_to_num(np.square(correlations(table, latent)))
    for place, label in enumerate(labels):
        if label.categories:
            values = label.values[here, None]
            table = np.where(np.isnan(values), np.nan, values == np.arange(len(label.categories)))
            told[place] = np.nansum(np.square(correlations(table, latent)), axis=0)
    return told
