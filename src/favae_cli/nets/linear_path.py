"""A linear path through an encoder and a decoder, from the closed-form optimum of the linear VAE.

With linear networks, p(x | z) = N(W z + m, s2 I) and z ~ N(0, I), the best that a VAE can do is probabilistic PCA
(Tipping and Bishop, 1999; Lucas et al., 2019): with the mean m, the leading eigenvectors P and eigenvalues l of the
data's covariance, W = P (l - s2)^1/2, and q(z | x) = N(W^T (x - m) / l, s2 / l), component by component. A component
with l <= s2 does not stand out of the noise: it decodes to nothing, and its z is the prior's.

The path is held. The other layers add to it, and their last ones begin at zero, so that training begins at the linear
optimum and leaves it only for something better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.data.dataset import some

SAMPLED = 1 << 27  # values, at most, of the samples whose spectrum is taken; 10,922 images of 64x64x3, half a GiB


class LinearEncoder(nn.Module):
    """Adds to what an encoder makes of x what is linear in it; the embedding is N(0, I) until it is fitted.

    Args:
        values: of one sample.
        latent: size D of the embedding.
    """

    weight: Tensor
    offset: Tensor
    log_variance: Tensor

    def __init__(self, values: int, latent: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(latent, values))
        self.register_buffer("offset", torch.zeros(latent))
        self.register_buffer("log_variance", torch.zeros(latent))

    def extra_repr(self) -> str:
        """Values and dimensions."""
        return f"{self.weight.shape[1]}, {len(self.weight)}"

    def forward(self, x: Tensor, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x), (B, D) each.

        Args:
            x: (B, ...).
            mean, log_variance: what the other layers add. The mean is in this path's standard deviations: in its own
                units, a step of the optimiser that the last dimension hardly feels would throw the first one far off.
        """
        linear = functional.linear(x.float().flatten(1), self.weight, self.offset)
        return linear + (self.log_variance / 2).exp() * mean, self.log_variance + log_variance


class LinearDecoder(nn.Module):
    """Adds to what a decoder makes of z what is linear in it; nothing until it is fitted.

    Args:
        values, latent: as `LinearEncoder`.
    """

    weight: Tensor
    offset: Tensor

    def __init__(self, values: int, latent: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(values, latent))
        self.register_buffer("offset", torch.zeros(values))

    def extra_repr(self) -> str:
        """Values and dimensions."""
        return f"{self.weight.shape[1]}, {len(self.weight)}"

    def forward(self, z: Tensor, decoded: Tensor) -> Tensor:
        """z (B, D) and what the other layers make of it, (B, ...)."""
        return functional.linear(z.float(), self.weight, self.offset).view_as(decoded) + decoded


@dataclass(frozen=True)
class Spectrum:
    """The leading principal components of samples of P values.

    Attributes:
        mean: (P,).
        directions: (C, P), orthonormal.
        variances: (C,), falling.
        spread: (P,), the variance of each value.
        rank: how many directions the samples can differ in.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    spread: np.ndarray
    rank: int

    def residual(self, noise: float | None = None) -> np.ndarray:
        """(P,): the variance of each value that the components leave, as one step of EM for factor analysis has it.

        Of the components no more count than can be told from a noise of each value's own (Ledermann, 1937). Where
        W = P (l - noise)^1/2 is what they explain, S - W W^T has the residual on its diagonal.

        Args:
            noise: of every value; None: that of probabilistic PCA, the mean variance of all other directions.
        """
        count = min(len(self.variances), max(int(self.rank + (1 - math.sqrt(8 * self.rank + 1)) / 2), 1))
        variances = self.variances[:count].astype(np.float64)
        if noise is None:
            noise = max(self.spread.sum() - variances.sum(), 0.0) / max(len(self.spread) - count, 1)
        explained = np.maximum(variances - noise, 0) @ np.square(self.directions[:count], dtype=np.float64)
        return np.maximum(self.spread - explained, 0.0)


def sampled(count: int, values: int) -> np.ndarray:
    """Positions, in order, of as many of `count` samples of so many values as a spectrum is taken of."""
    return some(np.arange(count), max(SAMPLED // values, 2))


def spectrum(rows: np.ndarray, components: int) -> Spectrum:
    """The leading components of `rows`, float32 (R, P), which are overwritten.

    Large matrices are decomposed by randomised subspace iteration (Halko et al., 2011), small ones exactly.

    Args:
        components: C at most; there are no more than R - 1 and P, and none if all samples are the same.
    """
    count, values = rows.shape
    rank = min(count - 1, values)
    if not np.ptp(rows, axis=0).any():
        return Spectrum(rows[0], rows[:0], np.zeros(0), np.zeros(values), rank)
    mean = rows.mean(axis=0, dtype=np.float64)
    spread = np.einsum("np,np->p", rows, rows, dtype=np.float64) / count - np.square(mean)
    size = min(components, rank)
    found = PCA(size, copy=False, n_oversamples=size, iterated_power=3, random_state=0).fit(rows)
    unbiased = (count - 1) / count  # PCA has the variance of samples, the likelihood is highest at that of the data
    variances = unbiased * found.explained_variance_
    return Spectrum(found.mean_, found.components_, variances, np.maximum(spread, 0), rank)


@torch.no_grad()
def fit(encoder: LinearEncoder, decoder: LinearDecoder, found: Spectrum, noise: np.ndarray) -> None:
    """Put both paths at the optimum.

    Args:
        found: the components of what the encoder sees, in units of the noise.
        noise: (P,), the variance of every value given z; that of the spectrum is 1.
    """
    latent = len(encoder.offset)
    size, scale = len(found.variances), np.sqrt(noise)
    variances, directions = np.ones(latent), np.zeros((len(found.mean), latent))
    variances[:size] = np.maximum(found.variances.astype(np.float64), 1)
    directions[:, :size] = found.directions.T
    weight = directions * np.sqrt(variances - 1)
    decoder.weight.copy_(torch.from_numpy(scale[:, None] * weight))
    decoder.offset.copy_(torch.from_numpy(scale * found.mean))
    encoder.weight.copy_(torch.from_numpy((weight / variances).T / scale))
    encoder.offset.copy_(torch.from_numpy(-(found.mean @ weight) / variances))
    encoder.log_variance.copy_(torch.from_numpy(-np.log(variances)))
