"""Sweeps, rotations and pruning until the bound settles: the engine's one entry point."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from favae_cli.common.pace import Pace
from favae_cli.factors.bound import bound_terms
from favae_cli.factors.curvature import Curvature
from favae_cli.factors.linalg import EngineError, few_threads
from favae_cli.factors.model import FactorModel
from favae_cli.factors.moments import Moments
from favae_cli.factors.momentum import Momentum, Scaled
from favae_cli.factors.rotation import best_rotation, rotated
from favae_cli.factors.spare import spare_factors
from favae_cli.factors.spectral_start import spectral_start
from favae_cli.factors.updates import LatentSums, update_latents, update_view

logger = logging.getLogger(__name__)

LARGE = 1e8  # nats
TRIED = 5  # sweeps, after which one start is seen to be better than another
LOOKED_BACK = 10  # sweeps, or more, that lie between the two bounds that are compared: one by one, sweeps gain little
UNSCALED = 10  # sweeps in which scales stay: from the beginning, single columns would take factors for themselves
SLACK = 1e-9  # share of the terms' size that the bound may fall by rounding and pruning
ROUNDING = 1e-12  # share of <tau> <z^T z> that rounding costs: the residual is a difference of such sums


class LocalEmbeddings(Scaled, Protocol):
    """Embeddings that have updates of their own; `factors.embeddings.Embeddings` is one."""

    @property
    def alone(self) -> bool:
        """Whether all samples are this process's."""
        ...

    @property
    def noise(self) -> Mapping[str, Curvature]:
        """By view, what the noise is that is not inferred."""
        ...

    def refresh(self, model: FactorModel) -> tuple[Moments, dict[str, float]]:
        """Renew q(z); returns the moments and the terms E log p(x | z) by name."""
        ...

    def begin(self, moments: Moments) -> Moments:
        """Choose the scale of z before there is a model, by the moments; returns those that it then has.

        The moments themselves, if there is nothing to choose by.
        """
        ...

    def reset(self) -> Moments:
        """Have z as it was before all choices and updates; returns its moments."""
        ...

    def stretch(self, model: FactorModel, latents: LatentSums) -> tuple[FactorModel, LatentSums]:
        """Change the scale of z, and model and sums with it, such that the bound does not fall."""
        ...

    def improve(self, model: FactorModel) -> None:
        """Choose what else the likelihoods leave open, such that the bound does not fall."""
        ...


def fit(
    moments: Moments,
    factors: int = 100,
    seed: int = 0,
    *,
    copies: Mapping[str, float] | None = None,
    start: FactorModel | None = None,
    sweeps: int = 1000,
    rotate_every: int = 10,
    prune: bool = True,
    plain: bool = False,
    tolerance: float = 1.0,
    local: LocalEmbeddings | None = None,
) -> FactorModel:
    """Fit the factor model to moments; a sweep costs O(D min(N, D) K).

    Args:
        moments: of the embeddings, centred or not, roughly of unit scale (the prior of b is N(0, I), but
            for pseudo-data, whose likelihood says another).
        factors: K before pruning; at most the stacked embedding size is used.
        seed: of the start.
        copies: by view, as how many copies of itself it counts; 1 where not given. A view of few dimensions beside
            one of many has little say in what the factors become; copies give it its due.
        start: go on from this model instead of a spectral start.
        sweeps: at most so many.
        rotate_every: sweeps between rotations; 0 never rotates.
        prune: drop factors that no view uses, at each rotation.
        plain: sweeps, rotations and pruning alone: no momentum, and factors of one view stay even if the bound is
            higher without them. Else they are dropped, at each rotation once scales are learned.
        tolerance: stop at a rotation once the bound has gained fewer nats than this since one that was `LOOKED_BACK`
            sweeps before, or more; of a bound beyond `LARGE` as much more as it is larger. Data hardly prefer either of
            two models within a nat (Kass and Raftery, 1995).
        local: where some embeddings are themselves inferred from g (a bernoulli view): renews them before each
            sweep, from then on instead of `moments`.

    Returns:
        The fitted model; `bound` holds one value a sweep.

    Raises:
        EngineError: a step gave numbers that cannot be, or lowered the bound; says view, variable and sweep.
        ValueError: factors < 1.
    """
    if factors < 1:
        raise ValueError(f"factors must be at least 1, got {factors}")
    with few_threads():
        model = start
        if model is None:
            from_spectrum = partial(spectral_start, factors=factors, seed=seed, copies=copies)
            model, moments = _begun(from_spectrum, moments, local)
        bounds: list[float] = []
        terms: dict[str, float] = {}
        period, pace = rotate_every or LOOKED_BACK, Pace()
        apart, unscaled = period * -(-LOOKED_BACK // period), min(UNSCALED, sweeps // 2)
        least = max(2 * apart, 0 if local is None else unscaled + apart)
        momentum = None if plain or local is None else Momentum(local)
        for sweep in range(sweeps):
            try:
                if momentum is None or sweep <= unscaled:
                    latents, terms = _evaluated(model, moments, local)
                else:
                    model, latents, terms = _evaluated_ahead(model, moments, local, momentum, bounds[-1])
                bounds.append(_checked(terms, _slack(model, latents, terms), bounds))
                model, latents = _updated(model, latents, local if sweep >= unscaled else None)
                if sweep % period == period - 1:
                    rotation = best_rotation(model, latents) if rotate_every else np.eye(model.factors)
                    model = rotated(model, latents, rotation) if rotate_every else model
                    if local is not None:
                        local.improve(model)
                    keep = _used(model) if prune else np.ones(model.factors, bool)
                    model = model if keep.all() else model.select(keep)
                    lighter = None
                    if prune and not plain and len(bounds) > unscaled:
                        lighter = _without_spare(model, moments, local)
                    if lighter is None and len(bounds) > least and _settled(bounds[-1], bounds[-1 - apart], tolerance):
                        break
                    if momentum is not None:
                        momentum.turned(rotation, keep, model) if lighter is None else momentum.stop()
                    model = model if lighter is None else lighter
            except EngineError as error:
                raise EngineError(f"sweep {sweep}: {error}") from error
            if pace.due():
                told = "factors: sweep %d of at most %d, bound %.6g, %d factors"
                logger.info(told, sweep + 1, sweeps, bounds[-1], model.factors)
    return replace(model, bound=tuple(bounds), terms=terms)


def _begun(
    start: Callable[..., FactorModel], moments: Moments, local: LocalEmbeddings | None
) -> tuple[FactorModel, Moments]:
    """A start, and the moments of z as it then is.

    Where local embeddings can choose scales to begin with, some sweeps from there and some from those that they were
    given tell by the bound which are better. From a common scale, factors of single noisy columns are found and stay;
    where columns are nearly told by others, their scales would drown the rest. A start that fails is the worse one.

    Raises:
        EngineError: both fail, or one does where the samples are spread over processes.
    """
    if local is None:
        return start(moments), moments
    if local.begin(moments) is moments:
        return start(moments, noise=local.noise), moments
    tried: dict[bool, tuple[float, FactorModel]] = {}
    alone = local.alone  # else other processes may not have failed, and would go on from there
    for scaled in (False, True):
        moments = local.begin(local.reset()) if scaled else local.reset()
        try:
            model = start(moments, noise=local.noise)
            tried[scaled] = _tried(model, moments, local), model
        except EngineError:
            if not alone or (scaled and not tried):
                raise
    scaled = max(tried, key=lambda scaled: (tried[scaled][0], scaled))
    return tried[scaled][1], local.begin(local.reset()) if scaled else local.reset()


def _tried(model: FactorModel, moments: Moments, local: LocalEmbeddings) -> float:
    """The bound that `TRIED` sweeps come to.

    Raises:
        EngineError: they give numbers that cannot be.
    """
    terms: dict[str, float] = {}
    for _ in range(TRIED):
        latents, terms = _evaluated(model, moments, local)
        model, _ = _updated(model, latents, local)
    return _checked(terms, 0.0, [])


def _updated(model: FactorModel, latents: LatentSums, local: LocalEmbeddings | None) -> tuple[FactorModel, LatentSums]:
    """All that is believed of the views, and the scales of z, renewed; and the sums with these scales."""
    if local is not None:
        model, latents = local.stretch(model, latents)
    views = {name: update_view(name, view, latents.views[name]) for name, view in model.views.items()}
    return replace(model, views=views), latents


def _evaluated(
    model: FactorModel, moments: Moments, local: LocalEmbeddings | None
) -> tuple[LatentSums, dict[str, float]]:
    """q(g), with the moments of embeddings that have their own updates made anew, and the terms of the bound."""
    observed: dict[str, float] = {}
    if local is not None:
        moments, observed = local.refresh(model)
    latents = update_latents(model, moments)
    terms = bound_terms(model, latents)
    return latents, terms | {f"x/{name}": model.views[name].copies * value for name, value in observed.items()}


def _evaluated_ahead(
    model: FactorModel, moments: Moments, local: LocalEmbeddings | None, momentum: Momentum, bound: float
) -> tuple[FactorModel, LatentSums, dict[str, float]]:
    """As `_evaluated`, of where the last sweeps lead, unless the bound is lower there; and which model that is of."""
    further = momentum.ahead(model)
    if further is not None:
        latents, terms = _evaluated(further, moments, local)
        if sum(terms.values()) >= bound:
            return further, latents, terms
        momentum.back()
    return model, *_evaluated(model, moments, local)


def _without_spare(model: FactorModel, moments: Moments, local: LocalEmbeddings | None) -> FactorModel | None:
    """The model without its spare factors, if it has any, and if the bound is higher without them."""
    keep = ~spare_factors(model)
    if keep.all() or not keep.any():
        return None
    lighter, held = model.select(keep), {} if local is None else local.held()
    bound = sum(_evaluated(model, moments, local)[1].values())  # the last sweep's is of the model before its updates
    if local is not None:
        local.put_back(held)
    if sum(_evaluated(lighter, moments, local)[1].values()) > bound:
        return lighter
    if local is not None:
        local.put_back(held)
    return None


def _checked(terms: dict[str, float], slack: float, before: list[float]) -> float:
    """The bound, once it is known to be finite and not to have fallen."""
    wrong = [name for name, value in terms.items() if not np.isfinite(value)]
    if wrong:
        raise EngineError(f"the bound's term {wrong[0]} is not finite")
    bound = sum(terms.values())
    if before and bound < before[-1] - slack:
        raise EngineError(f"the bound fell from {before[-1]:.10g} to {bound:.10g}")
    return bound


def _slack(model: FactorModel, latents: LatentSums, terms: dict[str, float]) -> float:
    signal = sum(view.tau * latents.views[name].zz for name, view in model.views.items())
    return SLACK * sum(abs(value) for value in terms.values()) + ROUNDING * signal


def _settled(bound: float, earlier: float, tolerance: float) -> bool:
    return abs(bound - earlier) < tolerance * max(1.0, abs(bound) / LARGE)


def _used(model: FactorModel) -> np.ndarray:
    """(K,) bool: the factors that some view uses; at least one."""
    used: np.ndarray = np.any(list(model.active.values()), axis=0)
    if not used.any():
        used[np.argmax(sum(model.relevance.values()))] = True
    return used
