"""How noisy embeddings of new samples are: more than those of the samples that their encoders have learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from favae_cli.factors import FactorModel, Gamma, ViewFactors
from favae_cli.factors.moments import Gather, alone

LEAST = 50  # samples that have the view and another, as are needed to tell
EXACT = 0.01  # of the logarithm of the variance


def noise_of_new(factors: FactorModel, embedded: Mapping[str, np.ndarray], gather: Gather = alone) -> FactorModel:
    """The same factors, with as much noise in each view as lets it foretell the others best, never less than was found.

    Encoders that learn through the factors come to agree on the training samples, in the end by heart. The noise that
    is found there then vouches for details of z that say nothing of the other views of a new sample. No view is noisier
    than z varies: that it tells nothing of those here does not say so of the others, of tables among them.

    Args:
        factors: fitted to training samples.
        embedded: z of samples that nothing was fitted to, (N, D) by view; rows of NaN where it is missing. What is
            foretold of each view are those others that are here. The noise stays of a view that is not here, and of one
            that fewer than `LEAST` samples have beside another.
        gather: as `Embeddings` takes it; samples are those of this process.
    """
    views = dict(factors.views)
    for name, table in embedded.items():
        pairs = [(views[other], table, target) for other, target in embedded.items() if other != name]
        told = [_both(z, target) for _, z, target in pairs]
        if sum(gather(int(np.any(told, axis=0).sum()))) >= LEAST:
            more = _more(factors, name, pairs, gather)
            views[name] = replace(views[name], noise=_with(views[name], more))
    return replace(factors, views=views)


def _more(
    factors: FactorModel, name: str, pairs: list[tuple[ViewFactors, np.ndarray, np.ndarray]], gather: Gather
) -> float:
    """As how many times its variance the noise of a view is to count."""
    part = factors.views[name]
    most = part.variance.mean() / part.noise_variance
    if most <= 1:
        return 1.0

    def error(log: float) -> float:
        louder = replace(factors, views={name: replace(part, noise=_with(part, math.exp(log)))})
        project = louder.given((name,))[0]
        squares = 0.0
        for other, z, target in pairs:
            rows = _both(z, target)
            squares += float(np.square(target[rows] - other.expected((z[rows] - part.bias) @ project)).sum())
        return float(sum(gather(squares)))

    found = minimize_scalar(error, bounds=(0.0, math.log(most)), method="bounded", options={"xatol": EXACT})
    return math.exp(found.x) if found.fun < error(0.0) else 1.0


def _both(z: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N,) bool: the samples that have both views."""
    there: np.ndarray = np.isfinite(z[:, 0]) & np.isfinite(target[:, 0])
    return there


def _with(part: ViewFactors, times: float) -> Gamma:
    assert isinstance(part.noise, Gamma)  # else z are pseudo-data, and nothing encodes them
    return Gamma(part.noise.shape, part.noise.rate * times)
