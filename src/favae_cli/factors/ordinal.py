"""Ordered levels: one predictor a variable, and thresholds between the levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from favae_cli.factors.moments import Total

STEPS = 30  # of the search for thresholds, at most: the next one goes on from where it ended


class CumulativeLogit:
    """p(level <= j | eta) = sigmoid(thresholds_j - eta) (McCullagh, 1980) for x of levels 0 to L - 1.

    With a and b the thresholds above and below less eta, log p = log sigmoid(a) + log sigmoid(-b) +
    log(1 - exp(b - a)), whose last term does not hang on eta: the curvature sigmoid'(a) + sigmoid'(b) is at most 1/2.

    The thresholds are learned. Their prior is worth half a sample of each level at eta = 0, so that a level which no
    training sample has keeps a place.

    Args:
        thresholds: of each of the D columns, (L - 1,) in ascending order.
    """

    curvature = 0.5

    def __init__(self, thresholds: Sequence[np.ndarray]) -> None:
        self.thresholds = [np.asarray(part, np.float64) for part in thresholds]

    def log_density(self, x: np.ndarray, eta: np.ndarray) -> float:
        """As the protocol has it."""
        found = 0.0
        for column, cuts in enumerate(self.thresholds):
            seen = ~np.isnan(x[:, column])
            found += float(_log_probability(cuts, x[seen, column].astype(int), eta[seen, column]).sum())
        return found

    def gradient(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """How far eta is from where the level is the most probable, in -1 to 1."""
        found = np.full_like(eta, np.nan)
        for column, cuts in enumerate(self.thresholds):
            seen = ~np.isnan(x[:, column])
            below, above = _around(cuts, x[seen, column].astype(int))
            found[seen, column] = expit(below - eta[seen, column]) - expit(eta[seen, column] - above)
        return found

    def curving(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """sigmoid' at the two thresholds around the level, summed."""
        found = np.full_like(eta, np.nan)
        for column, cuts in enumerate(self.thresholds):
            seen = ~np.isnan(x[:, column])
            apart = [cut - eta[seen, column] for cut in _around(cuts, x[seen, column].astype(int))]
            found[seen, column] = sum(expit(one) * expit(-one) for one in apart)
        return found

    def improve(self, x: np.ndarray, eta: np.ndarray, total: Total) -> None:
        """The thresholds of the highest posterior, given eta of all samples."""
        for column, cuts in enumerate(self.thresholds):
            seen = ~np.isnan(x[:, column])
            level, predictor = x[seen, column].astype(int), eta[seen, column]
            self.thresholds[column] = _best(cuts, level, predictor, total)

    def log_prior(self) -> float:
        """Of the thresholds."""
        return sum(_log_prior(cuts) for cuts in self.thresholds)


def level_probabilities(cuts: np.ndarray, mean: np.ndarray, variance: np.ndarray, nodes: int = 21) -> np.ndarray:
    """(R, L) p(level) for eta ~ N(mean, variance), (R,) each, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    eta = mean[:, None] + np.sqrt(variance)[:, None] * points
    cumulative = expit(cuts - eta[:, :, None])
    edges = np.zeros((*eta.shape, 1))
    each = np.diff(np.concatenate([edges, cumulative, edges + 1], axis=2), axis=2)
    found: np.ndarray = np.tensordot(each, weights / weights.sum(), axes=(1, 0))
    return found


def first_thresholds(counts: np.ndarray) -> np.ndarray:
    """(L - 1,) those that give levels as often as they occur where eta is 0, with half a sample more of each."""
    share = np.cumsum(counts + 0.5)[:-1] / np.sum(counts + 0.5)
    return np.log(share) - np.log1p(-share)


def _around(cuts: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The thresholds below and above each level; infinite at the ends."""
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    return edges[level], edges[level + 1]


def _log_probability(cuts: np.ndarray, level: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """(R,) log p(level | eta)."""
    below, above = _around(cuts, level)
    return log_expit(above - eta) + log_expit(eta - below) + np.log(-np.expm1(below - above))


def _log_prior(cuts: np.ndarray) -> float:
    levels = np.arange(len(cuts) + 1)
    return 0.5 * float(_log_probability(cuts, levels, np.zeros(len(levels))).sum())


def _best(cuts: np.ndarray, level: np.ndarray, eta: np.ndarray, total: Total) -> np.ndarray:
    """The thresholds that maximise the likelihood of the levels times the prior; `cuts` if no better are found.

    The search is over the first one and the logarithms of the steps to the next, which keeps them in order.
    """
    levels = np.arange(len(cuts) + 1)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        found = _unfolded(flat)
        prior = _terms(found, levels, np.zeros(len(levels)))
        summed = -(0.5 * prior + total(_terms(found, level, eta)))
        by_cut = summed[1:]
        later = np.cumsum(by_cut[::-1])[::-1]  # a step moves all thresholds after it
        return float(summed[0]), np.concatenate([later[:1], later[1:] * np.exp(flat[1:])])

    start = np.concatenate([cuts[:1], np.log(np.diff(cuts))])
    result = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return _unfolded(result.x) if result.fun < loss(start)[0] else cuts


def _unfolded(flat: np.ndarray) -> np.ndarray:
    """The thresholds from the first and the logarithms of the steps between them."""
    return flat[0] + np.concatenate([[0.0], np.cumsum(np.exp(flat[1:]))])


def _terms(cuts: np.ndarray, level: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """The sum of log p(level | eta), and its gradient by the thresholds, (L,)."""
    below, above = _around(cuts, level)
    apart = np.expm1(above - below)  # infinite at the ends, where the threshold beyond is none
    by_above, by_below = expit(eta - above) + 1 / apart, -expit(below - eta) - 1 / apart
    size = len(cuts) + 1
    gradient = np.bincount(level, by_above, size)[:-1] + np.bincount(level, by_below, size)[1:]
    return np.concatenate([[_log_probability(cuts, level, eta).sum()], gradient])
