"""What samples say of g, and g of their views: q(g) in closed form, and q(z) of the views that are inferred with it."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Protocol

import numpy as np

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.linalg import few_threads
from favae_cli.factors.missing_entries import Holes, Spread
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import Joint, Pattern, Total, chunks, group_by_pattern, offsets
from favae_cli.factors.settling import iterate

HELD = 1 << 20  # numbers of U, of samples that are settled together


class LocalEmbedding(Protocol):
    """q(z) of a view whose embedding has its own closed-form update given g (bernoulli, categorical, real).

    Where x is NaN, `mean` and `variance` are those of z given <g>; g and such a z are correlated (`missing_entries`).

    Attributes:
        missing: bool (N, D), where x is NaN.
        open: bool (N,), samples whose q(z) hangs on g; x alone settles that of the others, but for the scale.
    """

    x: np.ndarray
    mean: np.ndarray
    missing: np.ndarray
    open: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """(N, D) of q(z), given g where x is missing."""
        ...

    @property
    def noise(self) -> Curvature | None:
        """Of z around W g + b, where it is not inferred."""
        ...

    def reset(self) -> None:
        """Have q(z) and its scale as they were before all updates."""
        ...

    def update(self, rows: np.ndarray, latent: np.ndarray, view: ViewFactors) -> None:
        """Set the optimal q(z) of the samples `rows`, given (R, K) <g> and the beliefs `view` about z."""
        ...

    def spread(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Of the samples `rows` the sum of `variance`, (D,), and the entropy of q(z), nats."""
        ...

    def shares(self, rows: np.ndarray, precision: float) -> np.ndarray:
        """How far z follows its prior mean, (R, D) in 0 to 1; 1 where x is missing, 0 where it is z."""
        ...

    def log_likelihood(self) -> float:
        """E log p(x | z), or its bound, summed over the entries seen, nats."""
        ...

    def stretch(self, view: ViewFactors, squares: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Change the scale of z where it is free, by sums of squares over `seen` entries, (D,); returns the ratio."""
        ...

    def improve(self, expected: np.ndarray, total: Total = ...) -> None:
        """Choose what else the likelihood leaves open, at (N, D) <W><g> + <b>; `total` sums over processes."""
        ...


@dataclass(frozen=True)
class Group:
    """Samples that have the same views.

    Attributes:
        rows: all of them.
        open: those of them whose q(z) hangs on g, in one view or more.
        holes: of `open`; None where no entry is missing.
    """

    rows: np.ndarray
    open: np.ndarray
    holes: Holes | None


@dataclass(frozen=True)
class Opened:
    """Samples of one pattern that are open, and their q(g) as far as it does not hang on z.

    Attributes:
        rows: (R,).
        loadings: (D_p, K) <tau><W>.
        bias: (D_p,).
        spread: Sigma of g, (K, K), or of each sample where entries of z are missing, of which nothing is known; of some
            of the samples at a time, one after the other.
    """

    pattern: Pattern
    rows: np.ndarray
    loadings: np.ndarray
    bias: np.ndarray
    spread: np.ndarray | list[Spread]

    @property
    def joint(self) -> Joint | None:
        """Of these samples, where entries are missing."""
        return reduce(operator.add, (part.joint for part in self.spread)) if isinstance(self.spread, list) else None

    def latent(self, pulls: np.ndarray) -> np.ndarray:
        """(R, K) <g>, where these are the sums over d of <tau> w_d (z_d - b_d)."""
        if not isinstance(self.spread, list):
            return pulls @ self.spread
        ends = np.cumsum([len(part.samples) for part in self.spread])[:-1]
        parts = zip(self.spread, np.split(pulls, ends), strict=True)
        return np.concatenate([part.times(own) for part, own in parts])


class Evidence:
    """Embeddings of N samples in all their views, as evidence about g.

    Only the tables that are given and the local embeddings are kept for every sample; all else is worked out for
    some of them at a time.

    Args:
        means: by view, <z> as (N, D_m) of the fixed views; a row of NaN says that the sample lacks the view.
        local: by view, the embeddings that are inferred from g. A sample all of whose entries of x are NaN
            lacks the view.
        order: all of these views in the order of the model.

    A sample may lack every view: its g keeps the prior.

    Attributes:
        groups: the samples by the views that they have.

    Raises:
        ValueError: views of unequal N, or a row that is partly NaN.
    """

    def __init__(
        self, means: Mapping[str, np.ndarray], local: Mapping[str, LocalEmbedding], order: tuple[str, ...]
    ) -> None:
        self.local, self._means = dict(local), means
        tables = {view: self.local[view].x if view in self.local else means[view] for view in order}
        self.sizes = {view: table.shape[1] for view, table in tables.items()}
        self.count = len(next(iter(tables.values())))
        self.groups: dict[Pattern, Group] = {}
        for pattern, rows in group_by_pattern(tables, allow_empty=True, partly=self.local).items():
            is_open = np.zeros(len(rows), bool)
            for view in self._local_views(pattern):
                is_open |= self.local[view].open[rows]
            self.groups[pattern] = Group(rows, rows[is_open], self._holes(pattern, rows[is_open]))

    @few_threads()
    def settle(self, model: FactorModel, tolerance: float = 1e-6, steps: int = 200) -> None:
        """Iterate local q(z) and q(g) to their fixed point with the model's parameters held as they are."""
        for opened in self._opened(model):
            inferred = self._local_views(opened.pattern)
            weights = np.concatenate([model.views[view].weights for view in inferred])
            # Columns that are z where they are seen are settled by the first step.
            most = 1 if all(self.local[view].noise is None for view in inferred) else steps
            find, renew = partial(self._latent, model, opened), partial(self._renew, model, opened)
            iterate(find, renew, weights, most, tolerance)

    def _opened(self, model: FactorModel) -> Iterator[Opened]:
        """The samples that are open, some of one pattern at a time."""
        for pattern, group in self.groups.items():
            if not group.open.size:
                continue
            told = model.loadings(pattern), model.bias(pattern)
            if group.holes is None:
                _, covariance, _ = model.given(pattern)
                for rows in chunks(group.open):
                    yield Opened(pattern, rows, *told, covariance)
            else:
                for some in _together(group.holes.spreads(model, pattern)):
                    rows = group.open[np.concatenate([spread.samples for spread in some])]
                    yield Opened(pattern, rows, *told, some)

    def _follow(self, model: FactorModel, opened: Opened) -> None:
        """Renew the local q(z) of samples that are open, with <g> as the entries of z that are not missing have it."""
        self._renew(model, opened, self._latent(model, opened))

    def _latent(self, model: FactorModel, opened: Opened) -> np.ndarray:
        """(R, K) <g_n> = Sigma_n sum over d seen of <tau> w_d (<z_nd> - b_d): the optimum over q(g) and missing z."""
        where = offsets(self.sizes, opened.pattern)
        seen = self._stacked(opened.pattern, opened.rows)
        seen -= opened.bias
        for view in self._local_views(opened.pattern):
            seen[:, where[view]][self.local[view].missing[opened.rows]] = 0.0
        return opened.latent(seen @ opened.loadings)

    def _renew(self, model: FactorModel, opened: Opened, latent: np.ndarray) -> None:
        """The local q(z) of samples that are open, given (R, K) <g>."""
        for view in self._local_views(opened.pattern):
            if self.local[view].open[opened.rows].any():
                self.local[view].update(opened.rows, latent, model.views[view])

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
            for rows in chunks(group.rows):
                yield pattern, rows, (self._stacked(pattern, rows) - bias) @ project

    def apart(self, model: FactorModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As `covariances`, but those of a fit, which holds q(g) and q(z) of entries with a likelihood apart."""
        for pattern, group in self.groups.items():
            if group.holes is None:
                yield group.rows, model.given(pattern)[1]
                continue
            yield np.setdiff1d(group.rows, group.open, assume_unique=True), model.given(pattern)[1]
            for spread in group.holes.spreads(model, pattern):
                yield group.open[spread.samples], spread.covariance

    def covariances(self, model: FactorModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Samples (R,), and their Sigma_G: one (K, K) for all of them, or (R, K, K) where that of each is its own.

        With z of local views integrated out: what the updates of a fit take for known of z would leave g too certain.
        """
        for pattern, group in self.groups.items():
            where = offsets(self.sizes, pattern)
            for rows in chunks(group.rows):
                shares = np.zeros((len(rows), sum(self.sizes[view] for view in pattern)))
                for view in self._local_views(pattern):
                    shares[:, where[view]] = self.local[view].shares(rows, model.views[view].tau)
                if not shares.any():
                    yield rows, model.given(pattern)[1]
                    continue
                for spread in Holes.sorted(shares, np.arange(len(rows))).spreads(model, pattern):
                    yield rows[spread.samples], spread.covariance

    @few_threads()
    def expect(self, model: FactorModel, view: str) -> np.ndarray:
        """(N, D) mean of the embedding of `view` of every sample, expected given q(g); as `predict`, but sooner."""
        part = model.views[view]
        mean = np.empty((self.count, part.size))
        for _, rows, latent in self._inferred(model):
            mean[rows] = part.expected(latent)
        return mean

    @few_threads()
    def predict(self, model: FactorModel, view: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, each (N, D), of the embedding of `view` of every sample given q(g).

        `view` may be one of these embeddings or not; give evidence without it for a prediction from the others.
        """
        latent = self.latents(model)
        mean, variance = np.empty((2, self.count, model.views[view].size))
        for rows, covariance in self.covariances(model):
            mean[rows], variance[rows] = model.predict(view, latent[rows], covariance)
        return mean, variance

    def _local_views(self, pattern: Pattern) -> list[str]:
        """The local views of a pattern, in its order: that of a set would differ from one process to the next."""
        return [view for view in pattern if view in self.local]

    def _table(self, view: str) -> np.ndarray:
        """(N, D_m) <z> as it stands."""
        return self.local[view].mean if view in self.local else self._means[view]

    def _stacked(self, pattern: Pattern, rows: np.ndarray) -> np.ndarray:
        """(R, D_p) <z> of samples of one pattern."""
        tables = [self._table(view)[rows].astype(np.float64, copy=False) for view in pattern]
        return np.concatenate([np.zeros((len(rows), 0)), *tables], axis=1)

    def _holes(self, pattern: Pattern, rows: np.ndarray) -> Holes | None:
        inferred = self._local_views(pattern)
        if not inferred:
            return None
        absent = {view: np.broadcast_to(False, (len(rows), self.sizes[view])) for view in pattern}
        missing = np.concatenate([*(absent | {view: self.local[view].missing[rows] for view in inferred}).values()], 1)
        return Holes.of(missing) if missing.any() else None


def _together(spreads: Iterator[Spread]) -> Iterator[list[Spread]]:
    """Several at a time."""
    some: list[Spread] = []
    for spread in spreads:
        if some and sum(part.left.size for part in [*some, spread]) > HELD:
            yield some
            some = []
        some.append(spread)
    if some:
        yield some
