"""The evidence lower bound of the factor model, term by term."""

from __future__ import annotations

import numpy as np

from favae_cli.factors.linalg import psd_log_det
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.updates import LatentSums, ViewSums, residual


def bound_terms(model: FactorModel, latents: LatentSums) -> dict[str, float]:
    """Every term of the bound in nats, summed over samples; their sum is the bound.

    `z/<view>` is E log p(z | g, W, b, tau) plus the entropy of q(z), which is minus the expected KL of z where q(z)
    is uncertain; the others are minus one KL each: `g`, and `W`, `alpha`, `tau` and `b` by view. What is missing
    is E log p(x | z), which belongs to the view that observes x.
    """
    terms = {"g": -latents.kl}
    for name, view in model.views.items():
        terms |= view_terms(name, view, latents.views[name])
    return terms


def view_terms(name: str, view: ViewFactors, sums: ViewSums) -> dict[str, float]:
    """The terms of the bound that are one view's: all that its own updates change, with q(g) held."""
    return {
        f"z/{name}": embedding_term(view, sums),
        f"W/{name}": -weights_kl(view, name),
        f"alpha/{name}": -view.ard.kl(),
        f"tau/{name}": -view.noise.kl(),
        f"b/{name}": -bias_kl(view),
    }


def embedding_term(view: ViewFactors, sums: ViewSums) -> float:
    """E log p(z | g, W, b, tau) + H[q(z)]."""
    log_density = float(view.noise.mean_log) - np.log(2 * np.pi)
    return 0.5 * sums.count * view.size * log_density - 0.5 * view.tau * residual(view, sums) + sums.entropy


def weights_kl(view: ViewFactors, name: str = "") -> float:
    """E_q(alpha) KL(q(W) || p(W | alpha)), over the D independent rows."""
    log_det = psd_log_det(view.weights_cov, f"view {name!r}: the covariance of W")
    factors = view.weights.shape[1]
    expected = np.sum(view.ard.mean * view.squares) - view.size * np.sum(view.ard.mean_log)
    return 0.5 * float(expected - view.size * (factors + log_det))


def bias_kl(view: ViewFactors) -> float:
    """KL(q(b) || N(0, bias_prior I))."""
    variance = view.bias_var / view.bias_prior
    return 0.5 * float(view.bias @ view.bias / view.bias_prior + view.size * (variance - 1.0 - np.log(variance)))
