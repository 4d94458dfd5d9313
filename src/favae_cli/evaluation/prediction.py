"""What the model predicts of each view from the others, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset
from favae_cli.evaluation.prediction_figures import comparison
from favae_cli.evaluation.scores import score
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.predict import from_itself, predicted
from favae_cli.views import Encoded

FEW = 4  # views, up to which each is also predicted from each other one


def prediction_metrics(model: FAVAE, data: Dataset, split: str, encoded: Mapping[str, Encoded]) -> dict[str, float]:
    """`predict/<view>/<score>` from all other views; of up to four views also `predict/<from>-<to>/<score>`.

    `predict/mean` is the mean over the views of the first of their scores: R2, AUC, accuracy or F1, by kind of data.
    What no sample of the split can show is left out. A view that has no other is predicted from its own entries.

    Args:
        model: joined.
        data: with its split.
        split: which one is scored.
        encoded: q(z | x) of its samples, by view.
    """
    metrics: dict[str, float] = {}
    first = []
    for view in model.views:
        others = [name for name in model.views if name != view]
        sources = {view: others}
        if len(model.views) <= FEW:
            sources |= {f"{name}-{view}": [name] for name in others}
        for way, given in sources.items():
            truth, made = (
                predicted(model, data, view, given, split, encoded) if given else from_itself(model, data, view, split)
            )
            found = score(data.views[view], truth, made) if len(truth) else {}
            metrics |= {f"predict/{way}/{name}": value for name, value in found.items()}
            if way == view and found:
                first.append(next(iter(found.values())))
    return metrics | {"predict/mean": float(np.mean(first))} if first else metrics


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
