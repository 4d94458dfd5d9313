"""The factor-analysis model: what is believed of weights, noise, relevance and bias, and what follows for g."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from favae_cli.factors.curvature import PREDICTOR_BIAS, Curvature
from favae_cli.factors.gamma import Gamma
from favae_cli.factors.linalg import few_threads, psd_inverse
from favae_cli.factors.moments import Pattern, group_by_pattern
from favae_cli.factors.use import used

ROUNDING = 1e-9  # of the mean variance of a view's dimensions, below which one does not vary


def to_standard(variance: np.ndarray) -> np.ndarray:
    """(D,) by what dimensions of these variances are multiplied to have that of 1; 0 where one does not vary."""
    varies = variance > ROUNDING * variance.mean()
    return np.where(varies, 1.0, 0.0) / np.sqrt(np.where(varies, variance, 1.0))


@dataclass(frozen=True)
class ViewFactors:
    """Posterior of one view's parameters; D embedding dimensions, K factors.

    Attributes:
        weights: (D, K) mean of W.
        weights_cov: (K, K) covariance of every row of W.
        bias: (D,) mean of b.
        bias_var: variance of every entry of b.
        noise: q(tau), a Gamma over one number; or the curvature of a bound on the likelihood, where z are pseudo-data.
        ard: q(alpha), a Gamma over K numbers.
        count: samples N_m that had the view, times its copies.
        usage: (K,) sum of <g_k^2> over those samples, times the copies.
        variance: (D,) of each embedding dimension around the bias, over those samples; the mean of all, where their
            scales are those of the data.
        copies: as how many copies of itself the view counts.
        chance: (K,) of as much agreement with what others say of each factor (factors.use); None: not asked for.
    """

    weights: np.ndarray
    weights_cov: np.ndarray
    bias: np.ndarray
    bias_var: float
    noise: Gamma | Curvature
    ard: Gamma
    count: float
    usage: np.ndarray
    variance: np.ndarray
    copies: float = 1.0
    chance: np.ndarray | None = None

    @property
    def size(self) -> int:
        """D, dimensions of the embedding."""
        return len(self.weights)

    @property
    def tau(self) -> float:
        """<tau>, the expected precision of z around W g + b."""
        return float(self.noise.mean)

    @property
    def noise_variance(self) -> float:
        """Variance around W g + b of what the view's data are made from: 1/<tau>, or 0 where z are pseudo-data."""
        return 0.0 if isinstance(self.noise, Curvature) else 1.0 / self.tau

    @property
    def bias_prior(self) -> float:
        """Prior variance of every entry of b: 1 of an embedding, which is of unit scale; a predictor has its own."""
        return PREDICTOR_BIAS if isinstance(self.noise, Curvature) else 1.0

    @cached_property
    def gram(self) -> np.ndarray:
        """(K, K) <W^T W>."""
        return self.weights.T @ self.weights + self.size * self.weights_cov

    @property
    def squares(self) -> np.ndarray:
        """(K,) <w_k^T w_k>, the diagonal of `gram`."""
        return np.einsum("dk,dk->k", self.weights, self.weights) + self.size * np.diag(self.weights_cov)

    @property
    def standard_weights(self) -> np.ndarray:
        """(D, K) W by the standard deviation of each dimension, whatever its scale; 0 where it does not vary."""
        return self.weights * to_standard(self.variance)[:, None]

    @property
    def relevance(self) -> np.ndarray:
        """(K,) share that each factor explains of the variance of an embedding dimension, the mean of those that vary.

        Not of their variance in all: the less noise a real column has the larger is its scale, so that it would be the
        share of the few columns of least noise.
        """
        explained = np.square(self.standard_weights).sum(axis=0) * self.usage / self.count
        return explained / max(np.count_nonzero(to_standard(self.variance)), 1)

    @property
    def stands_out(self) -> np.ndarray:
        """(K,) bool: the factor's weight stands out of the noise.

        A column of W estimated from noise alone has squared length D / (tau N <g^2>); a factor stands out where its
        own is larger. A column that automatic relevance determination holds down falls to zero geometrically, so
        the two sides soon lie orders of magnitude apart.
        """
        return (self.weights**2).sum(axis=0) * self.usage * self.tau > self.size

    def in_units(self) -> ViewFactors:
        """With one variance for all dimensions, where their scales are those of the data, as those of a network are."""
        return replace(self, variance=np.full_like(self.variance, self.variance.mean()))

    def expected(self, latent: np.ndarray) -> np.ndarray:
        """(R, D) W g + b, of g (R, K)."""
        found: np.ndarray = latent @ self.weights.T + self.bias
        return found

    def stretched(self, scales: np.ndarray) -> ViewFactors:
        """The same means of W and b for a z whose dimensions are `scales` (D,) times what they were."""
        return replace(self, weights=self.weights * scales[:, None], bias=self.bias * scales)

    def select(self, keep: np.ndarray) -> ViewFactors:
        """Only the factors `keep` (K bool or indices)."""
        return replace(
            self,
            weights=self.weights[:, keep],
            weights_cov=self.weights_cov[keep][:, keep],
            ard=Gamma(self.ard.shape, self.ard.rate[keep]),
            usage=self.usage[keep],
            chance=None if self.chance is None else self.chance[keep],
        )


@dataclass(frozen=True)
class FactorModel:
    """Beliefs about every view's parameters, and the history of the bound.

    Attributes:
        views: posterior by view.
        bound: evidence lower bound in nats after each sweep.
        terms: the parts of the last bound, by name.
    """

    views: dict[str, ViewFactors]
    bound: tuple[float, ...] = ()
    terms: dict[str, float] = field(default_factory=dict)

    @property
    def factors(self) -> int:
        """K, the factors that are left."""
        return next(iter(self.views.values())).weights.shape[1]

    @property
    def sizes(self) -> dict[str, int]:
        """By view, the embedding size D_m."""
        return {name: view.size for name, view in self.views.items()}

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """By view, the mean of W as (D_m, K)."""
        return {name: view.weights for name, view in self.views.items()}

    @property
    def noise_precision(self) -> dict[str, float]:
        """By view, <tau>."""
        return {name: view.tau for name, view in self.views.items()}

    @property
    def relevance(self) -> dict[str, np.ndarray]:
        """By view, (K,) share of the embedding's variance that each factor explains, the mean over its dimensions."""
        return {name: view.relevance for name, view in self.views.items()}

    @property
    def active(self) -> dict[str, np.ndarray]:
        """By view, (K,) bool: whether the view uses the factor, by the rule of `factors.use`."""
        views = self.views.values()
        chance = [np.zeros(self.factors) if view.chance is None else view.chance for view in views]
        tables = ([view.stands_out for view in views], [view.relevance for view in views], chance)
        return dict(zip(self.views, used(*map(np.stack, tables)), strict=True))

    def shared(self) -> np.ndarray:
        """(K,) bool: active in at least two views."""
        return np.sum(list(self.active.values()), axis=0) >= 2

    def private(self, view: str) -> np.ndarray:
        """(K,) bool: active in `view` and in no other."""
        return self.active[view] & (np.sum(list(self.active.values()), axis=0) == 1)

    def given(self, pattern: Pattern) -> tuple[np.ndarray, np.ndarray, float]:
        """The linear map from a stacked, centred embedding to g for samples that have the views `pattern`.

        Returns:
            A_p (D_p, K) with <g> = A_p^T (z - b); Sigma_G[p] (K, K); log det of Sigma_G[p]^-1.
        """
        covariance, log_det = psd_inverse(self.precision(pattern), f"the precision of g given {', '.join(pattern)}")
        if not pattern:
            return np.zeros((0, self.factors)), covariance, log_det
        return self.loadings(pattern) @ covariance, covariance, log_det

    def of(self, pattern: Pattern) -> list[ViewFactors]:
        """The views `pattern`."""
        return [self.views[name] for name in pattern]

    def loadings(self, pattern: Pattern) -> np.ndarray:
        """(D_p, K) the stacked <tau><W>: what an embedding that is seen says of g, before all else is weighed."""
        return np.concatenate([view.copies * view.tau * view.weights for view in self.of(pattern)])

    def precision(self, pattern: Pattern) -> np.ndarray:
        """(K, K) Sigma_G[p]^-1 = I + sum over m in p of <tau> <W^T W>."""
        precision = np.eye(self.factors)
        for name in pattern:
            precision += self.views[name].copies * self.views[name].tau * self.views[name].gram
        return precision

    def bias(self, pattern: Pattern) -> np.ndarray:
        """(D_p,) the stacked bias of the views `pattern`."""
        return np.concatenate([self.views[name].bias for name in pattern]) if pattern else np.zeros(0)

    @few_threads()
    def posterior(self, embeddings: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """q(g) given the embeddings of some views.

        Args:
            embeddings: by view, (N, D_m); a row of NaN says that the sample lacks the view.

        Returns:
            mean (N, K), and the covariance: (K, K) if all samples have the same views, else (N, K, K).

        Raises:
            KeyError: a view that the model does not have.
            ValueError: as `Moments.from_arrays`.
        """
        unknown = [name for name in embeddings if name not in self.views]
        if unknown:
            raise KeyError(f"no view {unknown[0]!r}; the model has {', '.join(self.views)}")
        arrays = {name: np.asarray(embeddings[name]) for name in self.views if name in embeddings}
        groups = group_by_pattern(arrays)
        count = len(next(iter(arrays.values())))
        mean = np.empty((count, self.factors))
        covariances = []
        for pattern, rows in groups.items():
            project, covariance, _ = self.given(pattern)
            stacked = np.concatenate([arrays[name][rows] for name in pattern], axis=1)
            mean[rows] = (stacked - self.bias(pattern)) @ project
            covariances.append(covariance)
        if len(covariances) == 1:
            return mean, covariances[0]
        spread = np.empty((count, self.factors, self.factors))
        for rows, covariance in zip(groups.values(), covariances, strict=True):
            spread[rows] = covariance
        return mean, spread

    @few_threads()
    def predict(self, view: str, mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The embedding of `view` that is expected given q(g): p(z) with g, W and b integrated out.

        Args:
            mean: (N, K) of g.
            covariance: of g, (K, K) for all N samples or (N, K, K).

        Returns:
            mean (N, D_m) and variance (N, D_m), noise 1/<tau> included where the view has any.
        """
        part = self.views[view]
        predicted = part.expected(mean)
        spread = np.sum((part.weights @ covariance) * part.weights, axis=-1)
        uncertain = np.sum((mean @ part.weights_cov) * mean, axis=1) + np.sum(
            part.weights_cov * covariance, axis=(-2, -1)
        )
        return predicted, spread + uncertain[:, None] + part.bias_var + part.noise_variance

    def sample(self, view: str, mean: np.ndarray, covariance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One draw of z (N, D_m) for each of N samples: g ~ N(mean, covariance), then z ~ N(W g + b, 1/tau I).

        mean is (N, K), covariance (K, K) or (N, K, K).

        Every sample has draws of its own. W and b are taken at their means.
        """
        part = self.views[view]
        root = np.linalg.cholesky(covariance)
        latent = mean + (root @ rng.standard_normal(mean.shape)[:, :, None])[:, :, 0]
        noise = rng.standard_normal((len(mean), part.size)) * np.sqrt(part.noise_variance)
        return part.expected(latent) + noise

    def select(self, keep: np.ndarray) -> FactorModel:
        """Only the factors `keep` (K bool or indices), in that order."""
        return replace(self, views={name: view.select(keep) for name, view in self.views.items()})
