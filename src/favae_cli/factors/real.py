"""Real columns, which are their own embedding; what is missing is inferred."""

from __future__ import annotations

import numpy as np

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.model import ViewFactors
from favae_cli.factors.moments import Total

SPARSE = 4  # times as many entries as are missing, from which these are looked at one by one
REACH = 30.0  # how many times larger or smaller the scale of a column may get


class RealEmbedding:
    """q(z) of one view of real columns: z = s x where x is seen, N(w g + b, 1/tau) given g where it is not.

    The noise of z is the same in all columns, that of x is not: the scale s of each column is learned.

    Attributes:
        x: (N, D), roughly of unit scale; NaN is a missing entry.
        scale: (D,) s.
        mean: (N, D) of q(z), given g where x is missing.
        missing: (N, D) where it is.
        open: (N,) samples with a missing entry.
    """

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self.missing = np.isnan(x)
        self.open: np.ndarray = np.any(self.missing, axis=1)
        self.reset()

    def reset(self) -> None:
        """Have q(z) as it is before any update, and every scale 1."""
        self.scale = np.ones(self.x.shape[1])
        self.mean = np.where(self.missing, 0.0, self.x).astype(np.float64)  # less would show in the bound
        self._precision = 1.0

    @property
    def variance(self) -> np.ndarray:
        """(N, D) of q(z), given g where x is missing."""
        return self.missing / self._precision

    @property
    def noise(self) -> Curvature | None:
        """None: it is inferred."""
        return None

    def update(self, rows: np.ndarray, latent: np.ndarray, view: ViewFactors) -> None:
        """The optimal q(z) of the missing entries of the samples `rows`; arguments as the protocol has them."""
        self._precision = view.tau
        sample, column = np.nonzero(self.missing[rows])
        if len(rows) * view.size > SPARSE * len(sample):
            expected = np.einsum("ik,ik->i", latent[sample], view.weights[column]) + view.bias[column]
        else:
            expected = view.expected(latent)[sample, column]
        self.mean[rows[sample], column] = expected

    def spread(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """(D,) sum of the variances of the samples `rows`, and their entropy, nats."""
        count = self.missing[rows].sum(axis=0)
        return count / self._precision, 0.5 * float(count.sum() * np.log(2 * np.pi * np.e / self._precision))

    def shares(self, rows: np.ndarray, precision: float) -> np.ndarray:
        """1 where x is missing and z follows g, 0 where it is seen; (R, D)."""
        return self.missing[rows].astype(np.float64)

    def log_likelihood(self) -> float:
        """log |dz / dx|, summed over the entries that are seen, which `stretch` keeps at 0: z says all else of them."""
        return 0.0

    def begin(self, unique: np.ndarray, seen: np.ndarray) -> None:
        """Start with scales that make the noise of all columns alike, as far as it is known before there are factors.

        From a common scale, factors of one noisy column each are what the sweeps find first, and they do not let go.

        Args:
            unique: (D,) variance of each column that others do not tell; 0 where a column does not vary.
            seen: (D,) entries that are not missing, of all processes.
        """
        free = unique > 0
        best = np.where(free, -0.5 * np.log(np.where(free, unique, 1.0)), 0.0)
        seen = free * seen
        if seen.any():
            within = np.clip(best - seen @ best / seen.sum(), -np.log(REACH), np.log(REACH))
            scale = np.exp(np.where(free, within - seen @ within / seen.sum(), 0.0))
            self.rescale(scale)

    def improve(self, expected: np.ndarray, total: Total = np.asarray) -> None:
        """There is nothing but the scales to learn."""

    def stretch(self, view: ViewFactors, squares: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Change the scale of each column such that its noise is that of the others; the bound does not fall.

        With the means of W and b scaled along and all else held, the bound of column d is
        n log s - s^2 (<tau> R + sum_k <alpha_k> w_k^2 + b^2) / 2 with n seen entries and squared residuals R. The
        scale that all columns have in common is free and would drift, so sum n log s is held.

        Args:
            view: the beliefs about z.
            squares: (D,) R, of all processes.
            seen: (D,) n.

        Returns:
            (D,) how many times larger z has become.
        """
        seen = view.copies * seen
        priors = view.weights**2 @ view.ard.mean + view.bias**2
        loss = np.maximum(view.tau * view.copies * squares + priors, 1e-12)
        best = np.sqrt(np.maximum(seen, 1) / loss)
        # A column without noise, such as a constant one or the copy of another, has no best scale: it keeps its own.
        free = seen > 0
        while True:
            common = np.exp(seen[free] @ np.log(best[free]) / max(seen[free].sum(), 1))
            scale = np.where(free, best / common, 1.0)
            beyond = free & (np.abs(np.log(self.scale * scale)) >= np.log(REACH))
            if not beyond.any():
                break
            free &= ~beyond
        self.rescale(scale)
        return scale

    def rescale(self, by: np.ndarray) -> None:
        """Make z so many times (D,) what it is."""
        self.scale, self.mean = self.scale * by, self.mean * by
