"""q(g, z) where z is not observed: z then follows g, and q(g) is wider than if z were known.

Given g, an entry of z has mean s (w g + b) and something else, with a share s of 0 where z is observed, of 1 where
it is missing and has no likelihood, and between them where x says something of z (`LocalEmbedding.shares`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from favae_cli.factors.linalg import symmetrize
from favae_cli.factors.model import FactorModel
from favae_cli.factors.moments import Joint, Pattern

CHUNK = 1 << 22  # numbers of the largest temporary array


@dataclass(frozen=True)
class Holes:
    """What is open of the stacked embedding of R samples of one pattern.

    Attributes:
        shares: (M, D_p) the different sets of s, bool where entries are there or missing.
        kind: (R,) the row of `shares` for each sample.
    """

    shares: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, missing: np.ndarray) -> Holes:
        """From bool (R, D_p): which entries are missing."""
        packed, kind = np.unique(np.packbits(missing, axis=1), axis=0, return_inverse=True)
        return cls(np.unpackbits(packed, axis=1, count=missing.shape[1]).astype(bool), kind.ravel())

    def posteriors(self, model: FactorModel, pattern: Pattern) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Sigma_n of g for each of the sets, some at a time.

        Sigma_n^-1 = Sigma_G[p]^-1 - sum over d of s_d <tau> w_d^T w_d: the uncertainty of w_d itself stays: it
        limits g whether z_d is seen or not.

        Returns:
            Which sets; Sigma (m, K, K); log det of Sigma^-1, (m,).
        """
        precision = model.precision(pattern)
        rows = np.concatenate(
            [np.sqrt(view.copies * view.tau) * view.weights for view in (model.views[name] for name in pattern)]
        )
        step = max(1, CHUNK // rows.size)
        for start in range(0, len(self.shares), step):
            part = slice(start, start + step)
            lacking = np.sqrt(self.shares[part], dtype=np.float64)[:, :, None] * rows
            lower = np.linalg.cholesky(precision - lacking.transpose(0, 2, 1) @ lacking)
            inverse = np.linalg.solve(lower, np.broadcast_to(np.eye(len(precision)), lower.shape))
            log_det = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
            yield part, inverse.transpose(0, 2, 1) @ inverse, log_det

    def joint(self, model: FactorModel, pattern: Pattern) -> Joint:
        """What the sums over these samples have beyond q(g) q(z) with g as uncertain as for samples without holes."""
        weights = np.concatenate([model.views[name].weights for name in pattern])
        size, factors = weights.shape
        count = np.bincount(self.kind, minlength=len(self.shares)).astype(float)
        _, whole, whole_log_det = model.given(pattern)
        gg, by_entry, log_det = np.zeros(factors**2), np.zeros((size, factors**2)), 0.0
        for part, covariance, log_dets in self.posteriors(model, pattern):
            flat = covariance.reshape(len(covariance), -1)
            gg += count[part] @ flat
            by_entry += (self.shares[part] * count[part, None]).T @ flat
            log_det += float(count[part] @ log_dets)
        zg = np.einsum("dk,dkl->dl", weights, by_entry.reshape(size, factors, factors))
        samples = len(self.kind)
        return Joint(
            gg=symmetrize(gg.reshape(factors, factors)) - samples * whole,
            zg=zg,
            variance=np.einsum("dk,dk->d", zg, weights),
            log_det=log_det - samples * whole_log_det,
        )
