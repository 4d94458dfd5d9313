"""Where the embeddings of samples with and without a binary attribute lie: two Gaussians for each attribute.

Attributes do more to an embedding than shift it: a mouth that opens does so where the mouth is, in the colours that the
face has, so that the change hangs on the rest of the embedding. Of that, too, Gaussians with covariances of their own
know what is linear; the shortest way from one to another is the optimal transport between them. Attributes change one
after another: what one of them changes may hang on the others, and these are in the rest of the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from favae_cli.factors.linalg import few_threads, symmetrize

LEAST = 0.05  # variance in any direction, in that within all classes
SINGULAR = 1e-6  # of the largest variance in any direction; none is less
ODD = 0.01  # share of the samples without an attribute that may be as certain to have it as `sure` says


@dataclass(frozen=True)
class ClassGaussians:
    """N(m_j(v), S_j(v)) of an embedding of P dimensions, where attribute j of D has the value v and others vary.

    Mean and covariance are linear in the attribute:

        m_j(v) = centre + (v - rates_j) slopes_j,        S_j(v) = H_j (I + (v - rates_j) U_j diag(e_j) U_j^T) H_j

    where H_j H_j is the covariance of what j does not shift: that within all classes, and what other attributes shift.

    Attributes:
        rates: (D,) share of the samples that have each attribute.
        centre: (P,) mean of all.
        slopes: (D, P) what each attribute adds, the others held.
        together: (D, D) covariance of the attributes.
        within: (P, P) covariance of samples that have all attributes in common.
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
    together: np.ndarray
    within: np.ndarray
    directions: tuple[np.ndarray, ...]
    excess: tuple[np.ndarray, ...]
    sure: np.ndarray
    sure_of_all: np.ndarray

    def mean(self, column: int, value: float) -> np.ndarray:
        """(P,) m_j(v)."""
        return np.asarray(self.centre + (value - self.rates[column]) * self.slopes[column])

    def covariance(self, column: int, value: float | None = None) -> np.ndarray:
        """(P, P) S_j(v); H_j H_j, of any value, without one."""
        around = beside(self.within, self.slopes, self.together, column)
        if value is None or not len(self.excess[column]):
            return around
        root, directions = roots_of(around)[0], self.directions[column]
        own = np.eye(len(root)) + (directions * ((value - self.rates[column]) * self.excess[column])) @ directions.T
        if not above(own, LEAST):
            own = power(own, 1.0, LEAST)
        return root @ own @ root

    @few_threads()
    def moved(self, z: np.ndarray, attributes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """(N, P) where z goes, if samples with `attributes` are to lie as those with `wanted` do, (N, D) each.

        The way of each attribute that changes is the shortest on average: the optimal transport from one Gaussian to
        the other. Those that go go first, in an order that the way back reverses.
        """
        there, columns = np.array(z, np.float64), range(len(self.rates))
        steps = [(column, 1) for column in reversed(columns)] + [(column, 0) for column in columns]
        for column, value in steps:
            rows = np.flatnonzero((attributes[:, column] == value) & (wanted[:, column] == 1 - value))
            if len(rows):
                before, after = self.mean(column, value), self.mean(column, 1 - value)
                there[rows] = after + self._turned(there[rows] - before, column, value, 1 - value)
        return there

    @few_threads()
    def carried(self, z: np.ndarray, mean: np.ndarray, covariance: np.ndarray, attributes: np.ndarray) -> np.ndarray:
        """(N, P) where draws z from N(mean, covariance) go, if attributes (D,) did nothing but shift them."""
        there = self.centre + (attributes - self.rates) @ self.slopes
        return np.asarray(there + (z - mean) @ transport(covariance, self.within))

    @few_threads()
    def shaped(self, z: np.ndarray, attributes: np.ndarray) -> np.ndarray:
        """(N, P) where z goes that attributes (N, D) only have shifted, if they are to lie as samples with them do."""
        there = np.array(z, np.float64)
        for column, value in product(range(len(self.rates)), (0, 1)):
            rows = np.flatnonzero(attributes[:, column] == value)
            if len(rows):
                middle = self.mean(column, value)
                there[rows] = middle + self._turned(there[rows] - middle, column, None, value)
        return there

    def _turned(self, away: np.ndarray, column: int, before: float | None, after: float) -> np.ndarray:
        """(N, P) deviations from the mean where an attribute has one value, as they are where it has another."""
        if not len(self.excess[column]):
            return away
        return away @ transport(self.covariance(column, before), self.covariance(column, after))


@few_threads()
def class_gaussians(z: np.ndarray, attributes: np.ndarray, logits: np.ndarray) -> ClassGaussians:
    """From embeddings (N, P) of samples with attributes (N, D); NaN is not known, and counts as the mean.

    Both regressions, of z and of its products on the attributes, are least squares. Of the difference that the latter
    find between two covariances, what noise alone would make is left out (`_beyond_chance`).

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
    slopes, spread = contrast @ z, x.T @ x / len(x)
    rest = z - centre - x @ slopes
    within = rest.T @ rest / len(rest)
    directions: list[np.ndarray] = []
    excess: list[np.ndarray] = []
    for column, weights in enumerate(contrast):
        unshifted = z - centre - np.outer(x[:, column], slopes[column])
        white = unshifted @ roots_of(beside(within, slopes, spread, column))[1]
        own = _beyond_chance(white, weights)
        directions.append(own[0])
        excess.append(own[1])
    of_all = 1 - 0.5 ** (1 / attributes.shape[1])
    sure = _as_sure(attributes, logits, 0.5, 1 - ODD), _as_sure(attributes, logits, of_all)
    return ClassGaussians(rates, centre, slopes, spread, within, tuple(directions), tuple(excess), *sure)


def beside(within: np.ndarray, slopes: np.ndarray, together: np.ndarray, column: int) -> np.ndarray:
    """(P, P) covariance of what one attribute does not shift; the others as in `ClassGaussians`."""
    others = np.arange(len(slopes)) != column
    return np.asarray(within + slopes[others].T @ together[np.ix_(others, others)] @ slopes[others])


def _beyond_chance(white: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (P, R) and eigenvalues (R,) of sum_n weights_n white_n white_n^T, as far as they are not by chance.

    Noise makes the eigenvalues of what is there larger and turns their vectors away from it. A value v is best as
    sqrt(v^2 - e^2), where e is how far those of noise alone reach (Gavish and Donoho, "Optimal shrinkage of singular
    values", 2017: the least squared error). Where many have the attribute, that is as far as Wigner's semicircle. Where
    few have it, next to P, it is further, as far as Marchenko and Pastur's law: with n equal weights 1 / n, and 1 taken
    away, 2 sqrt(P / n) + P / n.
    """
    values, vectors = np.linalg.eigh((white * weights[:, None]).T @ white)
    size = white.shape[1]
    wigner = 2 * np.sqrt(np.square(weights).sum() * size)
    few = size * np.where(values > 0, max(weights.max(), 0.0), max(-weights.min(), 0.0))
    beyond = np.square(values) - np.square(wigner + few)
    keep = beyond > 0
    return vectors[:, keep], np.sign(values[keep]) * np.sqrt(beyond[keep])


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
    root, back = roots_of(source)
    return symmetrize(back @ power(root @ target @ root, 0.5, singular=SINGULAR**2) @ back)


def roots_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric matrix to the powers 1/2 and -1/2, as `power` gives them."""
    values, vectors = _eigen(matrix, 0.0, SINGULAR)
    return (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T


def power(matrix: np.ndarray, exponent: float, least: float = 0.0, singular: float = SINGULAR) -> np.ndarray:
    """A symmetric matrix (P, P) to a power, its eigenvalues held above `least` and `singular` times the largest."""
    values, vectors = _eigen(matrix, least, singular)
    return np.asarray((vectors * values**exponent) @ vectors.T)


def _eigen(matrix: np.ndarray, least: float, singular: float) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(symmetrize(matrix))
    return np.maximum(values, max(least, singular * values[-1], np.finfo(float).tiny)), vectors


def above(matrix: np.ndarray, least: float) -> bool:
    """Whether all eigenvalues of a symmetric matrix (P, P) are; to know that takes a tenth of the time to find them."""
    try:
        np.linalg.cholesky(matrix - least * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        return False
    return True
