"""Bayesian logistic regression of binary columns on g, by the Jaakkola-Jordan bound."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit

from favae_cli.factors.bound import scale_kl
from favae_cli.factors.missing_entries import CHUNK
from favae_cli.factors.model import ViewFactors
from favae_cli.factors.moments import Total


def curvature(xi: np.ndarray) -> np.ndarray:
    """lambda(xi) = tanh(xi / 2) / (4 xi), with its limit 1/8 at 0; elementwise."""
    safe = np.where(np.abs(xi) < 1e-4, 1.0, xi)
    return np.where(np.abs(xi) < 1e-4, 0.125 - xi**2 / 96.0, np.tanh(safe / 2) / (4 * safe))


class BernoulliEmbedding:
    """q(z) of one binary view: an independent Gaussian for every sample and column.

    Attributes:
        x: (N, D) of 0, 1 and NaN; an entry that is NaN is missing and drops out of the likelihood.
        mean, variance: (N, D) of q(z).
        open: (N,), all of the samples.
    """

    def __init__(self, x: np.ndarray) -> None:
        self.x = np.asarray(x, dtype=np.float64)
        self.mean = np.where(np.isnan(self.x), 0.0, 2.0 * (self.x - 0.5))
        self.variance = np.ones_like(self.x)
        self.open: np.ndarray = np.ones(len(self.x), bool)

    def update(
        self, rows: np.ndarray, prior_mean: np.ndarray, precision: float, coupling: np.ndarray | None = None
    ) -> None:
        """The optimal q(z) of the samples `rows`.

        Var z = 1 / (tau + 2 lambda(xi)), mean z = Var z (x - 1/2 + tau r), at xi^2 = <z^2> of the q before.
        (The published Eq. 14-15 lack the product with Var z and an inverse.)

        Where z and g depend on each other strongly, as they do for separable attributes, updating them in turn takes
        hundreds of steps. With `coupling`, r follows z as g would: r = prior_mean + coupling z, and the two means
        are solved for at once.

        Args:
            prior_mean: (R, D) r = <W><g> + <b> of those samples, or its part that does not depend on z.
            precision: <tau>.
            coupling: (D, D) d r / d z, symmetric with eigenvalues under 1; q(g) is held fixed when None.
        """
        x = self.x[rows]
        seen = ~np.isnan(x)
        xi = np.sqrt(self.mean[rows] ** 2 + self.variance[rows])
        precisions = precision + 2.0 * curvature(xi) * seen
        pull = np.where(seen, x - 0.5, 0.0) + precision * prior_mean
        self.variance[rows] = 1.0 / precisions
        if coupling is None:
            self.mean[rows] = pull / precisions
        else:
            step = max(1, CHUNK // coupling.size)
            for start in range(0, len(rows), step):
                part = slice(start, start + step)
                system = precisions[part, :, None] * np.eye(x.shape[1]) - precision * coupling
                self.mean[rows[part]] = np.linalg.solve(system, pull[part, :, None])[:, :, 0]

    def shares(self, rows: np.ndarray, precision: float) -> np.ndarray:
        """tau / (tau + 2 lambda(xi)) of each entry, (R, D): how far z follows g; 1 where x is missing."""
        xi = np.sqrt(self.mean[rows] ** 2 + self.variance[rows])
        return precision / (precision + 2.0 * curvature(xi) * ~np.isnan(self.x[rows]))

    def log_likelihood(self) -> float:
        """E log p(x | z) under the bound at its best xi, summed over seen entries, nats."""
        xi = np.sqrt(self.mean**2 + self.variance)
        terms = (self.x - 0.5) * self.mean - xi / 2 + log_expit(xi)
        return float(np.nansum(terms))

    def stretch(self, view: ViewFactors, squares: np.ndarray, total: Total = np.asarray) -> ViewFactors:
        """Bring z to its best scale, and return the beliefs about it; the squared residuals do not matter for that.

        Args:
            total: sums over the processes that have the other samples.
        """
        scale = self._best_scale(view, total)
        self.mean *= scale
        self.variance *= scale**2
        return view.rescaled(scale)

    def _best_scale(self, view: ViewFactors, total: Total) -> float:
        """The c > 0 for which stretching z to c z, and W, b and 1/sqrt(tau) with it, raises the bound most.

        Without this step the scale of z, which separable attributes drive far out, creeps up by a little each sweep
        (a parameter expansion; Liu and Wu 1999 have the idea for EM).

        Args:
            view: the beliefs that scale along; their KL terms and their copies count.
        """
        seen = ~np.isnan(self.x)
        linear = np.sum((self.x[seen] - 0.5) * self.mean[seen])
        xi = np.sqrt(self.mean[seen] ** 2 + self.variance[seen])

        def loss(log_c: float) -> float:
            c = float(np.exp(log_c))
            likelihood = c * linear + np.sum(log_expit(c * xi) - c * xi / 2)
            return scale_kl(view.rescaled(c)) - view.copies * float(total(np.asarray(likelihood)))

        found = minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded", options={"xatol": 1e-3})
        return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def probability(mean: np.ndarray, variance: np.ndarray, nodes: int = 21) -> np.ndarray:
    """E sigmoid(z) for z ~ N(mean, variance), elementwise, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    z = mean[..., None] + np.sqrt(variance)[..., None] * points
    return np.minimum(expit(z) @ (weights / weights.sum()), 1.0)
