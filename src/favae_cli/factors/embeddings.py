"""The samples' embeddings: fixed ones from encoders, local ones inferred from g; and g from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from favae_cli.factors.holes import Holes
from favae_cli.factors.linalg import symmetrize
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import (
    Moments,
    Pattern,
    PatternMoments,
    gaussian_entropy,
    group_by_pattern,
    offsets,
    sums,
)


class LocalEmbedding(Protocol):
    """q(z) of a view whose embedding has its own closed-form update given g (bernoulli, categorical, real).

    Where x is NaN, `mean` and `variance` are those of z given <g>; g and such a z are correlated (factors.holes).
    """

    x: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def update(
        self, rows: np.ndarray, prior_mean: np.ndarray, precision: float, coupling: np.ndarray | None = None
    ) -> None: ...

    def shares(self, rows: np.ndarray, precision: float) -> np.ndarray: ...

    def log_likelihood(self) -> float: ...

    def stretch(self, view: ViewFactors, squares: np.ndarray) -> ViewFactors: ...


@dataclass
class _Group:
    """Samples that have the same views: their indices, and their stacked <z> (R, D_p), local columns included."""

    rows: np.ndarray
    stacked: np.ndarray
    fixed: PatternMoments | None  # None for samples without any view
    holes: Holes | None  # None where no entry is missing


class Embeddings:
    """Embeddings of N samples in all their views.

    Args:
        means: by view, <z> as (N, D_m) of the fixed views; a row of NaN says that the sample lacks the view.
        variances: by view, Var z as (N, D_m), for fixed views whose embedding is uncertain.
        local: by view, the embeddings that are inferred from g. A sample all of whose entries of x are NaN
            lacks the view.
        order: all of these views in the order of the model.

    A sample may lack every view: its g keeps the prior, and the moments leave it out.

    Raises:
        ValueError: views of unequal N, or a row that is partly NaN.
    """

    def __init__(
        self,
        means: Mapping[str, np.ndarray],
        variances: Mapping[str, np.ndarray],
        local: Mapping[str, LocalEmbedding],
        order: tuple[str, ...],
    ) -> None:
        self.local = dict(local)
        current = {view: self._current(view, means) for view in order}
        self.sizes = {view: table.shape[1] for view, table in current.items()}
        self.count = len(next(iter(current.values())))
        self.groups: dict[Pattern, _Group] = {}
        for pattern, rows in group_by_pattern(current, allow_empty=True).items():
            tables = {view: current[view][rows] for view in pattern}
            spread = {view: variances[view][rows] for view in pattern if view in variances}
            stacked = np.concatenate([np.zeros((len(rows), 0)), *tables.values()], axis=1)
            fixed = sums(pattern, tables, spread) if pattern else None
            self.groups[pattern] = _Group(rows, stacked, fixed, self._holes(pattern, rows, tables))

    def _current(self, view: str, means: Mapping[str, np.ndarray]) -> np.ndarray:
        if view not in self.local:
            return means[view]
        absent = np.isnan(self.local[view].x).all(axis=1)
        return np.where(absent[:, None], np.nan, self.local[view].mean)

    def _holes(self, pattern: Pattern, rows: np.ndarray, tables: Mapping[str, np.ndarray]) -> Holes | None:
        parts = [
            np.isnan(self.local[view].x[rows]) if view in self.local else np.zeros(tables[view].shape, bool)
            for view in pattern
        ]
        missing = np.concatenate([np.zeros((len(rows), 0), bool), *parts], axis=1)
        return Holes.of(missing) if missing.any() else None

    def refresh(self, model: FactorModel) -> tuple[Moments, dict[str, float]]:
        """Update every local q(z), and the means of g along with it.

        Returns:
            The renewed moments, and E log p(x | z) by local view, nats.
        """
        self._update(model)
        return self.moments(model), {view: local.log_likelihood() for view, local in self.local.items()}

    def _update(self, model: FactorModel) -> None:
        for pattern, group in self.groups.items():
            inferred = [view for view in pattern if view in self.local]
            if not inferred:
                continue
            where = offsets(self.sizes, pattern)
            project, _, _ = model.given(pattern)
            bias = model.bias(pattern)
            for view in inferred:
                part, own = model.views[view], where[view]
                to_view = project @ part.weights.T
                predicted = group.stacked @ to_view + (part.bias - bias @ to_view)
                from_others = predicted - group.stacked[:, own] @ to_view[own]
                self.local[view].update(group.rows, from_others, part.tau, symmetrize(to_view[own]))
                group.stacked[:, own] = self.local[view].mean[group.rows]

    def stretch(self, model: FactorModel) -> FactorModel:
        """Bring every local embedding, and the model of it, to the scale that raises the bound most."""
        views = dict(model.views)
        squares = self._squares(model)
        for view, local in self.local.items():
            views[view] = local.stretch(views[view], squares[view])
            for pattern, group in self.groups.items():
                if view in pattern:
                    group.stacked[:, offsets(self.sizes, pattern)[view]] = local.mean[group.rows]
        return replace(model, views=views)

    def _squares(self, model: FactorModel) -> dict[str, np.ndarray]:
        """By local view, (D,) sum over samples of (<z> - <W><g> - <b>)^2, and where x is seen of <W> Sigma <W>^T."""
        latent, totals = self.latents(model), {}
        for view, local in self.local.items():
            part = model.views[view]
            each = np.square(local.mean - latent @ part.weights.T - part.bias)
            totals[view] = each[~np.isnan(local.x).all(axis=1)].sum(axis=0)
        for rows, covariance in self.apart(model):
            for view, local in self.local.items():
                weights = model.views[view].weights
                totals[view] += np.sum(
                    np.sum((weights @ covariance) * weights, axis=-1) * ~np.isnan(local.x[rows]), axis=0
                )
        return totals

    def moments(self, model: FactorModel | None = None) -> Moments:
        """Moments of the embeddings as they stand; only the rows of local views are summed again.

        Args:
            model: to say what missing entries and g have in common; without it they are taken as independent.
        """
        patterns = {}
        for pattern, group in self.groups.items():
            if group.fixed is not None:
                part = self._sums(pattern, group, group.fixed)
                if model is not None and group.holes is not None:
                    part = replace(part, joint=group.holes.joint(model, pattern))
                patterns[pattern] = part
        return Moments(self.sizes, patterns)

    def _sums(self, pattern: Pattern, group: _Group, part: PatternMoments) -> PatternMoments:
        inferred = [view for view in pattern if view in self.local]
        if not inferred:
            return part
        total, outer, variance = part.total.copy(), part.outer.copy(), part.variance.copy()
        entropy = dict(part.entropy)
        where = offsets(self.sizes, pattern)
        for view in inferred:
            place = where[view]
            crossed = group.stacked[:, place].T @ group.stacked
            outer[place] = crossed
            outer[:, place] = crossed.T
            total[place] = group.stacked[:, place].sum(axis=0)
            spread = self.local[view].variance[group.rows]
            variance[place] = spread.sum(axis=0)
            entropy[view] = gaussian_entropy(spread)
        return PatternMoments(part.count, total, outer, variance, entropy)

    def latents(self, model: FactorModel) -> np.ndarray:
        """<g> of every sample as (N, K); the prior's where a sample has no view."""
        mean = np.zeros((self.count, model.factors))
        for pattern, group in self.groups.items():
            project, _, _ = model.given(pattern)
            mean[group.rows] = (group.stacked - model.bias(pattern)) @ project
        return mean

    def apart(self, model: FactorModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As `covariances`, but those of a fit, which holds q(g) and q(z) of entries with a likelihood apart."""
        for pattern, group in self.groups.items():
            yield from _spreads(model, pattern, group, group.holes)

    def covariances(self, model: FactorModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Samples (R,), and their Sigma_G: one (K, K) for all of them, or (R, K, K) where that of each is its own.

        With z of local views integrated out: what the updates of a fit take for known of z would leave g too certain.
        """
        for pattern, group in self.groups.items():
            shares = np.zeros(group.stacked.shape)
            for view, place in offsets(self.sizes, pattern).items():
                if view in self.local:
                    shares[:, place] = self.local[view].shares(group.rows, model.views[view].tau)
            open_entries = Holes(shares, np.arange(len(shares))) if shares.any() else None
            yield from _spreads(model, pattern, group, open_entries)

    def expect(self, model: FactorModel, view: str) -> np.ndarray:
        """(N, D) mean of the embedding of `view` that q(g) foretells for every sample; as `predict`, but sooner."""
        part = model.views[view]
        return self.latents(model) @ part.weights.T + part.bias

    def predict(self, model: FactorModel, view: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, each (N, D), of the embedding of `view` that q(g) foretells for every sample.

        `view` may be one of these embeddings or not; give evidence without it for a prediction from the others.
        """
        latent = self.latents(model)
        mean, variance = np.empty((2, self.count, model.views[view].size))
        for rows, covariance in self.covariances(model):
            mean[rows], variance[rows] = model.predict(view, latent[rows], covariance)
        return mean, variance

    def settle(self, model: FactorModel, tolerance: float = 1e-6, steps: int = 200) -> None:
        """Iterate local q(z) and q(g) to their fixed point with the model's parameters held as they are."""
        for _ in range(steps):
            before = [local.mean.copy() for local in self.local.values()]
            self._update(model)
            pairs = zip(self.local.values(), before, strict=True)
            if all(np.abs(local.mean - old).max(initial=0.0) <= tolerance for local, old in pairs):
                return


def _spreads(
    model: FactorModel, pattern: Pattern, group: _Group, holes: Holes | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Samples of the group, and Sigma_G of them where `holes` says what is open."""
    if holes is None:
        yield group.rows, model.given(pattern)[1]
        return
    for part, covariance, _ in holes.posteriors(model, pattern):
        here = np.flatnonzero((holes.kind >= part.start) & (holes.kind < part.stop))
        yield group.rows[here], covariance[holes.kind[here] - part.start]
