"""Where the sweeps begin: a spectral start from the pooled second moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.gamma import PRIOR_SHAPE, Gamma
from favae_cli.factors.linalg import EngineError, symmetrize
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import Moments, Pattern, PatternMoments, offsets
from favae_cli.factors.second_moment import Rows, Square

WEAKEST_FACTOR = 1e-3  # of the leading eigenvalue's share by dimension: no factor starts at nothing
LEAST_UNIQUE = 1e-4  # share of its variance, of a column that is all told by others
SMALLEST_NOISE = 0.5  # share of a view's variance; from a start without noise, sweeps hardly find any


def spectral_start(
    moments: Moments,
    factors: int,
    seed: int = 0,
    copies: Mapping[str, float] | None = None,
    noise: Mapping[str, Curvature] | None = None,
) -> FactorModel:
    """W from the leading eigenvectors of the pooled covariance, scaled by sqrt(eigenvalue - mean of the rest).

    Every view enters with the same total variance, whatever its size and scale: a view of three attributes beside
    an image of a hundred dimensions would otherwise be left out of the leading eigenvectors.

    Args:
        moments: of the embeddings.
        factors: K; no more than the stacked embedding size, or than there are samples, can be used.
        seed: of the small jitter that keeps factors with equal eigenvalues apart.
        copies: by view, as how many copies of itself it counts; 1 where not given.
        noise: by view whose noise is not inferred, what it is.

    Raises:
        EngineError: a view's embedding is not finite, or does not vary; names it.
    """
    where = offsets(moments.sizes, tuple(moments.sizes))
    counts, mean, variance = _by_dimension(moments)
    scale = np.empty(len(mean))
    for name, place in where.items():
        spread = variance[place].sum()
        if not (np.isfinite(spread) and spread > 0):
            raise EngineError(f"view {name!r}: the variance of z is {spread}, not a positive number")
        scale[place] = np.sqrt(spread)
    values, vectors, rest = leading(moments, mean, variance, scale, factors)
    factors = len(values)
    strength = np.sqrt(np.maximum(values - rest, WEAKEST_FACTOR * values[0] / len(scale)))
    weights = vectors * strength * scale[:, None]
    weights *= 1.0 + 1e-3 * np.random.default_rng(seed).standard_normal(weights.shape)
    views = {}
    for name, place in where.items():
        size, part = moments.sizes[name], weights[place]
        spread = float(variance[place].sum()) / size
        left = spread - float((part**2).sum()) / size
        noisy = max(left, SMALLEST_NOISE * spread)
        small = noisy / counts[name]
        squares = (part**2).sum(axis=0) + size * small
        views[name] = ViewFactors(
            weights=part,
            weights_cov=small * np.eye(factors),
            bias=mean[place],
            bias_var=small,
            noise=(noise or {}).get(name) or _around(1.0 / noisy, size * counts[name] / 2),
            ard=Gamma(PRIOR_SHAPE + size / 2, squares / 2),
            count=counts[name],
            usage=np.full(factors, float(counts[name])),
            variance=variance[place],
            copies=(copies or {}).get(name, 1.0),
        )
    return FactorModel(views)


def leading(
    moments: Moments, mean: np.ndarray, variance: np.ndarray, scale: np.ndarray, factors: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """The K leading eigenvalues (K,) and eigenvectors (D, K) of the scaled pooled covariance, and the mean of the rest.

    Where dimensions outnumber samples, all that the means <z> vary by lies in the space that the samples span, and
    is looked at there: no array is (D, D), and K is no larger than that space.

    Args:
        mean, variance: (D,) of each dimension.
        scale: (D,) by which each is divided.
        factors: K that is wanted.
    """
    blocks = _blocks(moments, scale)
    covariance = pooled_covariance(moments, mean / scale, scale, blocks)
    values, vectors = np.linalg.eigh(symmetrize(covariance))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    factors = min(factors, len(values))
    beyond = max(float(np.sum(variance / scale**2) - np.trace(covariance)), 0.0)  # of Var z, outside of that space
    rest = (float(values[factors:].sum()) + beyond) / max(len(scale) - factors, 1)
    whole = np.empty((len(scale), factors))
    for block in blocks:
        whole[block.columns] = block.back(vectors[block.place, :factors])
    return values[:factors], whole, rest


@dataclass(frozen=True)
class Block:
    """Views that the same samples have, and the space in which they are looked at.

    Attributes:
        views: their names.
        columns: (D_b,) where they lie among all dimensions.
        basis: (D_b, R_b), orthonormal; None where it is the identity.
        place: where the block lies among the R dimensions of all of these spaces.
    """

    views: tuple[str, ...]
    columns: np.ndarray
    basis: np.ndarray | None
    place: slice

    def into(self, rows: np.ndarray) -> np.ndarray:
        """(..., D_b) to (..., R_b)."""
        return rows if self.basis is None else rows @ self.basis

    def back(self, vectors: np.ndarray) -> np.ndarray:
        """(R_b, C) to (D_b, C)."""
        return vectors if self.basis is None else self.basis @ vectors

    def diagonal(self, values: np.ndarray) -> np.ndarray:
        """(R_b, R_b), of the diagonal matrix of these values (D_b,)."""
        return np.diag(values) if self.basis is None else (self.basis.T * values) @ self.basis


def _blocks(moments: Moments, scale: np.ndarray) -> list[Block]:
    """All views, those together that come together."""
    where = offsets(moments.sizes, tuple(moments.sizes))
    together: dict[tuple[bool, ...], list[str]] = {}
    for view in moments.sizes:
        together.setdefault(tuple(view in pattern for pattern in moments.patterns), []).append(view)
    blocks, start = [], 0
    for views in together.values():
        columns = np.concatenate([np.r_[where[view]] for view in views])
        basis = _basis(moments, views, scale[columns])
        size = len(columns) if basis is None else basis.shape[1]
        blocks.append(Block(tuple(views), columns, basis, slice(start, start + size)))
        start += size
    return blocks


def _basis(moments: Moments, views: list[str], scale: np.ndarray) -> np.ndarray | None:
    """Of the space of the samples that have the views, if they are held one by one and fewer than the dimensions."""
    tables = []
    for pattern, part in moments.patterns.items():
        if views[0] in pattern:
            if isinstance(part.outer, Square):
                return None
            own = offsets(moments.sizes, pattern)
            tables.append(np.concatenate([part.outer.table[:, own[view]] for view in views], axis=1))
    if sum(map(len, tables)) >= len(scale):
        return None
    return np.linalg.qr((np.concatenate(tables) / scale).T)[0]


def unique_variances(moments: Moments, views: Iterable[str]) -> dict[str, np.ndarray]:
    """(D,) variance of each dimension of some views that a regression on all other dimensions leaves (Guttman, 1953).

    Those of the other views too, of the largest group of samples that have them together; 0 where one does not vary.

    Returns:
        By view, without those of which such samples are fewer than twice the dimensions, where a regression would
        explain what it should not.
    """
    counts = {pattern: part.count for pattern, part in moments.patterns.items()}
    largest = {
        view: max((own for own in counts if view in own), key=lambda own: counts[own], default=()) for view in views
    }
    left = {pattern: _unique(moments.patterns[pattern]) for pattern in dict.fromkeys(largest.values()) if pattern}
    return {
        view: variances[offsets(moments.sizes, pattern)[view]]
        for view, pattern in largest.items()
        if (variances := left.get(pattern)) is not None
    }


def _unique(part: PatternMoments) -> np.ndarray | None:
    """(D_p,) of all dimensions of a pattern, as `unique_variances` has them."""
    if part.count < 2 * len(part.total) or not isinstance(part.outer, Square):
        return None
    mean = part.total / part.count
    covariance = symmetrize(part.outer.table / part.count - np.outer(mean, mean)) + np.diag(part.variance / part.count)
    deviation = np.sqrt(np.maximum(covariance.diagonal(), 0.0))
    varies = deviation > 0
    scaled = covariance[np.ix_(varies, varies)] / np.outer(deviation[varies], deviation[varies])
    left = np.zeros(len(mean))
    left[varies] = 1 / np.linalg.inv(scaled + LEAST_UNIQUE * np.eye(len(scaled))).diagonal()
    return left * deviation**2


def pooled_covariance(moments: Moments, mean: np.ndarray, scale: np.ndarray, blocks: list[Block]) -> np.ndarray:
    """Covariance (R, R) of the scaled views from whichever samples have both sides of a pair; 0 where none has."""
    size = blocks[-1].place.stop
    outer, pairs, centre = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    for block in blocks:
        centre[block.place] = block.into(mean[block.columns])
    for pattern, part in moments.patterns.items():
        here = [block for block in blocks if block.views[0] in pattern]
        index = np.concatenate([np.r_[block.place] for block in here])
        outer[np.ix_(index, index)] += _within(moments, pattern, part, scale, here)
        pairs[np.ix_(index, index)] += part.count
    return np.where(pairs > 0, outer / np.maximum(pairs, 1) - np.outer(centre, centre), 0.0)


def _within(
    moments: Moments, pattern: Pattern, part: PatternMoments, scale: np.ndarray, blocks: list[Block]
) -> np.ndarray:
    """Sum of the scaled z z^T over the samples of one pattern, in the spaces of its blocks side by side."""
    own = offsets(moments.sizes, pattern)
    places = [np.concatenate([np.r_[own[view]] for view in block.views]) for block in blocks]
    scales = [scale[block.columns] for block in blocks]
    if isinstance(part.outer, Rows):
        tables = [
            block.into(part.outer.table[:, place] / by) for block, place, by in zip(blocks, places, scales, strict=True)
        ]
        outer = Rows(np.concatenate(tables, axis=1)).dense()
    else:
        index = np.concatenate(places)
        outer = Square(part.outer.table[np.ix_(index, index)]).scaled(1 / np.concatenate(scales)).table
    variances = [
        block.diagonal(part.variance[place] / by**2) for block, place, by in zip(blocks, places, scales, strict=True)
    ]
    return outer + block_diag(*variances)


def _by_dimension(moments: Moments) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    """N_m by view, and mean and variance (D,) of every dimension."""
    counts, means, variances = {}, [], []
    for view in moments.sizes:
        counts[view], total, squares, spread = moments.of_view(view)
        mean = total / max(counts[view], 1)
        means.append(mean)
        variances.append((squares + spread) / max(counts[view], 1) - mean**2)
    return counts, np.concatenate(means), np.concatenate(variances)


def _around(mean: float, shape: float) -> Gamma:
    """A Gamma with this mean and shape."""
    return Gamma(shape, np.asarray(shape / mean))
