"""q(g, z) where z is not observed: z then follows g, and q(g) is wider than if z were known.

Given g, an entry of z has mean s (w g + b) and something else, with a share s of 0 where z is observed, of 1 where
it is missing and has no likelihood, and between them where x says something of z (`LocalEmbedding.shares`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_array, csr_array

from favae_cli.factors.linalg import psd_inverses, symmetrize
from favae_cli.factors.model import FactorModel
from favae_cli.factors.moments import Joint, Pattern

CHUNK = 1 << 20  # numbers of the largest temporary array


@dataclass(frozen=True)
class Spread:
    """Sigma_n of g for some samples of one pattern.

    Attributes:
        samples: (R,) which of the samples.
        kind: (R,) the row of `covariance` for each of them.
        covariance: (m, K, K).
        joint: what sums over these samples have beyond q(g) q(z) with g as uncertain as for samples without holes.
    """

    samples: np.ndarray
    kind: np.ndarray
    covariance: np.ndarray
    joint: Joint

    @property
    def each(self) -> np.ndarray:
        """(R, K, K) Sigma_n of each sample."""
        return self.covariance if len(self.kind) == len(self.covariance) else self.covariance[self.kind]


@dataclass(frozen=True)
class Holes:
    """What is open of the stacked embedding of R samples of one pattern: for samples that lack the same, one set.

    Attributes:
        shares: (M, D_p) the different sets of s, those of few entries first; what is observed is left out.
        kind: (R,) the row of `shares` for each sample.
    """

    shares: csr_array
    kind: np.ndarray

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

    @cached_property
    def _by_kind(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples in the order of their sets, and where each set begins among them, (M + 1,)."""
        begins = np.searchsorted(np.sort(self.kind), np.arange(self.shares.shape[0] + 1))
        return np.argsort(self.kind, kind="stable"), begins

    def spreads(self, model: FactorModel, pattern: Pattern) -> Iterator[Spread]:
        """Sigma_n of g for every sample, for those of some sets at a time.

        Sigma_n^-1 = Sigma_G[p]^-1 - sum over d of s_d <tau> w_d^T w_d: the uncertainty of w_d itself stays: it
        limits g whether z_d is seen or not. Only the entries that are open are looked at.
        """
        precision, (_, whole, whole_log_det) = model.precision(pattern), model.given(pattern)
        scale = np.concatenate([np.full(view.size, view.copies * view.tau) for view in model.of(pattern)])
        weights = np.concatenate([view.weights for view in model.of(pattern)])
        rows = np.concatenate([np.sqrt(scale)[:, None] * weights, np.zeros((1, model.factors))])
        samples, begins = self._by_kind
        for part in self._parts(model.factors):
            ends = self.shares.indptr[part.start : part.stop + 1]
            entries = self.shares.indices[ends[0] : ends[-1]]
            root = np.sqrt(self.shares.data[ends[0] : ends[-1]])
            filled = np.arange(np.diff(ends).max()) < np.diff(ends)[:, None]
            lacking = np.zeros((*filled.shape, model.factors))
            lacking[filled] = rows[entries] * root[:, None]
            covariance, log_dets = psd_inverses(
                precision - lacking.transpose(0, 2, 1) @ lacking, "the precision of g where entries are missing"
            )
            count = np.diff(begins[part.start : part.stop + 1]).astype(float)
            crossed = (lacking @ covariance)[filled]
            shared = root * np.repeat(count, np.diff(ends)) / np.sqrt(scale[entries])
            zg = csc_array((shared, entries, np.arange(len(entries) + 1)), (len(scale), len(entries))) @ crossed
            here = slice(begins[part.start], begins[part.stop])
            joint = Joint(
                gg=symmetrize(np.tensordot(count, covariance, 1)) - count.sum() * whole,
                zg=zg,
                variance=np.einsum("dk,dk->d", zg, weights),
                log_det=float(count @ log_dets) - count.sum() * whole_log_det,
            )
            yield Spread(samples[here], self.kind[samples[here]] - part.start, covariance, joint)

    def _parts(self, factors: int) -> Iterator[slice]:
        """The sets, so many at a time that their open entries, each with its factors, take the room of `CHUNK`."""
        size, start = np.diff(self.shares.indptr), 0
        while start < len(size):
            stop = start + 1
            while stop < len(size) and (stop + 1 - start) * max(size[stop], factors) * factors <= CHUNK:
                stop += 1
            yield slice(start, stop)
            start = stop
