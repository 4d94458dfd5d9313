"""The closed-form updates, each from sums over samples; the formula stands with each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from favae_cli.factors.curvature import Curvature
from favae_cli.factors.gamma import PRIOR_RATE, PRIOR_SHAPE, Gamma
from favae_cli.factors.linalg import EngineError, psd_inverse, symmetrize
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import Moments, offsets


@dataclass(frozen=True)
class ViewSums:
    """What one view's updates need, summed over the samples that have it; q(g) is held fixed in it.

    Attributes:
        count: N_m.
        z: (D,) sum of <z>.
        squares: (D,) sum of <z^2>, variances included.
        g: (K,) sum of <g>.
        gg: (K, K) sum of <g g^T>.
        zg: (D, K) sum of <z><g>^T, z not centred.
        entropy: sum of the entropies of q(z), nats.
    """

    count: int
    z: np.ndarray
    squares: np.ndarray
    g: np.ndarray
    gg: np.ndarray
    zg: np.ndarray
    entropy: float

    def __add__(self, other: ViewSums) -> ViewSums:
        return ViewSums(
            self.count + other.count,
            self.z + other.z,
            self.squares + other.squares,
            self.g + other.g,
            self.gg + other.gg,
            self.zg + other.zg,
            self.entropy + other.entropy,
        )

    def times(self, copies: float) -> ViewSums:
        """The sums over so many copies of the view, all with the same embedding."""
        return ViewSums(*(copies * getattr(self, part.name) for part in fields(self)))

    def stretched(self, scales: np.ndarray, unseen: np.ndarray) -> ViewSums:
        """The sums with the dimensions of z `scales` (D,) times what they were.

        But for the squares `unseen` (D,) that missing entries bring, given g: those are the noise, which stays.
        """
        squares = scales**2 * (self.squares - unseen) + unseen
        return replace(self, z=scales * self.z, squares=squares, zg=scales[:, None] * self.zg)

    @property
    def zz(self) -> float:
        """Sum of <z^T z>."""
        return float(self.squares.sum())

    def centred_squares(self, bias: np.ndarray) -> np.ndarray:
        """(D,) sum of <(z - b)^2>."""
        found: np.ndarray = self.squares - 2 * bias * self.z + self.count * bias**2
        return found

    def centred_zg(self, bias: np.ndarray) -> np.ndarray:
        """(D, K) sum of (<z> - b) <g>^T."""
        return self.zg - np.outer(bias, self.g)


@dataclass(frozen=True)
class LatentSums:
    """q(g) of every sample, summed.

    Attributes:
        views: sums by view.
        gg: (K, K) sum of <g g^T> over all samples.
        count: N.
        kl: sum of KL(q(g_n) || N(0, I)), nats.
    """

    views: dict[str, ViewSums]
    gg: np.ndarray
    count: int
    kl: float


def update_latents(model: FactorModel, moments: Moments) -> LatentSums:
    """The optimal q(g) for every pattern, as the sums that the other updates need.

    Raises:
        EngineError: a view's moments are not finite, or a precision matrix is not positive definite.
    """
    views: dict[str, ViewSums] = {}
    gg_all, count, kl = np.zeros((model.factors, model.factors)), 0, 0.0
    for pattern, part in moments.patterns.items():
        project, covariance, log_det = model.given(pattern)
        bias = model.bias(pattern)
        centred = part.total - part.count * bias
        g = centred @ project
        # Of the centred second moment, without making it.
        projected = part.outer @ project - np.outer(centred, bias @ project) - np.outer(bias, part.total @ project)
        gg = symmetrize(project.T @ projected) + part.count * covariance
        zg = projected + np.outer(bias, g)
        squares = part.outer.diagonal() + part.variance
        log_dets = part.count * log_det
        if part.joint is not None:
            gg, zg, squares = gg + part.joint.gg, zg + part.joint.zg, squares + part.joint.variance
            log_dets += part.joint.log_det
        for view, where in offsets(moments.sizes, pattern).items():
            if not np.isfinite(squares[where]).all():
                raise EngineError(f"view {view!r}: the moments of z are not finite")
            sums = ViewSums(part.count, part.total[where], squares[where], g, gg, zg[where], part.entropy[view])
            views[view] = views[view] + sums if view in views else sums
        gg_all += gg
        count += part.count
        kl += 0.5 * (float(np.trace(gg)) - part.count * model.factors + log_dets)
    views = {name: sums.times(model.views[name].copies) for name, sums in views.items()}
    return LatentSums(views, gg_all, count, kl)


def residual(view: ViewFactors, sums: ViewSums) -> float:
    """Sum over samples of E ||z - W g - b||^2 under q."""
    bias = view.bias
    centred = sums.zz - 2 * bias @ sums.z + sums.count * (bias @ bias + view.size * view.bias_var)
    crossed = np.sum(view.weights * sums.centred_zg(bias))
    return float(centred - 2 * crossed + np.sum(view.gram * sums.gg))


def residuals(view: ViewFactors, sums: ViewSums) -> np.ndarray:
    """(D,) sums over samples of E (z - <w> g - <b>)^2, W and b at their means."""
    bias, weights = view.bias, view.weights
    along: np.ndarray = np.sum(weights * (weights @ sums.gg - 2 * sums.centred_zg(bias)), axis=1)
    return sums.centred_squares(bias) + along


def update_weights(view: ViewFactors, sums: ViewSums) -> ViewFactors:
    """q(W): Sigma_W^-1 = diag<alpha> + <tau> GG, mu_W = <tau> ZG Sigma_W."""
    precision = np.diag(view.ard.mean) + view.tau * sums.gg
    covariance, _ = psd_inverse(precision, "the precision of W")
    return replace(view, weights=view.tau * sums.centred_zg(view.bias) @ covariance, weights_cov=covariance)


def update_bias(view: ViewFactors, sums: ViewSums) -> ViewFactors:
    """q(b) with prior N(0, bias_prior I)."""
    variance = 1.0 / (1.0 / view.bias_prior + view.tau * sums.count)
    return replace(view, bias=variance * view.tau * (sums.z - view.weights @ sums.g), bias_var=variance)


def update_ard(view: ViewFactors) -> ViewFactors:
    """q(alpha): a = a0 + D/2, b_k = b0 + <w_k^T w_k> / 2."""
    return replace(view, ard=Gamma(PRIOR_SHAPE + view.size / 2, PRIOR_RATE + view.squares / 2))


def update_noise(view: ViewFactors, sums: ViewSums) -> ViewFactors:
    """q(tau): a = a0 + D N / 2, b = b0 + the expected squared residual / 2; a bound's curvature stays as it is."""
    if isinstance(view.noise, Curvature):
        return view
    rate = PRIOR_RATE + residual(view, sums) / 2
    return replace(view, noise=Gamma(PRIOR_SHAPE + view.size * sums.count / 2, np.asarray(rate)))


def update_view(name: str, view: ViewFactors, sums: ViewSums) -> ViewFactors:
    """All of one view's closed-form updates, q(g) held fixed.

    Raises:
        EngineError: a result is not finite, or a variance or rate not positive; names view and variable.
    """
    try:
        view = update_bias(update_weights(view, sums), sums)
    except EngineError as error:
        raise EngineError(f"view {name!r}: {error}") from error
    view = update_noise(update_ard(view), sums)
    for variable, value in (("W", view.weights), ("b", view.bias)):
        if not np.isfinite(value).all():
            raise EngineError(f"view {name!r}: the mean of {variable} is not finite")
    for variable, value in (("alpha", view.ard.mean), ("tau", np.asarray(view.noise.mean))):
        if not (np.isfinite(value).all() and np.all(value > 0)):
            raise EngineError(f"view {name!r}: the mean of {variable} is not a positive number")
    return replace(view, count=sums.count, usage=np.diag(sums.gg).copy(), variance=variances(view, sums))


def variances(view: ViewFactors, sums: ViewSums) -> np.ndarray:
    """(D,) variance of each embedding dimension around the bias."""
    return np.maximum(sums.centred_squares(view.bias), 0.0) / sums.count
