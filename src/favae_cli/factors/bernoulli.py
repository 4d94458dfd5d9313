"""Binary columns: each entry's logit is eta, around one that all samples have."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from favae_cli.factors.moments import Total
from favae_cli.factors.pseudo_data import PseudoData


class Bernoulli:
    """p(x = 1 | eta) = sigmoid(centre + eta) for x of 0 and 1.

    Args:
        centre: (D,), or one for all: the logit where the factors say nothing, which the prior of b is around.
    """

    curvature = 0.25

    def __init__(self, centre: np.ndarray | float) -> None:
        self.centre = centre

    def log_density(self, x: np.ndarray, eta: np.ndarray) -> float:
        """As the protocol has it."""
        return float(np.nansum(log_expit((2 * x - 1) * (self.centre + eta))))

    def gradient(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """x less its expectation."""
        return x - expit(self.centre + eta)

    def curving(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """The variance of x."""
        p = expit(self.centre + eta)
        return np.where(np.isnan(x), np.nan, p * (1 - p))

    def improve(self, x: np.ndarray, eta: np.ndarray, total: Total) -> None:
        """Nothing: b says all that the centre could."""

    def log_prior(self) -> float:
        """There is none."""
        return 0.0


def binary(x: np.ndarray, centre: np.ndarray | float = 0.0) -> PseudoData:
    """The embedding of binary columns x, (N, D) of 0, 1 and NaN."""
    return PseudoData(x, Bernoulli(centre))


def probability(mean: np.ndarray, variance: np.ndarray, nodes: int = 21) -> np.ndarray:
    """E sigmoid(eta) for eta ~ N(mean, variance), elementwise, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    eta = mean[..., None] + np.sqrt(variance)[..., None] * points
    return np.minimum(expit(eta) @ (weights / weights.sum()), 1.0)
