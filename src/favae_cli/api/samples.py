"""Arrays in memory as the samples of a data set: to train on, or for a model that is trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from favae_cli.api.annotated import is_annotated, views_of
from favae_cli.api.kinds import as_learned, kinds_of
from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.common.random_streams import numpy_generator
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.choices import DataConfig
from favae_cli.config.data_base import Kind
from favae_cli.config.own_files import CategoricalData, ManifestConfig
from favae_cli.data import Dataset, ViewData
from favae_cli.data.cells import Cells
from favae_cli.data.kinds import judge
from favae_cli.data.sets.arrays import as_view
from favae_cli.queries.given import Given
from favae_cli.queries.impute import embedding_of, made_of
from favae_cli.queries.samples import Samples
from favae_cli.training.trained_run import TrainedRun, empty_view

logger = logging.getLogger(__name__)

VALIDATION = 0.1  # share of the samples that only say when to stop
FEWEST = 3  # samples: two to train on, and one to say when to stop


def views_to_fit(
    X: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, ViewData], dict[str, Kind]]:
    """The views of X and their kinds.

    Args:
        X: by view, what the user gives.
        sections: by view, what the user says of it.

    Raises:
        UserError: a mistake in either, or a sample without any view.
    """
    cells = _cells(X)
    count = len(next(iter(cells.values())))
    if count < FEWEST:
        raise UserError(f"X: has {count} samples; it takes at least {FEWEST}")
    kinds, cells = kinds_of(cells, sections)
    views = {name: as_view(name, part, kinds[name]) for name, part in cells.items()}
    nothing = ~np.any([view.present for view in views.values()], axis=0)
    if nothing.any():
        raise UserError(
            f"X: sample {np.flatnonzero(nothing)[0]} has none of the views {', '.join(views)}; leave it out"
        )
    return views, kinds


def training_data(views: Mapping[str, ViewData], kinds: Mapping[str, Kind], seed: int) -> Dataset:
    """The views with a split that the seed draws.

    Raises:
        UserError: a view of which the training samples tell nothing, or hardly one of them has two views.
    """
    count = len(next(iter(views.values())).row)
    order = numpy_generator(seed, "validation").permutation(count)
    held_out = max(round(VALIDATION * count), 1)
    split = {
        "train": np.sort(order[held_out:]),
        "validation": np.sort(order[:held_out]),
        "test": np.array([], np.int64),
    }
    for name, view in views.items():
        for note in judge(view, kinds[name], split["train"], f"X[{name!r}]"):
            logger.info("%s: %s", name, note)
    data = Dataset("arrays", np.arange(count).astype(str), dict(views), split)
    if len(data.in_company("train")) < 2:
        raise UserError(f"X: hardly a sample has two of the views {', '.join(views)}, so there is nothing to join")
    return data


def kinds_of_run(run: TrainedRun) -> dict[str, Kind]:
    """What the data of each view of its model are."""
    kinds = run.config.data.kinds()
    return {name: kinds[run.config.sources[name]] for name in run.model.views}


def samples_of(X: Mapping[str, Any], run: TrainedRun) -> Samples:
    """X as samples that the model of a run can take; they lack the views that X does not give.

    Raises:
        UserError: a mistake in X, or what the model has not learned.
    """
    cells, kinds = _cells(X), kinds_of_run(run)
    for name in cells:
        if name not in kinds:
            raise UserError(f"X: the model has no view {name!r}; {did_you_mean(name, kinds)}")
    count = len(next(iter(cells.values())))
    views: dict[str, ViewData] = {}
    for name, kind in kinds.items():
        like = run.views[name]
        if name in cells:
            part, merges = as_learned(cells[name], like), _merges(run.config.data, run.config.sources[name])
            views[name] = as_view(name, part, kind, like, merges=merges)
        else:
            views[name] = empty_view(like, count)
    indices = np.arange(count)
    return Samples(Dataset("arrays", indices.astype(str), views, {"test": indices}), indices)


def _merges(section: DataConfig, source: str) -> bool:
    """Whether a run may have made one category of rare ones; a fit on arrays does not keep whether it did."""
    view = section.views[source] if isinstance(section, ManifestConfig) else None
    return not isinstance(view, CategoricalData) or view.most is not None


def _cells(X: Mapping[str, Any]) -> dict[str, Cells]:
    """By view, all of the same number of samples."""
    if is_annotated(X):
        X = views_of(X)
    if not isinstance(X, Mapping) or not X:
        raise UserError(
            f"X: must be a dict of views such as {{'face': images, 'age': numbers}}, got {type(X).__name__}"
        )
    cells = {name: Cells.of(name, given) for name, given in _in_one_order(X).items()}
    counts = {name: len(part) for name, part in cells.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UserError(f"X: all views must have the same number of samples, but {told}")
    if 0 in counts.values():
        raise UserError("X: has no samples")
    return cells


def _in_one_order(X: Mapping[str, Any]) -> dict[str, Any]:
    """The views, pandas tables among them with their rows as `_index` has them.

    Raises:
        UserError: as that, or arrays beside tables of different orders, which could be in the order of either.
    """
    frames = _frames(X)
    if all(frame.index.equals(other.index) for frame in frames.values() for other in [*frames.values()][:1]):
        return dict(X)
    index = _index(frames)
    for name in X.keys() - frames.keys():
        first, *others = frames
        raise UserError(
            f"X[{name!r}]: has no index, but X[{first!r}] and X[{others[0]!r}] have theirs in different orders; give "
            "all in one order"
        )
    return {name: frame.reindex(index) for name, frame in frames.items()}


def names_of(X: Mapping[str, Any]) -> pd.Index:
    """What the N samples of X are called: as its pandas tables have it, else by their number from 0."""
    views = views_of(X) if is_annotated(X) else X
    frames = _frames(views)
    return _index(frames) if frames else pd.RangeIndex(len(Cells.of("X", next(iter(views.values())))))


def _frames(X: Mapping[str, Any]) -> dict[str, pd.DataFrame | pd.Series]:
    return {name: given for name, given in X.items() if isinstance(given, pd.DataFrame | pd.Series)}


def _index(frames: Mapping[str, pd.DataFrame | pd.Series]) -> pd.Index:
    """The samples of all tables: those of the first in its order, then those that only later ones have.

    Raises:
        UserError: names come twice, or two tables of numbered rows, or without a common sample, have others.
    """
    first = next(iter(frames))
    index = frames[first].index
    for name, frame in frames.items():
        own = frame.index
        if own.equals(index):
            continue
        numbered = any(pd.api.types.is_numeric_dtype(each) for each in (index, own))
        alike = len(own) == len(index) and own.isin(index).all()
        if not (index.is_unique and own.is_unique and own.isin(index).any()) or (numbered and not alike):
            raise UserError(
                f"X[{name!r}]: its index names other samples than that of X[{first!r}]; give both one index, as by "
                ".reindex(), which leaves a row of NaN where a sample lacks the view"
            )
        index = index.append(own[~own.isin(index)])
    return index


@dataclass(frozen=True)
class Filled:
    """One view of N samples as far as it is known, and what a model makes of the rest.

    Attributes:
        value: (N, ...) as `View.decode` gives it.
        deviation: standard deviations in its shape and units, 0 where it is known; None where they have no meaning.
        complete: whether all of it is known.
    """

    value: np.ndarray
    deviation: np.ndarray | None
    complete: bool


def filled(samples: Samples, given: Given, name: str) -> Filled:
    """A view of the samples, its gaps filled with what all their views predict.

    Args:
        samples: that have it in part, or lack it.
        given: all their views.
        name: of the view.
    """
    part = samples.data.views[name]
    embedding = embedding_of(samples, given, name)
    if part.is_image:
        lacking = ~part.present
        value = np.empty((len(lacking), *part.shape), np.float32)
        value[~lacking] = unit(part.values)
        value[lacking] = given.model.views[name].decode(embedding.mean[lacking])
        return Filled(value, None, not lacking.any())
    made = made_of(given.model, samples, embedding, name)
    value = np.where(made.missing, made.value, made.known)
    deviation = made.deviation
    if deviation is not None:  # past the end of a sequence there is nothing to be unsure of
        deviation = np.where(made.missing, deviation, np.where(np.isnan(made.known), np.nan, 0.0))
    return Filled(value, deviation, not made.missing.any())
