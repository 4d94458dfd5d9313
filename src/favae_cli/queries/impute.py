"""What is missing of samples, made of what they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples
from favae_cli.views import BernoulliView, Encoded, RealView, SequenceView


def embedding_of(samples: Samples, given: Given, name: str) -> Encoded:
    """z of a view as far as it is known: what the factors predict, or the sample's own where it has an encoder.

    Args:
        samples: that have the view in part, or lack it.
        given: all their views.
        name: of the view.
    """
    embedding = given.predicted(name)
    if name in given.encoded:
        assert embedding.variance is not None
        own, seen = samples.data.views[name].present[samples.indices], given.encoded[name]
        embedding.mean[own] = seen.mean[own]
        embedding.variance[own] = 0.0 if seen.variance is None else seen.variance[own]
    return embedding


def made_of(model: FAVAE, samples: Samples, embedding: Encoded, name: str) -> Made:
    """What is known and what is made of a table, of texts or of sequences."""
    view = model.views[name]
    known, missing = known_of(samples, name)
    rows = np.flatnonzero(missing.reshape(len(missing), -1).any(axis=1))
    part = embedding.at(rows)
    assert part.variance is not None
    assert embedding.variance is not None

    def everywhere(some: np.ndarray) -> np.ndarray:
        whole = np.zeros((len(missing), *some.shape[1:]), some.dtype)
        whole[rows] = some
        return whole

    value, deviation = view.decode(part.mean, part.variance), view.deviation(part.mean, part.variance)
    if isinstance(view, SequenceView):
        # A sample's own sequence goes on to its last step that was seen, whatever the decoder makes of its length.
        own = samples.data.views[name].present[samples.indices[rows]]
        z = part.at(own)
        assert deviation is not None
        assert z.variance is not None
        value[own] = view.decode(z.mean, ended=False)
        deviation[own] = view.deviation(z.mean, z.variance, ended=False)

    def interval(level: float) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(view, RealView):
            assert part.variance is not None
            low, high = view.interval(part.mean, part.variance, level)
        else:
            reach = ndtri(0.5 + level / 2) * (np.nan if deviation is None else deviation)
            low, high = value - reach, value + reach
        return everywhere(low), everywhere(high)

    return Made(
        name,
        known,
        missing,
        everywhere(value),
        None if deviation is None else everywhere(deviation),
        (view.logits(embedding.mean), embedding.variance) if isinstance(view, BernoulliView) else None,
        interval,
        _labels(samples, name),
    )


def _labels(samples: Samples, name: str) -> dict[str, np.ndarray]:
    """What the file says of variables whose rare categories are merged, (R,) each; anything where it says nothing."""
    data = samples.data.views[name]
    row = data.row[samples.indices]
    return {variable: labels[row] for variable, labels in data.labels.items() if len(labels)}


def known_of(samples: Samples, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What the samples have of a view, and what is missing of it, as in `Made`."""
    data = samples.data.views[name]
    here = data.present[samples.indices]
    if data.is_text:
        texts = np.full(len(here), "", dtype=object)
        texts[here] = data.gather(samples.indices[here])
        return texts, ~here
    known = observed_table(samples.data, name, samples.indices)
    missing = np.isnan(known)
    if data.is_sequence:
        # What comes after the last step that was seen is past the end, unless nothing was seen.
        seen = ~missing.all(axis=2)
        within = np.flip(np.maximum.accumulate(np.flip(seen, axis=1), axis=1), axis=1)
        missing &= (within | ~here[:, None])[:, :, None]
    return known, missing


@dataclass(frozen=True)
class Made:
    """What a model says of one view, beside what is known of it, for R samples.

    Attributes:
        view: its name.
        known: (R, ...) as the data set stores it, NaN where it is missing; of texts, "" where the sample has none.
        missing: (R, ...) what of it is to be made.
        value: (R, ...) as `View.decode` gives it; anything where nothing is missing.
        deviation: (R, ...) as `View.deviation` gives it; None where it has no meaning.
        logit: mean and variance (R, D) of the logits of a binary view that has them.
        interval: of a table of numbers, the ends (R, D) each between which they lie with a probability, as asked for;
            anything where nothing is missing.
        labels: by variable of which rare categories are merged, (R,) what the file says where it is known.
    """

    view: str
    known: np.ndarray
    missing: np.ndarray
    value: np.ndarray
    deviation: np.ndarray | None
    logit: tuple[np.ndarray, np.ndarray] | None
    interval: Callable[[float], tuple[np.ndarray, np.ndarray]]
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
