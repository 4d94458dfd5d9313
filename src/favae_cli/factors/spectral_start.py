"""Where the sweeps begin: a spectral start from the pooled second moment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from favae_cli.factors.linalg import EngineError, symmetrize
from favae_cli.factors.model import PRIOR_SHAPE, FactorModel, Gamma, ViewFactors
from favae_cli.factors.moments import Moments, offsets

WEAKEST_FACTOR = 1e-3  # of the leading eigenvalue's share by dimension: no factor starts at nothing
SMALLEST_NOISE = 0.5  # share of a view's variance; from a start without noise, sweeps hardly find any


def spectral_start(
    moments: Moments, factors: int, seed: int = 0, copies: Mapping[str, float] | None = None
) -> FactorModel:
    """W from the leading eigenvectors of the pooled covariance, scaled by sqrt(eigenvalue - mean of the rest).

    Every view enters with the same total variance, whatever its size and scale: a view of three attributes beside
    an image of a hundred dimensions would otherwise be left out of the leading eigenvectors.

    Args:
        moments: of the embeddings.
        factors: K; no more than the stacked embedding size can be used.
        seed: of the small jitter that keeps factors with equal eigenvalues apart.
        copies: by view, as how many copies of itself it counts; 1 where not given.

    Raises:
        EngineError: a view's embedding is not finite, or does not vary; names it.
    """
    covariance, mean, counts = pooled_covariance(moments)
    where = offsets(moments.sizes, tuple(moments.sizes))
    scale = np.empty(len(mean))
    for name, place in where.items():
        spread = np.trace(covariance[place, place])
        if not (np.isfinite(spread) and spread > 0):
            raise EngineError(f"view {name!r}: the variance of z is {spread}, not a positive number")
        scale[place] = np.sqrt(spread)
    values, vectors = np.linalg.eigh(symmetrize(covariance / np.outer(scale, scale)))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    factors = min(factors, len(mean))
    rest = values[factors:].mean() if factors < len(values) else 0.0
    strength = np.sqrt(np.maximum(values[:factors] - rest, WEAKEST_FACTOR * values[0] / len(values)))
    weights = vectors[:, :factors] * strength * scale[:, None]
    weights *= 1.0 + 1e-3 * np.random.default_rng(seed).standard_normal(weights.shape)
    views = {}
    for name, place in where.items():
        size, part = moments.sizes[name], weights[place]
        variance = float(np.trace(covariance[place, place])) / size
        left = variance - float((part**2).sum()) / size
        noise = max(left, SMALLEST_NOISE * variance)
        small = noise / counts[name]
        squares = (part**2).sum(axis=0) + size * small
        views[name] = ViewFactors(
            weights=part,
            weights_cov=small * np.eye(factors),
            bias=mean[place],
            bias_var=small,
            noise=_around(1.0 / noise, size * counts[name] / 2),
            ard=Gamma(PRIOR_SHAPE + size / 2, squares / 2),
            count=counts[name],
            usage=np.full(factors, float(counts[name])),
            variance=variance,
            copies=(copies or {}).get(name, 1.0),
        )
    return FactorModel(views)


def pooled_covariance(moments: Moments) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Covariance of the stacked views from whichever samples have both sides of a pair; 0 where none has.

    Returns:
        covariance (D, D), mean (D,), and N_m by view.
    """
    everything = tuple(moments.sizes)
    where = offsets(moments.sizes, everything)
    total = sum(moments.sizes.values())
    outer, pairs = np.zeros((total, total)), np.zeros((total, total))
    first, seen = np.zeros(total), np.zeros(total)
    counts = dict.fromkeys(everything, 0)
    for pattern, part in moments.patterns.items():
        index = np.concatenate([np.arange(total)[where[view]] for view in pattern])
        outer[np.ix_(index, index)] += part.outer + np.diag(part.variance)
        pairs[np.ix_(index, index)] += part.count
        first[index] += part.total
        seen[index] += part.count
        for view in pattern:
            counts[view] += part.count
    mean = first / np.maximum(seen, 1)
    covariance = np.where(pairs > 0, outer / np.maximum(pairs, 1) - np.outer(mean, mean), 0.0)
    return covariance, mean, counts


def _around(mean: float, shape: float) -> Gamma:
    """A Gamma with this mean and shape."""
    return Gamma(shape, np.asarray(shape / mean))
