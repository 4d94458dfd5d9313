"""One factor, or one dimension of z, changed at a time (paper's Fig. 14, A.16)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from favae_cli.factors import FactorModel
from favae_cli.queries.factor_reading import factor_use


def most_relevant(model: FactorModel, view: str | None, count: int) -> np.ndarray:
    """The factors that explain most of the embedding of `view`, or of all views together where that is None.

    The first first; fewer than `count` if fewer are left.
    """
    shares = model.relevance
    share = np.sum([*shares.values()], axis=0) if view is None else shares[view]
    return np.argsort(-share, kind="stable")[:count]


def most_used(mean: np.ndarray, count: int) -> np.ndarray:
    """The dimensions of z whose means (N, D) vary most between samples, the first first."""
    return np.argsort(-mean.var(axis=0), kind="stable")[:count]


def factor_name(model: FactorModel, factor: int, view: str) -> str:
    """What a row of a traversal is called: the factor, who uses it, and its relevance for the view."""
    return f"factor {factor}\n{factor_use(model, factor)}\nrelevance {model.relevance[view][factor]:.3f}"


def traversed(centre: np.ndarray, features: Sequence[int] | np.ndarray, spread: np.ndarray, steps: int) -> np.ndarray:
    """(F, steps, L) points around `centre` (L,), each with one feature changed.

    Args:
        features: F positions in `centre`.
        spread: (F,) how far each way.
        steps: odd to pass through the centre.
    """
    points = np.tile(centre, (len(features), steps, 1))
    for row, (feature, reach) in enumerate(zip(features, spread, strict=True)):
        points[row, :, feature] += np.linspace(-reach, reach, steps)
    return points
