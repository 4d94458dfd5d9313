"""What is believed of precisions: Gamma distributions, with a prior that is as good as flat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

PRIOR_SHAPE = PRIOR_RATE = 1e-6  # a0, b0 of every Gamma prior: as good as flat on a log scale


@dataclass(frozen=True)
class Gamma:
    """q = Gamma(shape, rate), elementwise; the prior is Gamma(PRIOR_SHAPE, PRIOR_RATE)."""

    shape: float
    rate: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Elementwise, in the shape of `rate`."""
        return self.shape / self.rate

    @property
    def mean_log(self) -> np.ndarray:
        """E log x, elementwise; below the log of the mean."""
        return digamma(self.shape) - np.log(self.rate)

    def kl(self) -> float:
        """KL(q || prior) in nats, summed over entries."""
        a, b = self.shape, self.rate
        terms = (
            (a - PRIOR_SHAPE) * digamma(a)
            - gammaln(a)
            + gammaln(PRIOR_SHAPE)
            + PRIOR_SHAPE * (np.log(b) - np.log(PRIOR_RATE))
            + a * (PRIOR_RATE - b) / b
        )
        return float(np.sum(terms))
