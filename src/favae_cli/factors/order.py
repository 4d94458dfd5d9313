"""Which factor comes first, and which of its ends is up: the bound does not say, so a rule does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from favae_cli.factors.model import FactorModel


def in_order(model: FactorModel) -> FactorModel:
    """The same model with its factors by relevance, the first first, each with its longer tail of weights upward.

    Two fits that found the same factors then call them alike: the sign is that of the third moment of the weights,
    every view counted once, for which it takes more to turn than one weight that grows past another.
    """
    relevance = np.sum([*model.relevance.values()], axis=0)
    model = model.select(np.argsort(-relevance, kind="stable"))
    tail = sum(np.mean(view.standard_weights**3, axis=0) for view in model.views.values())
    sign = np.where(np.asarray(tail) < 0, -1.0, 1.0)
    return replace(
        model,
        views={
            name: replace(view, weights=view.weights * sign, weights_cov=view.weights_cov * np.outer(sign, sign))
            for name, view in model.views.items()
        },
    )
