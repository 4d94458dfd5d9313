"""Who uses a factor: the one rule by which it is called shared, private or unused."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

LEAST_SHARE = 0.01  # of a view's variance, that a factor of another view explains, to count as the view's too
LEAST_OF_FAIR = 0.5  # or of what each factor of the view would explain if all explained the same; whichever is less
LEVEL = 0.05  # chance that any factor is called shared that is not


def used(stands_out: np.ndarray, share: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Which views use which factors, bool (views, K).

    The view of which a factor explains most uses it if its weights stand out of the noise. Another one does if they
    stand out too, the factor explains `LEAST_SHARE` of it, and what the rest says of the factor has to do with the
    view by more than chance: with as many tests as factors and views, `LEVEL` for all of them together.

    Args:
        stands_out: bool (views, K), `ViewFactors.stands_out`.
        share: (views, K) of the view's variance.
        chance: (views, K) of such a share, from `chance`; 0 where it was not asked for.
    """
    fair = LEAST_OF_FAIR / np.maximum(stands_out.sum(axis=1, keepdims=True), 1)
    found = stands_out & (share >= np.minimum(LEAST_SHARE, fair)) & (chance <= LEVEL / chance.size)
    main = np.argmax(np.where(stands_out, share, -1.0), axis=0)
    found[main, np.arange(share.shape[1])] = stands_out.any(axis=0)
    return found


def chance(table: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """How probable it is that each factor explains as much of a table if the rows of the table are shuffled.

    With R the table's residuals from a regression on the other factors, and v the part of a factor that these do not
    tell, the statistic is ||R^T v||^2 / v^T v. If rows are permuted at random, its mean is tr S and its variance nearly
    2 tr S^2, with S the covariance of R: it is taken as chi squared, scaled, with (tr S)^2 / tr S^2 degrees of freedom
    (Satterthwaite, 1946), however strongly columns hang together.

    Args:
        table: (N, D) of one view; NaN where an entry is missing.
        latent: (N, K) of g, as the other views of the same samples tell it.

    Returns:
        (K,), 1 for factors that the other views do not tell.
    """
    count, factors = latent.shape
    seen = ~np.isnan(table)
    centre = np.where(seen, table, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    centred, latent = np.where(seen, table - centre, 0.0), latent - latent.mean(axis=0)
    told = np.flatnonzero(np.square(latent).sum(axis=0) > np.finfo(float).eps * count)
    found = np.ones(factors)
    if count <= len(told) + 1 or not len(told) or not centred.any():
        return found
    basis, triangle = np.linalg.qr(latent[:, told])
    inverse = np.linalg.pinv(triangle)
    along = basis.T @ centred
    coefficients, residual = inverse @ along, centred - basis @ along  # (K, D), (N, D)
    small = residual @ residual.T if count < residual.shape[1] else residual.T @ residual
    free = count - 1 - len(told)
    total, squares = np.trace(small) / free, np.sum(np.square(small)) / free**2
    if total <= 0:
        return found
    # The trace of S^2 from a sample is too large by (tr S)^2 / N.
    squares = max(squares - total**2 / free, total**2 / residual.shape[1])
    degrees = total**2 / squares
    statistic = np.square(coefficients).sum(axis=1) / np.square(inverse).sum(axis=1)
    found[told] = chi2.sf(statistic / total * degrees, degrees)
    return found
