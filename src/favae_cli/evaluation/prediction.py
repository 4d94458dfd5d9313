"""What the model predicts of each view from the others, beside the truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from favae_cli.common.pace import Pace
from favae_cli.config.scores import APART
from favae_cli.data import Dataset
from favae_cli.data.dataset import blocks
from favae_cli.evaluation.baselines import baseline_metrics
from favae_cli.evaluation.columns import Predicted, by_name, calibration, category_scores, column_scores
from favae_cli.evaluation.prediction_figures import comparison
from favae_cli.evaluation.scores import category_recalls, coverage, score
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.predict import from_itself, on_scale, predicted
from favae_cli.views import Encoded, RealView

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predictions:
    """What is to be said of every view as the others foretell it.

    Attributes:
        metrics: flat, as in metrics.json.
        tables: `columns`, `categories` and `calibration` (evaluation.columns), each view from all others; those that
            have a row.
        of_tables: what all others make of each view that is a table.
    """

    metrics: dict[str, float]
    tables: dict[str, pd.DataFrame]
    of_tables: dict[str, Predicted]


def prediction_metrics(model: FAVAE, data: Dataset, split: str, encoded: Mapping[str, Encoded]) -> dict[str, float]:
    """The `metrics` of `predictions` alone."""
    return predictions(model, data, split, encoded).metrics


def predictions(model: FAVAE, data: Dataset, split: str, encoded: Mapping[str, Encoded]) -> Predictions:
    """`predict/<view>/<score>` from all other views; of three or four views also `predict/<from>-<to>/<score>`.

    `predict/<score>` is the mean over the views of which it is the first score: R2, AUC, accuracy or F1, by kind of
    data. `predict/mean`, which ranks runs, has one measure for all: the share of the variance that is foretold, R2 of
    numbers and images and Brier's skill of bits and categories; only where there is nothing but texts is it their F1.
    `coverage` is that of the 90 % intervals of numbers. Of categories there is also
    `predict/<view>/<category>/recall`, and `predict/<view>/<variable>/balanced_accuracy`. What no sample of the split
    can show is left out, which the log says. A view that has no other is predicted from its own entries.

    Args:
        model: joined.
        data: with its split.
        split: which one is scored.
        encoded: q(z | x) of its samples, by view.
    """
    metrics: dict[str, float] = {}
    first: dict[str, list[float]] = {}
    shares: list[float] = []
    of_tables: dict[str, Predicted] = {}
    tables: dict[str, list[pd.DataFrame]] = {"columns": [], "categories": [], "calibration": []}
    pace = Pace()
    for view in model.views:
        for way, given in ways(view, [*model.views]).items():
            if pace.due():
                logger.info("evaluation: predicting %s", way.replace("-", " to "))
            part, found = scored(model, data, view, given, split, encoded)
            if way == view and given and data.views[view].is_table:
                of_tables[view] = part
            if not found:
                logger.info(
                    "%s: no score: the %s samples that have both do not differ", way.replace("-", " to "), split
                )
            metrics |= {f"predict/{way}/{name}": value for name, value in found.items()}
            if way == view and found:
                name, value = next(iter(found.items()))
                first.setdefault(name, []).append(value)
                shares += [found[name] for name in ("r2", "brier_skill") if name in found]
                metrics |= _recalls(view, part)
                for name, table in zip(tables, (column_scores, category_scores, calibration), strict=True):
                    tables[name].append(table(view, part))
    shares = shares or [value for values in first.values() for value in values]
    if shares:
        metrics["predict/mean"] = float(np.mean(shares))
    metrics |= {f"predict/{name}": float(np.mean(values)) for name, values in first.items()}
    return Predictions(metrics, by_name(tables), of_tables)


def scored(
    model: FAVAE, data: Dataset, view: str, given: Sequence[str], split: str, encoded: Mapping[str, Encoded]
) -> tuple[Predicted, dict[str, float]]:
    """A view as others foretell it, or its own entries where none is given, and its scores, if it has any."""
    part = Predicted(
        data.views[view],
        *(predicted(model, data, view, given, split, encoded) if given else from_itself(model, data, view, split)),
    )
    found = score(part.view, part.truth, part.made) if len(part.truth) else {}
    if found and part.deviation is not None:
        covered = coverage(part.truth, part.made, part.deviation)
        found |= {"coverage": covered} if np.isfinite(covered) else {}
    return part, found


def ways(view: str, views: Sequence[str]) -> dict[str, list[str]]:
    """By what metrics call it, the views from which one is predicted: all others, and of a few each by itself."""
    others = [name for name in views if name != view]
    each = {f"{name}-{view}": [name] for name in others} if len(views) in APART else {}
    return {view: others} | each


def prediction_baselines(model: FAVAE, data: Dataset, split: str) -> dict[str, float]:
    """Beside each of `prediction_metrics` what could be said without the model, as `baseline_metrics` has it."""
    found = {way: (view, given) for view in model.views for way, given in ways(view, [*model.views]).items()}
    return baseline_metrics(data_on_scale(model, data), found, split)


def data_on_scale(model: FAVAE, data: Dataset) -> Dataset:
    """The data with logarithms or ranks in place of columns that the model sees so, for others to do the same."""
    views = {
        name: replace(view, values=on_scale(model.views[name], view.values), kind="real")
        for name, view in data.views.items()
        if isinstance(model.views.get(name), RealView)
    }
    return replace(data, views={**data.views, **views})


def _recalls(name: str, part: Predicted) -> dict[str, float]:
    """Of each category that occurs, and their mean of each variable; a slash would split the name of the metric."""
    view, parts = part.view, blocks(part.view.groups)
    found = category_recalls(part.truth, part.made, parts) if parts else np.array([])
    columns = [column.replace("/", "_") for column in view.columns]
    scores = {f"{column}/recall": value for column, value in zip(columns, found, strict=False)}
    for variable in view.variables:
        if np.isfinite(own := found[variable.block]).any():
            scores[f"{variable.name.replace('/', '_')}/balanced_accuracy"] = np.nanmean(own)
    return {f"predict/{name}/{key}": float(value) for key, value in scores.items() if np.isfinite(value)}


def prediction_pictures(
    model: FAVAE,
    data: Dataset,
    split: str,
    encoded: Mapping[str, Encoded],
    show: int,
    of_tables: Mapping[str, Predicted] | None = None,
) -> dict[str, Figure]:
    """`prediction_<view>`: what all other views predict against the truth; `show` images or sequences, all of a table.

    Texts have no figure.

    Args:
        model, data, split, encoded: as of `predictions`.
        show: samples of what is no table.
        of_tables: what `predictions` found, if it was asked; it is not predicted again.
    """
    pictures = {}
    for view in model.views:
        part = data.views[view]
        others = [name for name in model.views if name != view]
        most = None if part.is_table else show
        found = (of_tables or {}).get(view)
        if found is None:
            found = Predicted(part, *predicted(model, data, view, others, split, encoded, most))
        columns = seen.titles(part.columns) if isinstance(seen := model.views[view], RealView) else part.columns
        figure = comparison(found._replace(view=replace(part, columns=columns))) if len(found.truth) else None
        if figure is not None:
            pictures[f"prediction_{view}"] = figure
    return pictures
