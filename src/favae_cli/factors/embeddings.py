"""The samples' embeddings and their sums, which are all that a fit needs to know of them."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import numpy as np

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.inference import Evidence, Group, LocalEmbedding
from favae_cli.factors.linalg import few_threads
from favae_cli.factors.model import FactorModel
from favae_cli.factors.moments import (
    Gather,
    Joint,
    Moments,
    Pattern,
    PatternMoments,
    alone,
    chunks,
    offsets,
    sums,
)
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.second_moment import Square, fewer
from favae_cli.factors.spectral_start import unique_variances
from favae_cli.factors.updates import LatentSums, residuals


class Embeddings(Evidence):
    """Evidence whose moments a factor model can be fitted to.

    Args:
        means, local, order: as for `Evidence`.
        variances: by view, Var z as (N, D_m), for fixed views whose embedding is uncertain.
        fixed: moments of these samples, where they have been summed already; `variances` are then not looked at.
        gather: gives a list of what every process has, where the samples are spread over several; all of them must
            then take the same steps. Sums are over all processes, samples are this one's.

    The moments leave out samples that lack every view.

    Raises:
        ValueError: as `Evidence`.
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
        super().__init__(means, local, order)
        self._variances, self._gather = variances, gather
        self._fixed = dict(fixed.patterns) if fixed else {}
        self._settled: dict[Pattern, PatternMoments] = {}
        self._seen: dict[str, np.ndarray] = {}

    def refresh(self, model: FactorModel) -> tuple[Moments, dict[str, float]]:
        """Update every local q(z), and the means of g along with it.

        Returns:
            The renewed moments, and E log p(x | z) by local view, nats.
        """
        joints = self._joints(model, follow=True)
        likelihoods = {view: local.log_likelihood() for view, local in self.local.items()}
        return self._moments(joints), {view: float(self._total(np.array(value))) for view, value in likelihoods.items()}

    @property
    def alone(self) -> bool:
        """Whether all samples are this process's; every process has to ask."""
        return len(self._gather(np.zeros(0))) == 1

    @property
    def noise(self) -> dict[str, Curvature]:
        """By local view whose noise is not inferred, what it is."""
        return {view: noise for view, local in self.local.items() if (noise := local.noise) is not None}

    def begin(self, moments: Moments) -> Moments:
        """Choose the scales that real columns start with, by what is unique to each; the moments from then on.

        Args:
            moments: of these embeddings.
        """
        real = self._real()
        unique = unique_variances(moments, real)
        if not unique:
            return moments
        for view, variances in unique.items():
            real[view].begin(variances, self._seen_of(view))
        self._settled.clear()
        return self.moments()

    def reset(self) -> Moments:
        """Have every local q(z) as it was made; returns the moments."""
        for local in self.local.values():
            local.reset()
        self._settled.clear()
        return self.moments()

    def _total(self, part: np.ndarray) -> np.ndarray:
        """Over all processes."""
        return np.sum(self._gather(part), axis=0)

    def stretch(self, model: FactorModel, latents: LatentSums) -> tuple[FactorModel, LatentSums]:
        """Change the scales of z that are free such that the bound does not fall, and model and sums along with them.

        Args:
            model: that z was renewed with.
            latents: what is then known of z and g.
        """
        views, sums, scales = dict(model.views), dict(latents.views), {}
        for view, local in self.local.items():
            part, own = views[view], sums[view]
            seen = self._seen_of(view)
            unseen = (own.count - part.copies * seen) / part.tau  # what the missing entries bring, given g
            scales[view] = scale = local.stretch(part, (residuals(part, own) - unseen) / part.copies, seen)
            views[view], sums[view] = part.stretched(scale), own.stretched(scale, unseen)
        self._rescale_settled(scales)
        return replace(model, views=views), replace(latents, views=sums)

    @property
    def scales(self) -> dict[str, np.ndarray]:
        """By real view, (D,) by how much z is larger than x."""
        return {view: local.scale for view, local in self._real().items()}

    def rescale(self, by: Mapping[str, np.ndarray]) -> None:
        """Make z of real views so many times (D,) what it is."""
        real = self._real()
        for view, ratio in by.items():
            real[view].rescale(ratio)
        self._rescale_settled(by)

    def held(self) -> dict[str, np.ndarray]:
        """Pseudo-data as they stand; z of real columns is made anew from x and g."""
        return {view: local.mean.copy() for view, local in self.local.items() if local.noise is not None}

    def put_back(self, held: Mapping[str, np.ndarray]) -> None:
        """Have pseudo-data as `held` told."""
        for view, mean in held.items():
            self.local[view].mean[:] = mean

    def _real(self) -> dict[str, RealEmbedding]:
        """The local views whose scale is not that of a likelihood."""
        return {
            view: local
            for view, local in self.local.items()
            if isinstance(local, RealEmbedding) and local.noise is None
        }

    def _rescale_settled(self, by: Mapping[str, np.ndarray]) -> None:
        for pattern, settled in self._settled.items():
            ratio = np.concatenate([by.get(view, np.ones(self.sizes[view])) for view in pattern])
            self._settled[pattern] = settled.scaled(ratio)

    def improve(self, model: FactorModel) -> None:
        """Choose what the likelihoods have of parameters such that the bound is the highest."""
        inferred = [view for view, local in self.local.items() if local.noise is not None]
        expected = {view: self.expect(model, view) for view in inferred}  # before any z is another
        for view in inferred:
            self.local[view].improve(expected[view], self._total)

    def _seen_of(self, view: str) -> np.ndarray:
        """(D,) entries that are not missing."""
        if view not in self._seen:
            self._seen[view] = self._total(np.sum(~self.local[view].missing, axis=0))
        return self._seen[view]

    @few_threads()
    def moments(self, model: FactorModel | None = None) -> Moments:
        """Moments of the embeddings as they stand; only the rows of local views that are open are summed again.

        Args:
            model: to say what missing entries and g have in common; without it they are taken as independent.
        """
        return self._moments(self._joints(model) if model else {})

    def _joints(self, model: FactorModel, follow: bool = False) -> dict[Pattern, Joint]:
        """Of the patterns in which entries are missing; local q(z) may be renewed along the way."""
        joints: dict[Pattern, Joint] = {}
        for opened in self._opened(model):
            if follow:
                self._follow(model, opened)
            if (joint := opened.joint) is not None:
                before = joints.get(opened.pattern)
                joints[opened.pattern] = before + joint if before else joint
        return joints

    def _moments(self, joints: Mapping[Pattern, Joint]) -> Moments:
        patterns: dict[Pattern, PatternMoments] = {}
        for pattern, group in self.groups.items():
            if pattern:
                patterns[pattern] = replace(self._sums(pattern, group), joint=joints.get(pattern))
        told = self._gather(Moments(self.sizes, patterns).as_tree())
        return reduce(Moments.merge, map(Moments.of_tree, told))

    def _sums(self, pattern: Pattern, group: Group) -> PatternMoments:
        if not self._local_views(pattern):
            return self._summed(pattern)
        if fewer(len(group.rows), sum(self.sizes[view] for view in pattern)):
            return self._few(pattern, group.rows)
        if pattern not in self._settled:
            closed = np.setdiff1d(group.rows, group.open, assume_unique=True)
            self._settled[pattern] = self._without_local(self._summed(pattern), pattern) + self._local(pattern, closed)
        return self._settled[pattern] + self._local(pattern, group.open)

    def _few(self, pattern: Pattern, rows: np.ndarray) -> PatternMoments:
        """Moments of samples that are fewer than their dimensions: sums of them would take more time and room."""
        spreads = {view: self._variances[view][rows] for view in pattern if view in self._variances}
        part = sums(pattern, {view: self._table(view)[rows] for view in pattern}, spreads)
        where = offsets(self.sizes, pattern)
        for view in self._local_views(pattern):
            part.variance[where[view]], part.entropy[view] = self.local[view].spread(rows)
        if pattern in self._fixed:  # where the variances were summed
            known = self._fixed[pattern]
            for view in part.entropy.keys() - self.local.keys():
                part.variance[where[view]], part.entropy[view] = known.variance[where[view]], known.entropy[view]
        return part

    def _without_local(self, part: PatternMoments, pattern: Pattern) -> PatternMoments:
        """The same with all that has to do with local views at 0."""
        kept = np.concatenate([np.full(self.sizes[view], view not in self.local, float) for view in pattern])
        entropy = {view: 0.0 if view in self.local else value for view, value in part.entropy.items()}
        return PatternMoments(part.count, part.total * kept, part.outer.scaled(kept), part.variance * kept, entropy)

    def _local(self, pattern: Pattern, rows: np.ndarray) -> PatternMoments:
        """What local views bring to the sums over some samples of a pattern; they are counted elsewhere."""
        size = sum(self.sizes[view] for view in pattern)
        total, outer, variance = np.zeros(size), np.zeros((size, size)), np.zeros(size)
        entropy, where = dict.fromkeys(pattern, 0.0), offsets(self.sizes, pattern)
        for chunk in chunks(rows):
            stacked = self._stacked(pattern, chunk)
            for view in self._local_views(pattern):
                place = where[view]
                outer[place] += stacked[:, place].T @ stacked
                total[place] += stacked[:, place].sum(axis=0)
                spread, own = self.local[view].spread(chunk)
                variance[place] += spread
                entropy[view] += own
        for view in self._local_views(pattern):
            outer[:, where[view]] = outer[where[view]].T
        return PatternMoments(0, total, Square(outer), variance, entropy)

    def _summed(self, pattern: Pattern) -> PatternMoments:
        """Moments of the fixed views; those of the local ones are as they were when first asked for."""
        if pattern not in self._fixed:
            parts = (
                sums(
                    pattern,
                    {view: self._table(view)[rows] for view in pattern},
                    {view: self._variances[view][rows] for view in pattern if view in self._variances},
                )
                for rows in chunks(self.groups[pattern].rows)
            )
            self._fixed[pattern] = reduce(operator.add, parts)
        return self._fixed[pattern]
