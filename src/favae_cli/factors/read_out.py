"""Columns read out of others by regression on training samples, where the map of a factor model says too little.

W is fitted to g given all views; of g given some it is not the best map to the rest, and it knows K directions alone.
Ridge regression has neither fault, but needs samples. A `ReadOut` mixes the two, by samples that neither has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, log_softmax, logit

from favae_cli.factors.categorical import softmax
from favae_cli.factors.linalg import few_threads

STRENGTHS = np.logspace(-3, 4, 29)  # of the ridge, in mean squares of a direction
SHARES = np.linspace(0, 1, 21)
STEPS = 200  # at most, where there is no closed form
NEAR = 1e-3  # of a standard deviation or nat, that the last step may change any mean
TINY = 1e-9


@dataclass(frozen=True)
class ReadOut:
    """D columns foretold from P others, and from what a factor model expects of the D; float32, as they are stored.

    Attributes:
        origin: (P,) mean of the others.
        maps: (P, D), or two maps by way of fewer than D dimensions.
        centre: (D,) what is foretold where the others are at their mean.
        variance: (D,) of real columns around what is foretold; 0 of logits.
        groups: of logits, how many columns are one variable: 1 of a binary one; empty of real columns.
        share: of the factor model in the mixture.
    """

    origin: np.ndarray
    maps: tuple[np.ndarray, ...]
    centre: np.ndarray
    variance: np.ndarray
    groups: tuple[int, ...] = ()
    share: float = 0.0

    def foretold(self, x: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """(N, D) means of real columns or logits.

        Args:
            x: (N, P) the others; NaN is the mean.
            expected: (N, D) by the factor model: means, or the probabilities of 1 or of each category.
        """
        return self._mixed(self._own(x), expected, self.share)

    def balanced(self, x: np.ndarray, expected: np.ndarray, y: np.ndarray) -> ReadOut:
        """The same with a share chosen by samples (N, ...), of which neither side has seen y (N, D).

        It is the least that foretells them as well as the best one does, within a standard error of the difference.
        Squared errors count in variances of their column, categories in nats.
        """
        own = self._own(x)
        losses = np.array([self._losses(self._mixed(own, expected, share), y) for share in SHARES])
        worse = losses - losses[losses.mean(axis=1).argmin()]
        as_good = worse.mean(axis=1) <= worse.std(axis=1) / np.sqrt(len(y))
        return replace(self, share=float(SHARES[np.argmax(as_good)]))

    def _own(self, x: np.ndarray) -> np.ndarray:
        return np.linalg.multi_dot([_centred(x, self.origin), *self.maps]) + self.centre

    def _mixed(self, own: np.ndarray, expected: np.ndarray, share: float) -> np.ndarray:
        if not self.groups:
            return (1 - share) * own + share * expected
        odds = _by_variable(np.clip(expected, TINY, 1 - TINY), self.groups, logit, np.log)
        return (1 - share) * own + share * odds

    def _losses(self, mean: np.ndarray, y: np.ndarray) -> np.ndarray:
        if not self.groups:
            varies = self.variance > TINY  # else any error at all would be endless
            return np.asarray(np.nansum(np.square(y - mean)[:, varies] / self.variance[varies], axis=1))
        sure = _by_variable(mean, self.groups, lambda z: z, lambda z: log_softmax(z, axis=0))
        ones = np.repeat(np.array(self.groups) == 1, self.groups)
        return -np.asarray(np.nansum(np.where(ones, y * sure - np.logaddexp(0, sure), y * sure), axis=1))


@few_threads()
def read_out(x: np.ndarray, y: np.ndarray, groups: Sequence[int] = ()) -> ReadOut:
    """Ridge or logistic regression of y on x, its penalty by generalised cross-validation of the linear one.

    One penalty serves all columns. Entries of y that are missing take no part: by expectation and maximisation for
    real columns, by the bound of Boehning (1992) on the curvature for logits; both are steps of the same form.

    Args:
        x: (N, P), in units in which their coefficients are alike; NaN is the mean.
        y: (N, D); NaN is missing. Of logits 0 and 1, or one-hot.
        groups: as in `ReadOut`.
    """
    origin = _means(x)
    axes, scores = _directions(_centred(x, origin))
    power = np.square(scores).sum(axis=0)
    seen, centre = ~np.isnan(y), _means(y)
    penalty = _penalty(scores, power, np.where(seen, y - centre, 0))
    if groups:
        centre, inside = _logistic(scores, power, y, seen, centre, penalty, tuple(groups))
        variance = np.zeros(y.shape[1])
    else:
        centre, inside, variance = _ridge(scores, power, y, seen, centre, penalty)
    (size, rank), columns = axes.shape, inside.shape[1]
    maps = (axes @ inside,) if size * columns <= rank * (size + columns) else (axes, inside)
    small = [part.astype(np.float32) for part in (origin, centre, variance, *maps)]
    return ReadOut(small[0], tuple(small[3:]), small[1], small[2], tuple(groups))


def _means(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.nansum(x, axis=0) / np.maximum((~np.isnan(x)).sum(axis=0), 1))


def _centred(x: np.ndarray, origin: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), 0, x - origin)


def _directions(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal directions (P, R) in which centred samples (N, P) vary, and their scores (N, R)."""
    if len(x) < x.shape[1]:
        power, left = np.linalg.eigh(x @ x.T)
        kept = power > TINY * max(power[-1], TINY)
        scores = left[:, kept] * np.sqrt(power[kept])
        return x.T @ (left[:, kept] / np.sqrt(power[kept])), scores
    power, axes = np.linalg.eigh(x.T @ x)
    axes = axes[:, power > TINY * max(power[-1], TINY)]
    return axes, x @ axes


def _penalty(scores: np.ndarray, power: np.ndarray, y: np.ndarray) -> float:
    """The ridge of least generalised cross-validation error, mean over the columns of y (N, D) in their variances."""
    varies = np.square(y).sum(axis=0) > 0
    if not len(power) or not varies.any():
        return 1.0
    total = np.square(y).sum(axis=0)[varies]
    along = np.square(scores.T @ y[:, varies]) / power[:, None]
    penalties = STRENGTHS * power.mean()
    left = penalties[:, None] / (power + penalties[:, None])
    residual = total - along.sum(axis=0) + np.square(left) @ along
    freedom = 1 + (1 - left).sum(axis=1)
    errors = np.mean(residual / total, axis=1) / np.maximum(1 - freedom / len(y), TINY) ** 2
    return float(penalties[np.argmin(errors)])


def _ridge(
    scores: np.ndarray, power: np.ndarray, y: np.ndarray, seen: np.ndarray, centre: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intercepts (D,), coefficients (R, D), and the variance (D,) of samples that were not learned from."""
    count = np.maximum(seen.sum(axis=0), 1)
    squares = np.where(seen, np.square(y - centre), 0).sum(axis=0) / count
    made = np.broadcast_to(centre, y.shape)
    for _ in range(STEPS):
        filled, before = np.where(seen, y, made), made
        centre = filled.mean(axis=0)
        inside = (scores.T @ (filled - centre)) / (power + penalty)[:, None]
        made = centre + scores @ inside
        if seen.all() or np.max(np.abs(made - before) / np.sqrt(np.maximum(squares, TINY))) < NEAR:
            break
    freedom = np.minimum((1 + np.sum(power / (power + penalty))) / count, 0.9)
    left = np.where(seen, np.square(y - made), 0).sum(axis=0) / count / (1 - freedom) ** 2
    return centre, inside, np.maximum(left, TINY * squares)


def _logistic(
    scores: np.ndarray,
    power: np.ndarray,
    y: np.ndarray,
    seen: np.ndarray,
    rate: np.ndarray,
    penalty: float,
    groups: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Intercepts (D,) and coefficients (R, D) of largest penalised likelihood."""
    rate = np.clip(rate, 1 / (2 * len(y)), 1 - 1 / (2 * len(y)))
    design = np.c_[np.ones(len(y)), scores]  # the scores are centred, so all of its columns are orthogonal
    curvature = np.r_[len(y), power][:, None] * np.repeat(np.where(np.array(groups) == 1, 0.25, 0.5), groups)
    # A squared error of x counts 1 in the linear regression, and its curvature here; the intercept is free.
    weight = penalty * rate * (1 - rate) * np.r_[0.0, np.ones(len(power))][:, None]
    found = np.zeros((design.shape[1], y.shape[1]))
    found[0] = _by_variable(rate[None], groups, logit, np.log)[0]
    ahead, before = found, design @ found
    for step in range(STEPS):
        error = y - _by_variable(design @ ahead, groups, expit, softmax)
        last, found = found, ahead + (design.T @ np.where(seen, error, 0) - weight * ahead) / (curvature + weight)
        made = design @ found
        if np.max(np.abs(made - before)) < NEAR:
            break
        # Nesterov's momentum: with rare classes the bound on the curvature is loose, and plain steps are short.
        ahead, before = found + step / (step + 3) * (found - last), made
    return found[0], found[1:]


def _by_variable(
    values: np.ndarray,
    groups: tuple[int, ...],
    binary: Callable[[np.ndarray], np.ndarray],
    several: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """(N, D) with the columns of each variable changed: those of one column by `binary`, others by `several`.

    They are given (C, V, N) of the V variables of C columns.
    """
    found, ends, sizes = np.empty(values.shape), np.cumsum(groups), np.array(groups)
    for size in sorted(set(groups)):
        place = np.arange(-size, 0)[:, None] + ends[sizes == size]
        found.T[place] = (binary if size == 1 else several)(values.T[place])
    return found
