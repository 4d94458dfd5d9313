"""q(g, z) where z is not observed: z then follows g, and q(g) is wider than if z were known.

Given g, an entry of z has mean s (w g + b) and something else, with a share s of 0 where z is observed, of 1 where
it is missing and has no likelihood, and between them where x says something of z (`LocalEmbedding.shares`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from favae_cli.factors.linalg import EngineError, psd_solve, symmetrize
from favae_cli.factors.model import FactorModel
from favae_cli.factors.moments import Joint, Pattern

CHUNK = 1 << 16  # numbers of the largest temporary array: those of a part of the samples lie in the cache
MANY = 4  # samples by set, from which they are worth a product of their own
LEAST_LEFT = 1e-2  # of a pivot; the difference has the errors of P^-1, divided by it
WHAT = "the precision of g where entries are missing"


@dataclass(frozen=True)
class Spread:
    """Sigma_n of g for some samples of one pattern: C + U_n^T V_n, with C that of samples without holes.

    With L_n (w, K) the rows sqrt(s_d <tau>) w_d of the w entries that are open, U_n = L_n C and V_n = L_n Sigma_n; or
    U_n = I and V_n = Sigma_n - C.

    Attributes:
        samples: (R,) which of the samples.
        kind: (R,) the set of open entries of each, of m.
        whole: (K, K) C.
        left: (m, w, K) U.
        right: (m, w, K) V.
        joint: what sums over these samples have beyond q(g) q(z) with g as uncertain as for samples without holes.
    """

    samples: np.ndarray
    kind: np.ndarray
    whole: np.ndarray
    left: np.ndarray
    right: np.ndarray
    joint: Joint

    def times(self, pulls: np.ndarray) -> np.ndarray:
        """(R, K) of Sigma_n p_n, for the samples in their order."""
        found: np.ndarray = pulls @ self.whole
        if len(self.kind) > MANY * len(self.left):  # many samples by set
            begins = np.searchsorted(self.kind, np.arange(len(self.left) + 1))
            for which in range(len(self.left)):
                own = slice(begins[which], begins[which + 1])
                found[own] += pulls[own] @ self.left[which].T @ self.right[which]
            return found
        left, right = self._of_samples(self.left), self._of_samples(self.right)
        along = left @ pulls[:, :, None]
        return found + np.matmul(along.transpose(0, 2, 1), right)[:, 0]

    @property
    def covariance(self) -> np.ndarray:
        """(R, K, K) Sigma_n."""
        sets = self.whole + self.left.transpose(0, 2, 1) @ self.right
        return self._of_samples(sets)

    def _of_samples(self, sets: np.ndarray) -> np.ndarray:
        """(R, ...) of each sample, of what each set has (m, ...)."""
        return sets if len(self.kind) == len(sets) else sets[self.kind]


@dataclass(frozen=True)
class Sets:
    """Some of the sets of open entries, side by side; what does not hang on a model.

    Attributes:
        samples: (R,) which of the samples have them, in the order of the sets.
        kind: (R,) the set of each, of m.
        count: (m,) samples of each set.
        index: (m, w) the entries, filled up with D_p where others have more.
        root: (m, w, 1) sqrt(s); None where every s is 1.
        gather: (D_p, m w) sums of what each has by entry, times sqrt(s).
    """

    samples: np.ndarray
    kind: np.ndarray
    count: np.ndarray
    index: np.ndarray
    root: np.ndarray | None
    gather: csr_array


@dataclass(frozen=True)
class Holes:
    """What is open of the stacked embedding of R samples of one pattern: for samples that lack the same, one set.

    Attributes:
        shares: (M, D_p) the different sets of s, those of few entries first; what is observed is left out.
        kind: (R,) the row of `shares` for each sample.
    """

    shares: csr_array
    kind: np.ndarray
    _parts: dict[int, list[Sets]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, missing: np.ndarray) -> Holes:
        """From bool (R, D_p): which entries are missing."""
        packed, kind = np.unique(np.packbits(missing, axis=1), axis=0, return_inverse=True)
        return cls.sorted(np.unpackbits(packed, axis=1, count=missing.shape[1]), kind.ravel())

    @classmethod
    def sorted(cls, shares: np.ndarray, kind: np.ndarray) -> Holes:
        """From (M, D_p) shares and (R,) the row of each sample."""
        order = np.argsort(np.count_nonzero(shares, axis=1), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(csr_array(shares[order].astype(np.float64)), place[kind])

    def spreads(self, model: FactorModel, pattern: Pattern) -> Iterator[Spread]:
        """Sigma_n of g for every sample, for those of some sets at a time.

        Sigma_n^-1 = P - L^T L with P = Sigma_G[p]^-1 and the rows of L sqrt(s_d <tau>) w_d: the uncertainty of w_d
        itself stays, as it limits g whether z_d is seen or not. Of w open entries the smaller system is solved:

            V = L (P - L^T L)^-1 = (I - U L^T)^-1 U,    log det Sigma_n^-1 = log det P + log det (I - U L^T).

        As a difference that loses the more digits the less of P is left: where a pivot falls below `LEAST_LEFT` of what
        it was, as where an entry is missing that has hardly any noise, Sigma_n^-1 is summed up from what is seen.
        """
        factors, precision, (_, whole, whole_log_det) = model.factors, model.precision(pattern), model.given(pattern)
        pivots_before = np.diag(np.linalg.cholesky(precision)) ** 2
        tau = np.concatenate([np.full(view.size, view.copies * view.tau) for view in model.of(pattern)])[:, None]
        weights = np.concatenate([view.weights for view in model.of(pattern)])
        rows = np.concatenate([np.sqrt(tau) * weights, np.zeros((1, factors))])  # of no entry: 0
        for part in self._sets(factors):
            lacking = rows.take(part.index, axis=0)
            if part.root is not None:
                lacking *= part.root
            left = (lacking.reshape(-1, factors) @ whole).reshape(lacking.shape)
            right, pivots = _taken_away(precision, pivots_before, lacking, left)
            along, log_dets = right, np.log(pivots).sum(axis=1)  # V
            if pivots.min(initial=1.0) < LEAST_LEFT:
                own, log_dets = _summed_up(model, pattern, rows, part)
                along, log_dets = lacking @ own, log_dets - whole_log_det
                left, right = _identities(len(own), factors), own - whole
            count = part.count[:, None, None]
            zg = (part.gather @ (count * along).reshape(-1, factors)) / np.sqrt(tau)
            joint = Joint(
                gg=symmetrize(left.reshape(-1, factors).T @ (count * right).reshape(-1, factors)),
                zg=zg,
                variance=np.sum(zg * weights, axis=1),
                log_det=float(part.count @ log_dets),
            )
            yield Spread(part.samples, part.kind, whole, left, right, joint)

    def _sets(self, factors: int) -> list[Sets]:
        """Those of few open entries, then those of more than there are factors; some at a time."""
        if factors not in self._parts:
            self._parts.clear()
            size = np.diff(self.shares.indptr)
            few, count, parts = int(np.searchsorted(size, factors, side="right")), len(size), []
            for begin, end in ((0, few), (few, count)):
                # Each part has sums of all D_p entries, too: they are worth it where as many are open.
                step = max(
                    1,
                    max(CHUNK, 2 * self.shares.shape[1] * factors)
                    // max(int(size[begin:end].max(initial=0)) * factors, 1),
                )
                parts += [self._some(start, min(start + step, end)) for start in range(begin, end, step)]
            self._parts[factors] = parts
        return self._parts[factors]

    def _some(self, start: int, stop: int) -> Sets:
        """The sets `start` to `stop`."""
        samples, begins = self._by_kind
        here = samples[begins[start] : begins[stop]]
        ends = self.shares.indptr[start : stop + 1]
        inside, size = slice(ends[0], ends[-1]), np.diff(ends)
        filled = np.arange(size.max()) < size[:, None]
        index = np.full(filled.shape, self.shares.shape[1])
        index[filled], shares = self.shares.indices[inside], self.shares.data[inside]
        places = np.flatnonzero(filled)
        gather = csr_array(
            (np.sqrt(shares), (self.shares.indices[inside], places)), (self.shares.shape[1], filled.size)
        )
        root = None
        if np.any(shares != 1.0):
            root = np.zeros((*filled.shape, 1))
            root[filled, 0] = np.sqrt(shares)
        return Sets(here, self.kind[here] - start, np.diff(begins[start : stop + 1]).astype(float), index, root, gather)

    @cached_property
    def _by_kind(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples in the order of their sets, and where each set begins among them, (M + 1,)."""
        begins = np.searchsorted(np.sort(self.kind), np.arange(self.shares.shape[0] + 1))
        return np.argsort(self.kind, kind="stable"), begins


def _taken_away(
    precision: np.ndarray, pivots_before: np.ndarray, lacking: np.ndarray, left: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """V (m, w, K) by the difference of P (K, K) and L^T L, and what is left of each pivot; nothing if that is rounding.

    Args:
        pivots_before: (K,) of P.
        lacking, left: (m, w, K) L and U.
    """
    across, (count, size, factors) = lacking.transpose(0, 2, 1), lacking.shape
    try:
        if size <= factors:
            return psd_solve(np.eye(size) - left @ across, left, WHAT)
        own, pivots = psd_solve(precision - across @ lacking, _identities(count, factors), WHAT)
    except EngineError:
        return left, np.full((count, 1), np.finfo(float).tiny)
    return lacking @ own, pivots / pivots_before


def _summed_up(model: FactorModel, pattern: Pattern, rows: np.ndarray, part: Sets) -> tuple[np.ndarray, np.ndarray]:
    """Sigma_n (m, K, K) of each set, and log det of its inverse (m,), from the entries as far as they are not open.

    Args:
        rows: (D_p + 1, K) sqrt(<tau>) w_d, and of no entry 0.
    """
    precision = np.eye(model.factors)
    for view in model.of(pattern):
        precision += view.copies * view.tau * view.size * view.weights_cov
    known = np.ones((len(part.index), len(rows)))
    known[np.arange(len(known))[:, None], part.index] = 0.0 if part.root is None else 1.0 - part.root[:, :, 0] ** 2
    precisions = np.stack([precision + (rows.T * own) @ rows for own in known])
    found, pivots = psd_solve(precisions, _identities(len(known), model.factors), WHAT)
    return found, np.log(pivots).sum(axis=1)


def _identities(count: int, size: int) -> np.ndarray:
    return np.broadcast_to(np.eye(size), (count, size, size))
