"""What the model foretells of each view from the others, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset
from favae_cli.evaluation.prediction_figures import comparison
from favae_cli.evaluation.scores import score
from favae_cli.factors.embeddings import Embeddings
from favae_cli.models.fa_vae import FAVAE
from favae_cli.views import Encoded

FEW = 4  # views, up to which each is also predicted from each other one
FOLDS = 5  # of the entries of a view on its own


def predicted(
    model: FAVAE,
    data: Dataset,
    view: str,
    given: Sequence[str],
    split: str,
    encoded: Mapping[str, Encoded],
    most: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and E[x | the views `given`] of samples that have the view and at least one of those.

    Args:
        model: joined.
        data: with its split.
        view: to predict.
        given: others, the evidence.
        split: of the samples.
        encoded: q(z | x) of its samples, by view.
        most: samples at most, the first ones; all when None.

    Returns:
        (R, ...) each: as the data set stores it, and as `View.decode` gives it.
    """
    indices = data.split[split]
    known = np.any([data.views[name].present[indices] for name in given], axis=0)
    rows = np.flatnonzero(known & data.views[view].present[indices])[:most]
    truth = data.views[view].gather(indices[rows])
    if not len(rows):
        return truth, truth
    part = {name: encoded[name].at(rows) for name in given if name in encoded}
    return truth, model.predict(view, model.embeddings(data, indices[rows], part, given))


def from_itself(model: FAVAE, data: Dataset, view: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and E[x | the sample's other entries], (R, D) each, of a view whose z is inferred and that has no others.

    A fifth of the variables of each sample is hidden at a time.
    """
    part = data.views[view]
    truth = part.gather(data.having(split, view)).astype(float)
    sizes = part.groups or (1,) * truth.shape[1]
    fold = (np.arange(len(truth))[:, None] + np.repeat(np.arange(len(sizes)), sizes)) % FOLDS
    made = np.full_like(truth, np.nan)
    for hidden in (fold == number for number in range(FOLDS)):
        local = model.views[view].local(np.where(hidden, np.nan, truth))
        assert local is not None
        made[hidden] = model.predict(view, Embeddings({}, {}, {view: local}, (view,)))[hidden]
    return truth, made


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
    """`prediction_<view>`: what all other views foretell against the truth; `show` images or sequences, all of a table.

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
