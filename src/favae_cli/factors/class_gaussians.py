"""Where the embeddings of samples with given binary attributes lie: a Gaussian for every combination of attributes.

Attributes do more to an embedding than shift it: a mouth that opens does so where the mouth is, in the colours that the
face has, so that the change hangs on the rest of the embedding. Of that, too, Gaussians with covariances of their own
know what is linear; the shortest way from one to another is the optimal transport between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from favae_cli.factors.linalg import few_threads, symmetrize

LEAST = 0.05  # variance in any direction, in that within all classes
ODD = 0.01  # share of the samples without an attribute that may be as certain to have it as `sure` says


@dataclass(frozen=True)
class ClassGaussians:
    """N(m(a), S(a)) of an embedding of P dimensions, for each combination a of D binary attributes.

    Mean and covariance are linear in the attributes, so that combinations that are rare, or never seen, have theirs:

        m(a) = centre + (a - rates)^T slopes,        S(a) = H (I + sum_j (a_j - rates_j) U_j diag(e_j) U_j^T) H

    where H H is the covariance within all classes.

    Attributes:
        rates: (D,) share of the samples that have each attribute.
        centre: (P,) mean of all.
        slopes: (D, P) what each attribute adds.
        root: (P, P) H.
        directions, excess: for each attribute U_j (P, R_j) and e_j (R_j,), by which the covariances of those with it
            and of those without it differ beyond chance; none, for many.
        sure: (2, D) logit that an attribute is as it is, of samples that lack it and that have it: as certain as are
            half of them, and hardly any others.
        sure_of_all: (2, D) the same, but so that half of real samples are as certain of all D attributes at once, if
            these are independent.
    """

    rates: np.ndarray
    centre: np.ndarray
    slopes: np.ndarray
    root: np.ndarray
    directions: tuple[np.ndarray, ...]
    excess: tuple[np.ndarray, ...]
    sure: np.ndarray
    sure_of_all: np.ndarray

    def mean(self, attributes: np.ndarray) -> np.ndarray:
        """(N, P) m(a) of each row (N, D) of 0 and 1."""
        return self.centre + (attributes - self.rates) @ self.slopes

    def covariance(self, attributes: np.ndarray) -> np.ndarray:
        """(P, P) S(a) of one combination (D,)."""
        directions = np.hstack(self.directions)
        weights = np.repeat(attributes - self.rates, [len(part) for part in self.excess]) * np.hstack(self.excess)
        within = np.eye(len(self.root)) + (directions * weights) @ directions.T
        if not above(within, LEAST):
            within = power(within, 1.0, LEAST)
        return self.root @ within @ self.root

    @few_threads()
    def moved(self, z: np.ndarray, attributes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(N, P) where z goes, if samples with `attributes` are to lie as those with `wanted` do, (N, D) each.

        The way is the shortest on average: the optimal transport from one Gaussian to the other.
        """
        there, here = self.mean(wanted) + z - self.mean(attributes), None
        for rows, before, after in self._turned(attributes, wanted):
            if here is None or (before != here).any():
                here, roots = before, roots_of(self.covariance(before))
            turn = from_roots(*roots, self.covariance(after)) - np.eye(z.shape[1])
            there[rows] += (z[rows] - self.mean(before)) @ turn
        return there

    @few_threads()
    def carried(self, z: np.ndarray, mean: np.ndarray, covariance: np.ndarray, attributes: np.ndarray) -> np.ndarray:
        """(N, P) where draws z from N(mean, covariance) go, if they are to lie as samples with attributes (D,) do."""
        return self.mean(attributes) + (z - mean) @ transport(covariance, self.covariance(attributes))

    def _turned(
        self, attributes: np.ndarray, wanted: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows that go from one covariance to another, and the combinations (D,) of both; sorted by the first."""
        turning = np.array([len(excess) > 0 for excess in self.excess])
        pairs, kind = np.unique(np.stack([attributes, wanted], axis=1), axis=0, return_inverse=True)
        for number, (before, after) in enumerate(pairs):
            if (before != after)[turning].any():
                yield np.flatnonzero(kind.reshape(-1) == number), before, after


@few_threads()
def class_gaussians(z: np.ndarray, attributes: np.ndarray, logits: np.ndarray) -> ClassGaussians:
    """From embeddings (N, P) of samples with attributes (N, D); NaN is not known, and counts as the mean.

    Both regressions, of z and of its products on the attributes, are least squares. Of the difference that the latter
    find between two covariances, the eigenvalues are those of noise as far as `_beyond_chance` says; they all are
    smaller by so much.

    Args:
        logits: (N, D) what is believed of the attributes by z alone.
    """
    z, known = np.asarray(z, np.float64), np.isfinite(attributes)
    count = np.maximum(known.sum(axis=0), 1)
    rates = np.where(known, attributes, 0).sum(axis=0) / count
    x = np.where(known, attributes - rates, 0)
    x -= x.mean(axis=0)
    centre = z.mean(axis=0)
    contrast = np.linalg.pinv(x)  # (D, N): of any columns, what each attribute adds to them
    slopes = contrast @ z
    rest = z - centre - x @ slopes
    root, back = roots_of(rest.T @ rest / len(rest))
    white = rest @ back
    directions, excess = zip(*(_beyond_chance(white, weights) for weights in contrast), strict=True)
    together = 1 - 0.5 ** (1 / attributes.shape[1])
    sure = _as_sure(attributes, logits, 0.5, 1 - ODD), _as_sure(attributes, logits, together)
    return ClassGaussians(rates, centre, slopes, root, directions, excess, *sure)


def _beyond_chance(white: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (P, R) and eigenvalues (R,) of sum_n weights_n white_n white_n^T, less what they are by chance.

    Where many have the attribute, noise reaches as far as Wigner's semicircle. Where few have it, next to P, it reaches
    further, as far as Marchenko and Pastur's law: with n equal weights 1 / n, and 1 taken away, 2 sqrt(P / n) + P / n.
    """
    values, vectors = np.linalg.eigh((white * weights[:, None]).T @ white)
    size = white.shape[1]
    wigner = 2 * np.sqrt(np.square(weights).sum() * size)
    few = size * np.where(values > 0, max(weights.max(), 0.0), max(-weights.min(), 0.0))
    beyond = np.abs(values) - wigner - few
    keep = beyond > 0
    return vectors[:, keep], np.sign(values[keep]) * beyond[keep]


def _as_sure(attributes: np.ndarray, logits: np.ndarray, own: float, others: float | None = None) -> np.ndarray:
    """(2, D) logits that a share `own` of the samples of a class do not reach, nor a share `others` of those not of it.

    0 where nobody is of the class.
    """
    found = np.zeros((2, attributes.shape[1]))
    for column, (labels, told) in enumerate(zip(attributes.T, logits.T, strict=True)):
        for value, sign in ((0, -1), (1, 1)):
            parts = [(sign * told[labels == value], own)]
            parts += [] if others is None else [(sign * told[labels == 1 - value], others)]
            found[value, column] = max((np.quantile(part, share) for part, share in parts if len(part)), default=0.0)
    return found


def transport(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Symmetric T with T source T = target, (P, P) each: the optimal transport of N(0, source) to N(0, target).

    Source: Knott and Smith, "On the optimal mapping of distributions", 1984.
    """
    return from_roots(*roots_of(source), target)


def from_roots(root: np.ndarray, back: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`transport`, from what `roots_of` gives of the source."""
    return symmetrize(back @ power(root @ target @ root, 0.5) @ back)


def roots_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric matrix to the powers 1/2 and -1/2, as `power` gives them."""
    values, vectors = _eigen(matrix, 0.0)
    return (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T


def power(matrix: np.ndarray, exponent: float, least: float = 0.0) -> np.ndarray:
    """A symmetric matrix (P, P) to a power, its eigenvalues held above `least` and a millionth of the largest."""
    values, vectors = _eigen(matrix, least)
    return np.asarray((vectors * values**exponent) @ vectors.T)


def _eigen(matrix: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(symmetrize(matrix))
    return np.maximum(values, max(least, 1e-6 * values[-1], np.finfo(float).tiny)), vectors


def above(matrix: np.ndarray, least: float) -> bool:
    """Whether all eigenvalues of a symmetric matrix (P, P) are; to know that takes a tenth of the time to find them."""
    try:
        np.linalg.cholesky(matrix - least * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        return False
    return True
