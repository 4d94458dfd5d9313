"""Factors of one view that the bound is higher without: a direction of its noise, which sweeps do not let go of.

Of D dimensions of noise in N samples, one direction varies most, by about (1 + sqrt(D / N))^2, and a factor that has
settled there stays: a local optimum of the bound (Nakajima, Sugiyama and Babacan, 2013).
"""

from __future__ import annotations

import numpy as np

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.model import FactorModel, ViewFactors


def spare_factors(model: FactorModel) -> np.ndarray:
    """(K,) bool: the factors that one view alone uses, and that cost the bound more than they bring.

    Where no entry is missing, this is the bound's own answer with all else held, but for the noise, which grows by what
    the factor explained; where some are, it is an estimate.
    """
    stands_out = np.stack([view.stands_out for view in model.views.values()])
    dear = np.stack([_cost(view) > _worth(view) for view in model.views.values()])
    return (stands_out.sum(axis=0) == 1) & np.any(stands_out & dear, axis=0)


def _worth(view: ViewFactors) -> np.ndarray:
    """(K,) nats by which the other terms fall if a column of W is left out, and W and tau adapt.

    Of the evidence of a linear regression: with Sigma that of a row of W and x = sum_d w_d^2 / Sigma_kk, the residuals
    grow by x / tau, and the prior and the posterior of the column leave D/2 log(alpha Sigma_kk).
    """
    spread = np.diag(view.weights_cov)
    grown = np.sum(view.weights**2, axis=0) / spread
    if not isinstance(view.noise, Curvature):
        values = view.count * view.size
        grown = values * np.log1p(grown / values)
    return 0.5 * (grown + view.size * np.log(view.ard.mean * spread))


def _cost(view: ViewFactors) -> np.ndarray:
    """(K,) nats of KL(q(g) || N(0, I)) that a factor adds to those of the others."""
    samples, usage = view.count / view.copies, view.usage / view.copies
    return 0.5 * (samples * np.log1p(view.copies * view.tau * np.diag(view.gram)) + usage - samples)
