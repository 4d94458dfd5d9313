"""The invertible K x K matrix that tells private from shared factors (Virtanen et al. 2012)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from favae_cli.factors.gamma import PRIOR_RATE, PRIOR_SHAPE
from favae_cli.factors.linalg import symmetrize
from favae_cli.factors.model import FactorModel
from favae_cli.factors.turns import turned
from favae_cli.factors.updates import LatentSums, update_ard

LEAST = 1e-4  # nats that a step of the search gains, or it ends


def best_rotation(model: FactorModel, latents: LatentSums, steps: int = 100) -> np.ndarray:
    """R (K, K) with which W -> W R and g -> R^-1 g raise the bound most, alpha optimised along.

    The bound has many optima in R, and a climb from one of them does not leave it, so that turns come first (`turned`).
    """
    grams = [view.gram for view in model.views.values()]
    sizes = [view.size for view in model.views.values()]
    factors = model.factors
    reached = [np.inf]

    def enough(intermediate_result: OptimizeResult) -> None:
        """End the search once a step gains less than `LEAST`."""
        if (reached[-1] - intermediate_result.fun) * latents.count < LEAST:
            raise StopIteration
        reached.append(intermediate_result.fun)

    result = minimize(
        lambda flat: _negative_gain(flat.reshape(factors, factors), latents.gg, latents.count, grams, sizes),
        turned([*model.views.values()]).ravel(),
        jac=True,
        method="L-BFGS-B",
        # SciPy's own tolerances would stop while hundreds of nats are to be had: the objective is per sample.
        options={"maxiter": steps, "maxcor": 20, "ftol": 0.0, "gtol": 1e-9},
        callback=enough,
    )
    found: np.ndarray = result.x.reshape(factors, factors)
    return found


def rotated(model: FactorModel, latents: LatentSums, rotation: np.ndarray) -> FactorModel:
    """The model with W -> W R and g -> R^-1 g.

    The likelihood does not change, for W g does not. The caller's `latents` belong to the model before; the next
    `update_latents` carries q(g) over.
    """
    inverse = np.linalg.inv(rotation)
    return replace(
        model,
        views={
            name: update_ard(
                replace(
                    view,
                    weights=view.weights @ rotation,
                    weights_cov=symmetrize(rotation.T @ view.weights_cov @ rotation),
                    usage=np.diag(inverse @ latents.views[name].gg @ inverse.T).copy(),
                )
            )
            for name, view in model.views.items()
        },
    )


def _negative_gain(
    rotation: np.ndarray, gg: np.ndarray, count: int, grams: list[np.ndarray], sizes: list[int]
) -> tuple[float, np.ndarray]:
    """Minus the part of the bound per sample that R changes, and its gradient (flat)."""
    sign, log_det = np.linalg.slogdet(rotation)
    if sign <= 0:
        return np.inf, np.zeros(rotation.size)
    inverse = np.linalg.inv(rotation)
    turned = inverse @ gg @ inverse.T
    volume = sum(sizes) - count
    value = -0.5 * np.trace(turned) + volume * log_det
    gradient = inverse.T @ turned + volume * inverse.T
    for gram, size in zip(grams, sizes, strict=True):
        moved = gram @ rotation
        rate = PRIOR_RATE + 0.5 * np.einsum("ij,ij->j", rotation, moved)
        shape = PRIOR_SHAPE + size / 2
        value -= shape * np.log(rate).sum()
        gradient -= shape * moved / rate
    return -value / count, -gradient.ravel() / count
