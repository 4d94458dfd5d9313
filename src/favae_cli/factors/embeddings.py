"""The samples' embeddings: fixed ones from encoders, local ones inferred from g; and g from them."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

import numpy as np

from favae_cli.factors.linalg import few_threads, symmetrize
from favae_cli.factors.missing_entries import Holes
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import (
    CHUNK,
    Gather,
    Moments,
    Pattern,
    PatternMoments,
    Total,
    alone,
    gaussian_entropy,
    group_by_pattern,
    offsets,
    sums,
)


class LocalEmbedding(Protocol):
    """q(z) of a view whose embedding has its own closed-form update given g (bernoulli, categorical, real).

    Where x is NaN, `mean` and `variance` are those of z given <g>; g and such a z are correlated (factors.holes).

    Attributes:
        open: bool (N,), samples whose q(z) hangs on g; x alone settles that of the others, but for the scale.
    """

    x: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    open: np.ndarray

    def update(
        self, rows: np.ndarray, prior_mean: np.ndarray, precision: float, coupling: np.ndarray | None = None
    ) -> None: ...

    def shares(self, rows: np.ndarray, precision: float) -> np.ndarray: ...

    def log_likelihood(self) -> float: ...

    def stretch(self, view: ViewFactors, squares: np.ndarray, total: Total = ...) -> ViewFactors: ...


@dataclass(frozen=True)
class _Group:
    """Samples that have the same views.

    Attributes:
        rows: all of them.
        open: those of them whose q(z) hangs on g, in one view or more.
        holes: of `rows`; None where no entry is missing.
    """

    rows: np.ndarray
    open: np.ndarray
    holes: Holes | None


class Embeddings:
    """Embeddings of N samples in all their views.

    Only the tables that are given and the local embeddings are kept for every sample; all else is worked out for
    `CHUNK` of them at a time.

    Args:
        means: by view, <z> as (N, D_m) of the fixed views; a row of NaN says that the sample lacks the view.
        variances: by view, Var z as (N, D_m), for fixed views whose embedding is uncertain.
        local: by view, the embeddings that are inferred from g. A sample all of whose entries of x are NaN
            lacks the view.
        order: all of these views in the order of the model.
        fixed: moments of these samples, where they have been summed already; `variances` are then not looked at.
        gather: gives a list of what every process has, where the samples are spread over several; all of them must
            then take the same steps. Sums are over all processes, samples are this one's.

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
        fixed: Moments | None = None,
        gather: Gather = alone,
    ) -> None:
        self.local, self._means, self._variances, self._gather = dict(local), means, variances, gather
        self._fixed = dict(fixed.patterns) if fixed else {}
        self._settled: dict[Pattern, PatternMoments] = {}
        tables = {view: self.local[view].x if view in self.local else means[view] for view in order}
        self.sizes = {view: table.shape[1] for view, table in tables.items()}
        self.count = len(next(iter(tables.values())))
        self.groups: dict[Pattern, _Group] = {}
        for pattern, rows in group_by_pattern(tables, allow_empty=True, partly=self.local).items():
            is_open = np.zeros(len(rows), bool)
            for view in set(pattern) & self.local.keys():
                is_open |= self.local[view].open[rows]
            self.groups[pattern] = _Group(rows, rows[is_open], self._holes(pattern, rows))

    def _summed(self, pattern: Pattern) -> PatternMoments:
        """Moments of the fixed views; those of the local ones are as they were when first asked for."""
        if pattern not in self._fixed:
            parts = (
                sums(
                    pattern,
                    {view: self._table(view)[rows] for view in pattern},
                    {view: self._variances[view][rows] for view in pattern if view in self._variances},
                )
                for rows in _chunks(self.groups[pattern].rows)
            )
            self._fixed[pattern] = reduce(operator.add, parts)
        return self._fixed[pattern]

    def _table(self, view: str) -> np.ndarray:
        """(N, D_m) <z> as it stands."""
        return self.local[view].mean if view in self.local else self._means[view]

    def _stacked(self, pattern: Pattern, rows: np.ndarray) -> np.ndarray:
        """(R, D_p) <z> of samples of one pattern."""
        tables = [self._table(view)[rows].astype(np.float64, copy=False) for view in pattern]
        return np.concatenate([np.zeros((len(rows), 0)), *tables], axis=1)

    def _holes(self, pattern: Pattern, rows: np.ndarray) -> Holes | None:
        inferred = [view for view in pattern if view in self.local]
        if not inferred:
            return None
        missing = np.concatenate([np.isnan(self.local[view].x[rows]) for view in inferred], axis=1)
        if not missing.any():
            return None
        found, where = Holes.of(missing), offsets(self.sizes, pattern)
        columns = np.concatenate([np.r_[where[view]] for view in inferred])
        shares = np.zeros((len(found.shares), sum(self.sizes[view] for view in pattern)), bool)
        shares[:, columns] = found.shares
        return Holes(shares, found.kind)

    def refresh(self, model: FactorModel) -> tuple[Moments, dict[str, float]]:
        """Update every local q(z), and the means of g along with it.

        Returns:
            The renewed moments, and E log p(x | z) by local view, nats.
        """
        self._update(model)
        likelihoods = {view: local.log_likelihood() for view, local in self.local.items()}
        return self.moments(model), {view: float(self._total(np.array(value))) for view, value in likelihoods.items()}

    def _total(self, part: np.ndarray) -> np.ndarray:
        """Over all processes."""
        return np.sum(self._gather(part), axis=0)

    def _update(self, model: FactorModel) -> None:
        for pattern, group in self.groups.items():
            inferred = [view for view in pattern if view in self.local]
            where = offsets(self.sizes, pattern)
            project, _, _ = model.given(pattern)
            bias = model.bias(pattern)
            for rows in _chunks(group.open):
                stacked = self._stacked(pattern, rows)
                for view in inferred:
                    part, own = model.views[view], where[view]
                    to_view = project @ part.weights.T
                    predicted = stacked @ to_view + (part.bias - bias @ to_view)
                    from_others = predicted - stacked[:, own] @ to_view[own]
                    self.local[view].update(rows, from_others, part.tau, symmetrize(to_view[own]))
                    stacked[:, own] = self.local[view].mean[rows]

    def stretch(self, model: FactorModel) -> FactorModel:
        """Bring every local embedding, and the model of it, to the scale that raises the bound most."""
        views = dict(model.views)
        squares = self._squares(model)
        for view, local in self.local.items():
            views[view] = local.stretch(views[view], squares[view], self._total)
        self._settled.clear()
        return replace(model, views=views)

    def _squares(self, model: FactorModel) -> dict[str, np.ndarray]:
        """By local view, (D,) sum over samples of (<z> - <W><g> - <b>)^2, and where x is seen of <W> Sigma <W>^T."""
        totals = {view: np.zeros(self.sizes[view]) for view in self.local}
        for pattern, rows, latent in self._inferred(model):
            for view in set(pattern) & self.local.keys():
                part = model.views[view]
                each = np.square(self.local[view].mean[rows] - latent @ part.weights.T - part.bias)
                totals[view] += each.sum(axis=0)
        for rows, covariance in self.apart(model):
            for view, local in self.local.items():
                weights = model.views[view].weights
                totals[view] += np.sum(
                    np.sum((weights @ covariance) * weights, axis=-1) * ~np.isnan(local.x[rows]), axis=0
                )
        return {view: self._total(total) for view, total in totals.items()}

    @few_threads()
    def moments(self, model: FactorModel | None = None) -> Moments:
        """Moments of the embeddings as they stand; only the rows of local views that are open are summed again.

        Args:
            model: to say what missing entries and g have in common; without it they are taken as independent.
        """
        patterns: dict[Pattern, PatternMoments] = {}
        for pattern, group in self.groups.items():
            if pattern:
                part = self._sums(pattern, group)
                if model is not None and group.holes is not None:
                    part = replace(part, joint=group.holes.joint(model, pattern))
                patterns[pattern] = part
        return reduce(Moments.merge, self._gather(Moments(self.sizes, patterns)))

    def _sums(self, pattern: Pattern, group: _Group) -> PatternMoments:
        if not set(pattern) & self.local.keys():
            return self._summed(pattern)
        if pattern not in self._settled:
            closed = np.setdiff1d(group.rows, group.open, assume_unique=True)
            self._settled[pattern] = self._without_local(self._summed(pattern), pattern) + self._local(pattern, closed)
        return self._settled[pattern] + self._local(pattern, group.open)

    def _without_local(self, part: PatternMoments, pattern: Pattern) -> PatternMoments:
        """The same with all that has to do with local views at 0."""
        kept = np.concatenate([np.full(self.sizes[view], view not in self.local, float) for view in pattern])
        entropy = {view: 0.0 if view in self.local else value for view, value in part.entropy.items()}
        return PatternMoments(
            part.count, part.total * kept, part.outer * np.outer(kept, kept), part.variance * kept, entropy
        )

    def _local(self, pattern: Pattern, rows: np.ndarray) -> PatternMoments:
        """What local views bring to the sums over some samples of a pattern; they are counted elsewhere."""
        size = sum(self.sizes[view] for view in pattern)
        total, outer, variance = np.zeros(size), np.zeros((size, size)), np.zeros(size)
        entropy, where = dict.fromkeys(pattern, 0.0), offsets(self.sizes, pattern)
        for chunk in _chunks(rows):
            stacked = self._stacked(pattern, chunk)
            for view in set(pattern) & self.local.keys():
                place, spread = where[view], self.local[view].variance[chunk]
                outer[place] += stacked[:, place].T @ stacked
                total[place] += stacked[:, place].sum(axis=0)
                variance[place] += spread.sum(axis=0)
                entropy[view] += gaussian_entropy(spread)
        for view in set(pattern) & self.local.keys():
            outer[:, where[view]] = outer[where[view]].T
        return PatternMoments(0, total, outer, variance, entropy)

    @few_threads()
    def latents(self, model: FactorModel) -> np.ndarray:
        """<g> of every sample as (N, K); the prior's where a sample has no view."""
        mean = np.zeros((self.count, model.factors))
        for _, rows, latent in self._inferred(model):
            mean[rows] = latent
        return mean

    def _inferred(self, model: FactorModel) -> Iterator[tuple[Pattern, np.ndarray, np.ndarray]]:
        """A pattern, some samples (R,) that have it, and their <g> (R, K), until every sample had its turn."""
        for pattern, group in self.groups.items():
            project, _, _ = model.given(pattern)
            bias = model.bias(pattern)
            for rows in _chunks(group.rows):
                yield pattern, rows, (self._stacked(pattern, rows) - bias) @ project

    def apart(self, model: FactorModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As `covariances`, but those of a fit, which holds q(g) and q(z) of entries with a likelihood apart."""
        for pattern, group in self.groups.items():
            yield from _spreads(model, pattern, group.rows, group.holes)

    def covariances(self, model: FactorModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Samples (R,), and their Sigma_G: one (K, K) for all of them, or (R, K, K) where that of each is its own.

        With z of local views integrated out: what the updates of a fit take for known of z would leave g too certain.
        """
        for pattern, group in self.groups.items():
            where = offsets(self.sizes, pattern)
            for rows in _chunks(group.rows):
                shares = np.zeros((len(rows), sum(self.sizes[view] for view in pattern)))
                for view in set(pattern) & self.local.keys():
                    shares[:, where[view]] = self.local[view].shares(rows, model.views[view].tau)
                open_entries = Holes(shares, np.arange(len(shares))) if shares.any() else None
                yield from _spreads(model, pattern, rows, open_entries)

    @few_threads()
    def expect(self, model: FactorModel, view: str) -> np.ndarray:
        """(N, D) mean of the embedding of `view` that q(g) foretells for every sample; as `predict`, but sooner."""
        part = model.views[view]
        mean = np.empty((self.count, part.size))
        for _, rows, latent in self._inferred(model):
            mean[rows] = latent @ part.weights.T + part.bias
        return mean

    @few_threads()
    def predict(self, model: FactorModel, view: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, each (N, D), of the embedding of `view` that q(g) foretells for every sample.

        `view` may be one of these embeddings or not; give evidence without it for a prediction from the others.
        """
        latent = self.latents(model)
        mean, variance = np.empty((2, self.count, model.views[view].size))
        for rows, covariance in self.covariances(model):
            mean[rows], variance[rows] = model.predict(view, latent[rows], covariance)
        return mean, variance

    @few_threads()
    def settle(self, model: FactorModel, tolerance: float = 1e-6, steps: int = 200) -> None:
        """Iterate local q(z) and q(g) to their fixed point with the model's parameters held as they are."""
        for _ in range(steps):
            before = [local.mean.copy() for local in self.local.values()]
            self._update(model)
            pairs = zip(self.local.values(), before, strict=True)
            if all(np.abs(local.mean - old).max(initial=0.0) <= tolerance for local, old in pairs):
                return


def _spreads(
    model: FactorModel, pattern: Pattern, rows: np.ndarray, holes: Holes | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Samples of one pattern, and Sigma_G of them where `holes` says what is open."""
    if holes is None:
        yield rows, model.given(pattern)[1]
        return
    for part, covariance, _ in holes.posteriors(model, pattern):
        here = np.flatnonzero((holes.kind >= part.start) & (holes.kind < part.stop))
        yield rows[here], covariance[holes.kind[here] - part.start]


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
