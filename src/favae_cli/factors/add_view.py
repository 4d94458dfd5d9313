"""One more view for a model whose factors are settled: regression of its embedding on g, in closed form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from favae_cli.factors.bound import view_terms
from favae_cli.factors.gamma import PRIOR_RATE, PRIOR_SHAPE, Gamma
from favae_cli.factors.inference import Evidence, LocalEmbedding
from favae_cli.factors.linalg import EngineError, few_threads
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import gaussian_entropy
from favae_cli.factors.updates import ViewSums, update_view


@dataclass(frozen=True)
class NewView:
    """The embedding of a view that is to join: of R samples, all of which have it.

    Attributes:
        mean: (R, D) of z.
        variance: (R, D); zeros where z is observed.
        local: where z is inferred from g, q(z) of these samples, which is renewed; `mean` and `variance` are its own.
    """

    mean: np.ndarray
    variance: np.ndarray
    local: LocalEmbedding | None = None


@few_threads()
def extend(
    model: FactorModel,
    name: str,
    evidence: Evidence,
    new: NewView,
    *,
    copies: float = 1.0,
    sweeps: int = 300,
    tolerance: float = 1e-8,
) -> FactorModel:
    """The model with one more view; what it believes of the others, and so of g given them, stays to the last bit.

    With q(g) held, W, b, alpha and tau of the view have the updates of any sweep (factors.updates), from moments of
    its z with g.

    Its `terms` are those of the bound that the new view adds.

    Args:
        model: of the other views.
        name: of the new one.
        evidence: the other views of the same R samples, settled.
        new: the new view.
        copies: as how many copies of itself it counts from now on.
        sweeps: at most so many.
        tolerance: stop once the new view's part of the bound has changed by less than this share in a sweep.

    Raises:
        EngineError: a step gave numbers that cannot be.
        ValueError: the model has a view of this name, or the samples do not agree in number.
    """
    if name in model.views:
        raise ValueError(f"the model has a view {name!r} already")
    if len(new.mean) != evidence.count:
        raise ValueError(f"{len(new.mean)} samples of the new view, but {evidence.count} of the others")
    latent = evidence.latents(model)
    view = _start(new, latent, copies)
    missing = np.zeros((0, 0), bool) if new.local is None else np.isnan(new.local.x)
    spread = np.zeros((model.factors, model.factors))  # sum of Sigma_n
    unsure = np.zeros((missing.shape[1], *spread.shape))  # the same over the samples that lack each entry
    for rows, covariance in evidence.covariances(model):
        each = np.broadcast_to(covariance, (len(rows), *spread.shape))
        spread += each.sum(axis=0)
        if missing.any():
            unsure += np.tensordot(missing[rows].T.astype(float), each, axes=1)
    gg = latent.T @ latent + spread
    terms: dict[str, float] = {}
    sums, before = _sums(new, view, latent, gg, unsure).times(copies), -np.inf
    for sweep in range(sweeps):
        if new.local is not None:
            new.local.update(np.arange(len(latent)), latent, view)
            sums = _sums(new, view, latent, gg, unsure).times(copies)
        try:
            view = update_view(name, view, sums)
        except EngineError as error:
            raise EngineError(f"sweep {sweep}: {error}") from error
        terms = view_terms(name, view, sums)
        terms |= {f"x/{name}": copies * new.local.log_likelihood()} if new.local else {}
        bound = sum(terms.values())
        if abs(bound - before) <= tolerance * abs(bound):
            break
        before = bound
        if new.local is not None:
            expected = view.expected(latent)
            squares = np.square(new.local.mean - expected).sum(axis=0)
            known = np.einsum("dk,dkl,dl->d", view.weights, spread - unsure, view.weights)
            view = view.stretched(new.local.stretch(view, squares + known, np.sum(~missing, axis=0)))
            new.local.improve(expected)
    view = view.in_units() if new.local is None else view
    return replace(model, views=model.views | {name: view}, terms=terms)


def _start(new: NewView, latent: np.ndarray, copies: float) -> ViewFactors:
    """No weights yet, and all of the variance noise."""
    count, size = new.mean.shape
    factors, given = latent.shape[1], new.local.noise if new.local else None
    variances = new.mean.var(axis=0, dtype=np.float64) + new.variance.mean(axis=0, dtype=np.float64)
    variance = float(variances.mean())
    return ViewFactors(
        weights=np.zeros((size, factors)),
        weights_cov=np.eye(factors) * variance / count,
        bias=new.mean.mean(axis=0).astype(np.float64),
        bias_var=variance / count,
        noise=given or Gamma(size * count / 2, np.asarray(size * count * variance / 2)),
        ard=Gamma(PRIOR_SHAPE + size / 2, np.full(factors, PRIOR_RATE + size * variance / 2)),
        count=count,
        usage=np.full(factors, float(count)),
        variance=variances,
        copies=copies,
    )


def _sums(new: NewView, view: ViewFactors, latent: np.ndarray, gg: np.ndarray, unsure: np.ndarray) -> ViewSums:
    """Moments of z and g; where an entry of z is missing, it moves with g."""
    mean, variance = (new.mean, new.variance) if new.local is None else (new.local.mean, new.local.variance)
    zg = mean.T @ latent
    squares = np.square(mean, dtype=np.float64).sum(axis=0) + variance.sum(axis=0, dtype=np.float64)
    if unsure.any():
        tied = np.einsum("dk,dkl->dl", view.weights, unsure)
        zg, squares = zg + tied, squares + np.sum(tied * view.weights, axis=1)
    return ViewSums(len(mean), mean.sum(axis=0), squares, latent.sum(axis=0), gg, zg, gaussian_entropy(variance))
