"""Holes at random in data that are complete: for trying out what can be said of what is missing."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.kinds import judge
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.split import split_indices

if TYPE_CHECKING:
    from favae_cli.config.data_sets import CompleteConfig, HolesConfig


def uniform(name: str, shape: int | tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers in [0, 1) from a stream of their own, so that those of no other name shift them."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())]).random(shape)


def hidden_rows(samples: int, views: Iterable[str], missing: Mapping[str, float], seed: int) -> dict[str, np.ndarray]:
    """For each view the row of each sample, -1 where it is hidden; whoever would lose all views keeps one."""
    names = list(views)
    margin = np.stack([uniform(f"missing {name}", samples, seed) - missing.get(name, 0.0) for name in names])
    present = margin >= 0
    present[margin.argmax(axis=0), np.arange(samples)] = True
    return {name: np.where(kept, np.arange(samples), -1) for name, kept in zip(names, present, strict=True)}


def with_holes(views: Mapping[str, ViewData], holes: HolesConfig, seed: int) -> dict[str, ViewData]:
    """Hide some of the views and of the entries.

    Args:
        views: complete, row n of each is sample n. A variable of categories is hidden as one entry.
        holes: shares of both.
        seed: of the choice.

    Returns:
        The views in the same order; each sample still has an entry of one of them.
    """
    samples = len(next(iter(views.values())).row)
    rows = hidden_rows(samples, views, dict.fromkeys(views, holes.views), seed)
    margins = []
    for name, view in views.items():
        share = holes.entries if view.is_table else 0.0
        margin = uniform(f"entries {name}", (samples, len(_entries(view))), seed) - share
        margins.append(np.where(rows[name][:, None] >= 0, margin, -np.inf))
    margin = np.concatenate(margins, axis=1)
    shown = margin >= 0
    shown[np.arange(samples), margin.argmax(axis=1)] = True
    parts = np.split(shown, np.cumsum([part.shape[1] for part in margins])[:-1], axis=1)
    return {name: _hide(view, rows[name], part) for (name, view), part in zip(views.items(), parts, strict=True)}


def _entries(view: ViewData) -> tuple[int, ...]:
    """How many columns each entry of a sample takes; what is no table is one entry."""
    return view.groups or (1,) * (len(view.columns) if view.is_table else 1)


def _hide(view: ViewData, row: np.ndarray, shown: np.ndarray) -> ViewData:
    """The view without the entries that are not `shown`, bool (N, entries)."""
    if not view.is_table:
        return replace(view, row=row)
    values = np.where(np.repeat(shown, _entries(view), axis=1), view.values, np.nan)
    return masked_view(values, view.columns, view.groups)


def dataset_with_holes(name: str, views: Mapping[str, ViewData], config: CompleteConfig) -> Dataset:
    """The data set of complete `views` that `config` asks for; the tables' true values are in its `truth`, by view.

    Raises:
        UserError: a column that tells the training samples nothing, for so much is hidden.
    """
    samples, kinds = len(next(iter(views.values())).row), config.kinds()
    split = split_indices(samples, config.split, seed=config.seed)
    shown = with_holes(views, config.missing, config.seed)
    shown = {view: data for view, data in shown.items() if config.use is None or view in config.use}
    notes = [
        f"{view}: {line}"
        for view, data in shown.items()
        for line in judge(data, kinds[view], split["train"], "data.missing")
    ]
    truth = {view: views[view].values for view, data in shown.items() if data.is_table and _has_holes(data)}
    keys = np.array([f"{name}-{index:04d}" for index in range(samples)])
    return Dataset(name, keys, shown, split, truth, tuple(notes))


def _has_holes(view: ViewData) -> bool:
    return not view.present.all() or bool(np.isnan(view.values).any())
