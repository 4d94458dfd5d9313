"""A variational autoencoder whose prior is what the other views foretell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.nets import Decoder, Encoder, build
from favae_cli.runtime import Runtime
from favae_cli.views.base import Encoded

BATCH = 256  # samples encoded or decoded at a time, outside of training


@dataclass(frozen=True)
class KLTerm:
    """How the KL enters the objective: beta |KL - C|, with C = 0 the plain beta KL.

    Attributes:
        beta: weight.
        capacity: C in nats once it has grown (Burgess et al., 2018, eq. 3).
        growth: epochs in which C grows from 0, linearly.
    """

    beta: float
    capacity: float = 0.0
    growth: int = 1

    def penalty(self, kl: Tensor, epochs: float) -> Tensor:
        """Of the mean of `kl` (B,), after so many epochs; nats."""
        return self.beta * (kl.mean() - self.capacity * min(1.0, epochs / self.growth)).abs()


class Loss(Protocol):
    """What a training step needs: numbers to log, (B,) each in nats a sample, and the objective to minimise."""

    @property
    def log_likelihood(self) -> Tensor: ...

    @property
    def kl(self) -> Tensor: ...

    def objective(self, term: KLTerm, epochs: float) -> Tensor:
        """A scalar, after so many epochs."""
        ...


@dataclass(frozen=True)
class VaeLoss:
    """Terms of the objective, each (B,) in nats a sample.

    Attributes:
        log_likelihood: log p(x | z) at one draw of z.
        kl: KL(q(z | x) || prior), summed over dimensions.
    """

    log_likelihood: Tensor
    kl: Tensor

    def objective(self, term: KLTerm, epochs: float) -> Tensor:
        """What the KL costs after so many epochs, less the mean log-likelihood of the batch."""
        return term.penalty(self.kl, epochs) - self.log_likelihood.mean()


class VaeView:
    """Images or tables with an encoder and a decoder.

    Args:
        config: the view's section: `arch`, `latent`, `likelihood`, `variance`.
        shape: of one sample as stored, (H, W, C) or (D,).
        runtime: device, precision and memory layout.
        generator: of the initial weights.
    """

    trainable = True

    def __init__(
        self, config: Any, shape: tuple[int, ...], runtime: Runtime, generator: torch.Generator | None = None
    ) -> None:
        self.config = config
        self.shape = shape
        self.size: int = config.latent
        self.runtime = runtime
        self.encoder: Encoder
        self.decoder: Decoder
        self.encoder, self.decoder = build(config.arch, shape, config.latent, generator)
        self.networks = runtime.place(nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder}))

    def batch(self, values: np.ndarray) -> Tensor:
        """Stored samples as a float32 batch on the device: (B, C, H, W) in [0, 1], or (B, D)."""
        x = torch.from_numpy(np.ascontiguousarray(values)).to(self.runtime.device, non_blocking=True)
        if x.ndim == 4:
            x = x.permute(0, 3, 1, 2).float() / 255
            x = x.contiguous(memory_format=self.runtime.memory_format)
        return x

    def inference(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z | x): mean and log-variance, each float32 (B, D)."""
        with self.runtime.autocast():
            mean, log_variance = self.encoder(x)
        return mean.float(), log_variance.float()

    def generative(self, z: Tensor) -> Tensor:
        """The decoder's output before its activation, float32, in the shape of a batch."""
        with self.runtime.autocast():
            output: Tensor = self.decoder(z)
        return output.float()

    def loss(self, x: Tensor, noise: Tensor, prior_mean: Tensor, prior_precision: float, fed: int = 0) -> VaeLoss:
        """log p(x | z) and KL(N(mu, sigma^2) || N(r, 1/tau)) for a batch.

        Args:
            x: batch, as `batch` makes it.
            noise: (B, D) standard normal draws, one for every sample.
            prior_mean: (B, D) r of the prior N(r, 1/tau).
            prior_precision: tau.
            fed: so many samples at the beginning are decoded from r, which then has to be near their z.
        """
        mean, log_variance = self.inference(x)
        z = mean + noise * (log_variance / 2).exp()
        if fed:
            z = torch.cat([prior_mean[:fed], z[fed:]])
        kl = gaussian_kl(mean, log_variance, prior_mean, prior_precision)
        return VaeLoss(self.log_likelihood(x, self.generative(z)), kl)

    def log_likelihood(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats, (B,): summed over pixels and channels, or columns."""
        if self.config.likelihood == "bernoulli":
            terms = -functional.binary_cross_entropy_with_logits(output, x, reduction="none")
            return terms.flatten(1).sum(1)
        variance = self.config.variance
        error = (x - self._activate(output)).square().flatten(1).sum(1)
        return -0.5 * error / variance - 0.5 * x[0].numel() * math.log(2 * math.pi * variance)

    def _activate(self, output: Tensor) -> Tensor:
        """The mean of p(x | z): pixels and bernoulli data lie in [0, 1], a table's columns anywhere."""
        unbounded = output.ndim == 2 and self.config.likelihood == "gaussian"
        return output if unbounded else torch.sigmoid(output)

    @torch.inference_mode()
    def encode(self, values: np.ndarray) -> Encoded:
        """q(z | x) of stored samples, batch by batch, networks in evaluation mode."""
        self.networks.eval()
        mean = np.empty((len(values), self.size), np.float32)
        variance = np.empty_like(mean)
        for start in range(0, len(values), BATCH):
            part = slice(start, start + BATCH)
            batch_mean, log_variance = self.inference(self.batch(values[part]))
            mean[part] = batch_mean.cpu().numpy()
            variance[part] = log_variance.exp().cpu().numpy()
        return Encoded(mean, variance)

    def fit(self, values: np.ndarray) -> None:
        """Nothing: images are in [0, 1]."""

    def local(self, values: np.ndarray) -> None:
        return None

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray | None:
        return None

    @torch.inference_mode()
    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """The decoder's mean at z = `mean`: (R, H, W, C) in [0, 1], or (R, D)."""
        self.networks.eval()
        decoded = np.empty((len(mean), *self.shape), np.float32)
        for start in range(0, len(mean), BATCH):
            part = slice(start, start + BATCH)
            z = torch.from_numpy(np.asarray(mean[part], np.float32)).to(self.runtime.device)
            output = self._activate(self.generative(z)).cpu()
            decoded[part] = (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).numpy()
        return decoded

    def scale_embedding(self, scale: float) -> None:
        """Make z `scale` times what it was, in both networks; decoded data stay the same."""
        self.encoder.scale_embedding(scale)
        self.decoder.scale_embedding(scale)


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_precision: float) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(prior_mean, 1/prior_precision)), summed over the last axis, nats."""
    squares = log_variance.exp() + (mean - prior_mean).square()
    terms = prior_precision * squares - 1 - log_variance - math.log(prior_precision)
    return 0.5 * terms.sum(-1)
