"""One view predicted from the others, or from the rest of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from favae_cli.data import Dataset
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.views import Encoded, RealView, View

FOLDS = 5  # of the entries of a view on its own


def predicted(
    model: FAVAE,
    data: Dataset,
    view: str,
    given: Sequence[str],
    split: str,
    encoded: Mapping[str, Encoded],
    most: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Truth, E[x | the views `given`] and deviation of samples that have the view and at least one of those.

    Of columns that are modelled by their logarithms or ranks these are those of that scale.

    Args:
        model: joined.
        data: with its split.
        view: to predict.
        given: others, the evidence.
        split: of the samples.
        encoded: q(z | x) of its samples, by view.
        most: samples at most, the first ones; all when None.

    Returns:
        (R, ...) each: as the data set stores it, and as `View.decode` and `View.deviation` give it, but for that scale.
    """
    indices = data.split[split]
    rows = np.searchsorted(indices, data.having(split, view, any_of=given)[:most])
    truth = data.views[view].gather(indices[rows])
    if not len(rows):
        return truth, truth, None
    part = {name: encoded[name].at(rows) for name in given if name in encoded}
    return on_scale(model.views[view], truth), *_told(Given.of_samples(model, data, indices[rows], part, given), view)


def _told(given: Given, view: str) -> tuple[np.ndarray, np.ndarray | None]:
    z, part = given.predicted(view), given.model.views[view]
    assert z.variance is not None
    if isinstance(part, RealView) and part.is_transformed:
        return part.on_scale(z.mean, z.variance)
    return part.decode(z.mean, z.variance), part.deviation(z.mean, z.variance)


def on_scale(view: View, values: np.ndarray) -> np.ndarray:
    """Values of a view as the data set stores them, logarithms or ranks of columns that are modelled by these."""
    return view.scaled(values) if isinstance(view, RealView) else values


def from_itself(model: FAVAE, data: Dataset, view: str, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """As `predicted`, but from the sample's other entries: of a view whose z is inferred and that has no others.

    A fifth of the variables of each sample is hidden at a time.
    """
    part = data.views[view]
    truth = part.gather(data.having(split, view)).astype(float)
    sizes = part.groups or (1,) * truth.shape[1]
    fold = (np.arange(len(truth))[:, None] + np.repeat(np.arange(len(sizes)), sizes)) % FOLDS
    made, doubt = np.full((2, *truth.shape), np.nan)
    for hidden in (fold == number for number in range(FOLDS)):
        rest = Given.of_table(model, view, np.where(hidden, np.nan, truth))
        value, deviation = _told(rest, view)
        made[hidden] = value[hidden]
        if deviation is not None:
            doubt[hidden] = deviation[hidden]
    return on_scale(model.views[view], truth), made, None if np.isnan(doubt).all() else doubt
