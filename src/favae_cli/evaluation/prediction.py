"""What the model predicts of each view from the others, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset, ViewData
from favae_cli.data.dataset import blocks
from favae_cli.evaluation.baselines import baseline_metrics
from favae_cli.evaluation.prediction_figures import comparison
from favae_cli.evaluation.scores import category_recalls, score
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.predict import from_itself, predicted
from favae_cli.views import Encoded

FEW = 4  # views, up to which each is also predicted from each other one


def prediction_metrics(model: FAVAE, data: Dataset, split: str, encoded: Mapping[str, Encoded]) -> dict[str, float]:
    """`predict/<view>/<score>` from all other views; of up to four views also `predict/<from>-<to>/<score>`.

    `predict/<score>` is the mean over the views of which it is the first score: R2, AUC, accuracy or F1, by kind of
    data; `predict/mean` is the mean over all of them, which ranks runs and means nothing else. Of categories there is
    also `predict/<view>/<category>/recall`. What no sample of the split can show is left out. A view that has no other
    is predicted from its own entries.

    Args:
        model: joined.
        data: with its split.
        split: which one is scored.
        encoded: q(z | x) of its samples, by view.
    """
    metrics: dict[str, float] = {}
    first: dict[str, list[float]] = {}
    for view in model.views:
        for way, given in ways(view, [*model.views]).items():
            truth, made = (
                predicted(model, data, view, given, split, encoded) if given else from_itself(model, data, view, split)
            )
            found = score(data.views[view], truth, made) if len(truth) else {}
            metrics |= {f"predict/{way}/{name}": value for name, value in found.items()}
            if way == view and found:
                name, value = next(iter(found.items()))
                first.setdefault(name, []).append(value)
                metrics |= _recalls(view, data.views[view], truth, made)
    if first:
        metrics["predict/mean"] = float(np.mean([value for values in first.values() for value in values]))
    return metrics | {f"predict/{name}": float(np.mean(values)) for name, values in first.items()}


def ways(view: str, views: Sequence[str]) -> dict[str, list[str]]:
    """By what metrics call it, the views from which one is predicted: all others, and of few views each by itself."""
    others = [name for name in views if name != view]
    each = {f"{name}-{view}": [name] for name in others} if len(views) <= FEW else {}
    return {view: others} | each


def prediction_baselines(model: FAVAE, data: Dataset, split: str) -> dict[str, float]:
    """Beside each of `prediction_metrics` what could be said without the model, as `baseline_metrics` has it."""
    found = {way: (view, given) for view in model.views for way, given in ways(view, [*model.views]).items()}
    return baseline_metrics(data, found, split)


def _recalls(name: str, view: ViewData, truth: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Of each category that occurs; a slash would split the name of the metric."""
    found = category_recalls(truth, made, blocks(view.groups)) if view.groups else np.array([])
    columns = [column.replace("/", "_") for column in view.columns]
    return {
        f"predict/{name}/{column}/recall": float(value)
        for column, value in zip(columns, found, strict=False)
        if np.isfinite(value)
    }


def prediction_pictures(
    model: FAVAE, data: Dataset, split: str, encoded: Mapping[str, Encoded], show: int
) -> dict[str, Figure]:
    """`prediction_<view>`: what all other views predict against the truth; `show` images or sequences, all of a table.

    Texts have no figure.
    """
    pictures = {}
    for view in model.views:
        part = data.views[view]
        others = [name for name in model.views if name != view]
        most = None if part.is_table else show
        truth, made = predicted(model, data, view, others, split, encoded, most)
        figure = comparison(part, truth, made) if len(truth) else None
        if figure is not None:
            pictures[f"prediction_{view}"] = figure
    return pictures
