"""Categorical variables: the logits of C categories are U eta, with C - 1 predictors that no common shift changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from scipy.linalg import helmert

from favae_cli.factors.moments import Total


@cache
def contrasts(categories: int) -> np.ndarray:
    """U (C, C - 1): orthonormal columns, each orthogonal to that of ones; not for writing to."""
    found = helmert(categories).T
    found.flags.writeable = False
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the first axis, of few categories: (C, ...) probabilities of (C, ...) finite logits, which become them."""
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits


def alike(groups: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each number C of categories, where the V variables that have so many lie, (C - 1, V), and U."""
    ends, sizes = np.cumsum([size - 1 for size in groups]), np.array(groups)
    return [(np.arange(1 - size, 0)[:, None] + ends[sizes == size], contrasts(size)) for size in sorted(set(groups))]


class Softmax:
    """p(category c | eta) = softmax(U (centre + eta))_c for variables side by side, C - 1 columns of eta each.

    The negative Hessian by eta is U^T (diag p - p p^T) U, at most I / 2 (Bohning, 1992).

    x is U^T times the one-hot vector, (N, sum of C - 1), which is all that the likelihood needs of it.

    Args:
        groups: C of each variable.
        centre: (sum of C - 1,) the predictors where the factors say nothing.
    """

    curvature = 0.5

    def __init__(self, groups: Sequence[int], centre: np.ndarray) -> None:
        self.groups, self.centre = tuple(groups), centre
        self._alike = alike(self.groups)

    def log_density(self, x: np.ndarray, eta: np.ndarray) -> float:
        """As the protocol has it; a variable has all of its columns or none."""
        total = 0.0
        for place, basis, own in self._by_size(eta):
            logits = np.tensordot(basis, own, 1)
            most = logits.max(axis=0)
            logits -= most
            whole = most + np.log(np.exp(logits, out=logits).sum(axis=0))
            total += float(np.nansum(np.sum(x.T[place] * own, axis=0) - whole))
        return total

    def gradient(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """U^T times the one-hot vector less the probabilities."""
        found = np.empty_like(eta)
        for place, basis, own in self._by_size(eta):
            found.T[place] = x.T[place] - np.tensordot(basis.T, softmax(np.tensordot(basis, own, 1)), 1)
        return found

    def curving(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """The variances of U^T times the one-hot vector."""
        found = np.empty_like(eta)
        for place, basis, own in self._by_size(eta):
            p = softmax(np.tensordot(basis, own, 1))
            found.T[place] = np.tensordot(basis.T**2, p, 1) - np.tensordot(basis.T, p, 1) ** 2
        return np.where(np.isnan(x), np.nan, found)

    def improve(self, x: np.ndarray, eta: np.ndarray, total: Total) -> None:
        """Nothing: b says all that the centre could."""

    def log_prior(self) -> float:
        """There is none."""
        return 0.0

    def _by_size(self, eta: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of the V variables with as many categories: (C - 1, V) columns of eta, U, and (C - 1, V, R) centre + eta."""
        whole = (self.centre + eta).T
        for place, basis in self._alike:
            yield place, basis, whole[place]
