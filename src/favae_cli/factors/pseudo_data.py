"""Tables whose likelihood is not Gaussian, as pseudo-data with the one precision that a bound allows."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.model import ViewFactors
from favae_cli.factors.moments import Total
from favae_cli.factors.real import RealEmbedding


class Likelihood(Protocol):
    """log p(x | eta), concave in the predictor eta (R, D) of each sample, with a bound on how strongly it curves.

    Attributes:
        curvature: kappa, such that kappa I less the negative Hessian of log p(x | eta) is positive semidefinite.
    """

    curvature: float

    def log_density(self, x: np.ndarray, eta: np.ndarray) -> float:
        """log p(x | eta) summed over the entries of x (R, D) that are not NaN, nats."""
        ...

    def gradient(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """(R, D) of log p(x | eta) by eta; NaN where x is."""
        ...

    def curving(self, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """(R, D) the diagonal of the negative Hessian of log p(x | eta) by eta, in 0 to `curvature`; NaN where x is."""
        ...

    def improve(self, x: np.ndarray, eta: np.ndarray, total: Total) -> None:
        """Set what the likelihood has of parameters such that `log_density` is the highest; `total` sums processes."""
        ...

    def log_prior(self) -> float:
        """Of those parameters, nats."""
        ...


class PseudoData(RealEmbedding):
    """The embedding of a view with a `Likelihood` of eta = W g + b: z is what a Gaussian would have to be told.

    With kappa the curvature, and zeta any point (Bohning, 1992; Seeger and Bouchard, 2012),

        log p(x | eta)  >=  log p(x | zeta) + d^T (eta - zeta) - kappa / 2 |eta - zeta|^2,       d the gradient at zeta
                         =  log N(zeta + d / kappa | eta, 1 / kappa)  +  what does not hang on eta.

    So z = zeta + d / kappa counts as observed, with tau = kappa. The bound is the tightest at zeta = <eta>, and cannot
    fall when zeta goes there. As z of all samples has one precision, sums over samples are all that the model needs,
    and a missing entry is one of real columns.

    Attributes:
        x: (N, D), as the likelihood takes it; NaN is a missing entry.
        likelihood: its parameters, if it has some, are learned (`improve`).
        touch: (N, D) zeta.
        mean, variance, open: as those of real columns; all samples are open.
    """

    def __init__(self, x: np.ndarray, likelihood: Likelihood) -> None:
        self.likelihood = likelihood
        super().__init__(np.asarray(x, np.float64))
        self.open = np.ones(len(self.x), bool)

    def reset(self) -> None:
        """As of real columns, with the bound touching at 0."""
        super().reset()
        self.touch = np.zeros_like(self.x)
        self.mean = self._step(self.x, self.touch)

    @property
    def noise(self) -> Curvature:
        """That of the bound."""
        return Curvature(self.likelihood.curvature)

    def update(self, rows: np.ndarray, latent: np.ndarray, view: ViewFactors) -> None:
        """New pseudo-data of the samples `rows`, at <eta>; arguments as ever."""
        self._precision = view.tau
        self.touch[rows] = expected = view.expected(latent)
        self.mean[rows] = expected + self._step(self.x[rows], expected)

    def shares(self, rows: np.ndarray, precision: float) -> np.ndarray:
        """How much less than the bound has it the likelihood curves at <eta>, (R, D) in 0 to 1; 1 where x is missing.

        A fit takes the bound's word for it; asked how certain g is, x says less (Laplace's approximation).
        """
        curved = self.likelihood.curving(self.x[rows], self.touch[rows])
        return 1.0 - np.nan_to_num(curved) / precision

    def _step(self, x: np.ndarray, touch: np.ndarray) -> np.ndarray:
        """How far z lies from where the bound touches; nowhere where x is missing."""
        return np.nan_to_num(self.likelihood.gradient(x, touch) / self.likelihood.curvature, copy=False)

    def log_likelihood(self) -> float:
        """What the bound has beyond log N(z | eta, 1 / kappa), and the likelihood's prior; nats."""
        kappa, seen = self.likelihood.curvature, ~np.isnan(self.x)
        squares = np.square(self.mean - self.touch, where=seen, out=np.zeros_like(self.mean)).sum()
        beyond = 0.5 * (kappa * squares + seen.sum() * np.log(2 * np.pi / kappa))
        return float(self.likelihood.log_density(self.x, self.touch) + beyond + self.likelihood.log_prior())

    def stretch(self, view: ViewFactors, squares: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Ones: the scale of eta is the likelihood's."""
        return np.ones(view.size)

    def improve(self, expected: np.ndarray, total: Total = np.asarray) -> None:
        """What the likelihood has of parameters gets its best values at `expected`."""
        self.touch[:] = expected
        self.likelihood.improve(self.x, self.touch, total)
        self.mean[:] = np.where(self.missing, self.mean, self.touch + self._step(self.x, self.touch))
