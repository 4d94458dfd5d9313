"""Sums over samples: all that the global updates need to know of the data, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from favae_cli.factors.linalg import few_threads
from favae_cli.factors.second_moment import Rows, SecondMoment, Square, added, second_moment

Pattern = tuple[str, ...]
"""The views that a sample has, in the order of the model's views."""

CHUNK = 8192  # samples converted to float64 at a time

Total = Callable[[np.ndarray], np.ndarray]
"""Sums what the processes have that share the samples among them; of one process alone, what it has."""

T = TypeVar("T")


class Gather(Protocol):
    """Gives a list of what every process has, the same everywhere: arrays, and trees of them."""

    def __call__(self, part: T) -> list[T]:
        """The parts of all processes, in the order of their ranks."""
        ...


def alone(part: T) -> list[T]:
    """There is no other process."""
    return [part]


def offsets(sizes: Mapping[str, int], pattern: Pattern) -> dict[str, slice]:
    """Where each view of `pattern` lies in the stacked embedding of size sum of D_m."""
    ends = np.cumsum([sizes[view] for view in pattern])
    return {view: slice(int(end) - sizes[view], int(end)) for view, end in zip(pattern, ends, strict=True)}


@dataclass(frozen=True)
class Joint:
    """What g and z have in common under q, where entries of z are missing; sums over samples (factors.missing_entries).

    Attributes:
        gg: (K, K) of Sigma_n, beyond that of samples without holes.
        zg: (D_p, K) of Cov(z_n, g_n).
        variance: (D_p,) of Var z_n, beyond that given g.
        log_det: of log det Sigma_n^-1, beyond that of samples without holes.
    """

    gg: np.ndarray
    zg: np.ndarray
    variance: np.ndarray
    log_det: float

    def __add__(self, other: Joint) -> Joint:
        return Joint(
            self.gg + other.gg, self.zg + other.zg, self.variance + other.variance, self.log_det + other.log_det
        )


@dataclass(frozen=True)
class PatternMoments:
    """Sums over the samples that have exactly one set of views; D_p is their stacked embedding size.

    Attributes:
        count: N_p.
        total: (D_p,) sum of <z_n>.
        outer: sum of <z_n><z_n>^T, (D_p, D_p) or as the samples themselves where they are fewer than D_p.
        variance: (D_p,) sum of Var z_n.
        entropy: sum over samples of the entropy of q(z_n^(m)) in nats, by view; 0 where z is observed.
        joint: where entries are missing, and only as one model sees them.
    """

    count: int
    total: np.ndarray
    outer: SecondMoment
    variance: np.ndarray
    entropy: dict[str, float]
    joint: Joint | None = None

    def scaled(self, by: np.ndarray) -> PatternMoments:
        """Of embeddings whose dimensions are `by` (D_p,) times what they were; those that are uncertain stay."""
        assert self.joint is None
        return replace(self, total=self.total * by, outer=self.outer.scaled(by))

    def __add__(self, other: PatternMoments) -> PatternMoments:
        return PatternMoments(
            self.count + other.count,
            self.total + other.total,
            added(self.outer, other.outer),
            self.variance + other.variance,
            {view: value + other.entropy[view] for view, value in self.entropy.items()},
            self.joint + other.joint if self.joint and other.joint else self.joint or other.joint,
        )


@dataclass(frozen=True)
class Moments:
    """The moments of every pattern of present views; additive over batches and machines.

    Attributes:
        sizes: embedding size D_m by view; its order is the order of the views.
        patterns: sums by pattern.
    """

    sizes: dict[str, int]
    patterns: dict[Pattern, PatternMoments]

    @classmethod
    @few_threads()
    def from_arrays(cls, means: Mapping[str, np.ndarray], variances: Mapping[str, np.ndarray] | None = None) -> Moments:
        """Moments of embeddings held in memory.

        Args:
            means: by view, <z> as (N, D_m); a row of NaN says that the sample lacks the view.
            variances: by view, Var z as (N, D_m), for views whose embedding is uncertain; the others are
                taken as observed.

        Raises:
            ValueError: views of unequal N, a row that is partly NaN, or a sample without any view.
        """
        arrays = {view: np.asarray(mean) for view, mean in means.items()}
        sizes = {view: array.shape[1] for view, array in arrays.items()}
        patterns: dict[Pattern, PatternMoments] = {}
        for pattern, rows in group_by_pattern(arrays).items():
            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                tables = {view: arrays[view][part] for view in pattern}
                spread = {view: (variances or {})[view][part] for view in pattern if view in (variances or {})}
                chunk = sums(pattern, tables, spread)
                patterns[pattern] = patterns[pattern] + chunk if pattern in patterns else chunk
        return cls(sizes, patterns)

    def as_tree(self) -> dict[str, Any]:
        """Numbers, texts and arrays in lists and dicts alone, to be told to another process."""
        parts = []
        for pattern, part in self.patterns.items():
            own = {"outer": part.outer.table, "as_rows": isinstance(part.outer, Rows)}
            own["joint"] = part.joint and vars(part.joint)
            parts.append({"pattern": list(pattern), **vars(part), **own})
        return {"sizes": self.sizes, "parts": parts}

    @classmethod
    def of_tree(cls, tree: Mapping[str, Any]) -> Moments:
        """Those that `as_tree` told."""
        patterns = {}
        for part in tree["parts"]:
            own = {name: value for name, value in part.items() if name not in ("pattern", "as_rows")}
            own["outer"] = (Rows if part["as_rows"] else Square)(part["outer"])
            own["joint"] = part["joint"] and Joint(**part["joint"])
            patterns[tuple(part["pattern"])] = PatternMoments(**own)
        return cls(tree["sizes"], patterns)

    @property
    def count(self) -> int:
        """N, samples in all patterns."""
        return sum(moments.count for moments in self.patterns.values())

    def of_view(self, view: str) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
        """N_m of one view, and (D_m,) sums over its samples of <z>, <z>^2 and Var z."""
        count, sums = 0, np.zeros((3, self.sizes[view]))
        for pattern, part in self.patterns.items():
            if view in pattern:
                where = offsets(self.sizes, pattern)[view]
                count += part.count
                sums += np.stack([part.total, part.outer.diagonal(), part.variance])[:, where]
        return count, *sums

    def stretched(self, scales: Mapping[str, float]) -> Moments:
        """The moments with the embeddings of some views `scales` times what they were."""
        patterns = {}
        for pattern, part in self.patterns.items():
            assert part.joint is None
            by = np.concatenate([np.full(self.sizes[view], scales.get(view, 1.0)) for view in pattern])
            entropy = dict(part.entropy)
            for view in scales.keys() & entropy.keys():
                uncertain = part.variance[offsets(self.sizes, pattern)[view]] > 0
                entropy[view] += part.count * int(uncertain.sum()) * float(np.log(scales[view]))
            patterns[pattern] = PatternMoments(
                part.count, part.total * by, part.outer.scaled(by), part.variance * by**2, entropy
            )
        return Moments(self.sizes, patterns)

    def merge(self, other: Moments) -> Moments:
        """Moments of both sets of samples together.

        Raises:
            ValueError: the two have different views or embedding sizes.
        """
        if list(self.sizes.items()) != list(other.sizes.items()):
            raise ValueError(f"moments of different views cannot be merged: {self.sizes} and {other.sizes}")
        patterns = dict(self.patterns)
        for pattern, moments in other.patterns.items():
            patterns[pattern] = patterns[pattern] + moments if pattern in patterns else moments
        return Moments(self.sizes, patterns)


def group_by_pattern(
    arrays: Mapping[str, np.ndarray], allow_empty: bool = False, partly: Container[str] = ()
) -> dict[Pattern, np.ndarray]:
    """Sample indices by the set of views they have, from NaN rows; patterns in a stable order.

    Args:
        arrays: by view, (N, D_m).
        allow_empty: take samples without any view as a pattern of their own, instead of an error.
        partly: views of which single entries may be NaN.

    Raises:
        ValueError: as `Moments.from_arrays`.
    """
    lengths = {view: len(array) for view, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"every view needs the same number of rows, got {lengths}")
    missing = []
    for view, array in arrays.items():
        absent = np.empty(len(array), bool)
        for start in range(0, len(array), CHUNK):
            gaps = np.isnan(array[start : start + CHUNK])
            absent[start : start + CHUNK] = gaps.all(axis=1)
            partial = np.flatnonzero(gaps.any(axis=1) & ~gaps.all(axis=1))
            if partial.size and view not in partly:
                raise ValueError(f"view {view!r}, row {start + partial[0]}: a row must be whole or all NaN")
        missing.append(absent)
    has = ~np.stack(missing, axis=1)
    empty = np.flatnonzero(~has.any(axis=1))
    if empty.size and not allow_empty:
        raise ValueError(f"row {empty[0]} has no view at all")
    names = tuple(arrays)
    kinds, kind = np.unique(has, axis=0, return_inverse=True)
    return {
        tuple(name for name, there in zip(names, kinds[i], strict=True) if there): np.flatnonzero(kind.ravel() == i)
        for i in range(len(kinds))
    }


def gaussian_entropy(variance: np.ndarray) -> float:
    """Entropy in nats of independent Gaussians, summed over the entries of `variance` that are not 0 (observed)."""
    return 0.5 * float(np.log(2 * np.pi * np.e * variance[variance > 0]).sum())


def sums(pattern: Pattern, means: Mapping[str, np.ndarray], variances: Mapping[str, np.ndarray]) -> PatternMoments:
    """Moments of samples that all have exactly the views `pattern`; arrays as in `Moments.from_arrays`."""
    stacked = np.concatenate([means[view] for view in pattern], axis=1, dtype=np.float64)
    spread, entropy = [], {}
    for view in pattern:
        if view in variances:
            variance = np.asarray(variances[view], dtype=np.float64)
            spread.append(variance.sum(axis=0))
            entropy[view] = gaussian_entropy(variance)
        else:
            spread.append(np.zeros(means[view].shape[1]))
            entropy[view] = 0.0
    return PatternMoments(len(stacked), stacked.sum(axis=0), second_moment(stacked), np.concatenate(spread), entropy)


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """`CHUNK` of the samples at a time."""
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
