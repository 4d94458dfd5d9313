"""A variational autoencoder whose prior has the mean that is expected from the other views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.config.views import TrainedViewConfig, VaeViewConfig
from favae_cli.machine.runtime import Runtime, send
from favae_cli.nets import Decoder, Encoder, build
from favae_cli.views.base import Encoded
from favae_cli.views.likelihoods import Bernoulli, Gaussian, Likelihood, PixelGaussian
from favae_cli.views.standardise import Standard, Unchanged

DRAWS = 16  # of z, for a deviation


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

    def penalty(self, kl: Tensor, epochs: Tensor | float) -> Tensor:
        """Of the mean of `kl` (B,), after so many epochs; nats."""
        grown = torch.as_tensor(epochs / self.growth, dtype=torch.float64).clamp(max=1.0)
        return self.beta * (kl.mean() - (self.capacity * grown).to(kl.dtype)).abs()


class Loss(Protocol):
    """What a training step needs: numbers to log, (B,) each in nats a sample, and the objective to minimise."""

    @property
    def log_likelihood(self) -> Tensor:
        """E log p(x | z) of each sample."""
        ...

    @property
    def kl(self) -> Tensor:
        """KL(q(z | x) || prior) of each sample."""
        ...

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
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

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
        """What the KL costs after so many epochs, less the mean log-likelihood of the batch."""
        return term.penalty(self.kl, epochs) - self.log_likelihood.mean()


class VaeView:
    """Images or vectors with an encoder and a decoder.

    A subclass for other data says what its networks and its likelihood are and how its encoder sees x (`_networks`,
    `_likelihood`, `_inputs`).

    Args:
        config: the view's section.
        shape: of one sample as stored, (H, W, C) or (D,).
        runtime: device, precision and memory layout.
        generator: of the initial weights.

    Attributes:
        likelihood: p(x | z).
        inputs: how the encoder sees x: columns standardised, all else as it is.
    """

    config: TrainedViewConfig
    trainable = True

    def __init__(
        self,
        config: TrainedViewConfig,
        shape: tuple[int, ...],
        runtime: Runtime,
        generator: torch.Generator | None = None,
    ) -> None:
        self.config = config
        self.shape = shape
        self.size: int = config.latent
        self.runtime = runtime
        self.encoder, self.decoder = self._networks(generator)
        self.likelihood = self._likelihood()
        self.inputs = self._inputs()
        parts = {"encoder": self.encoder, "decoder": self.decoder, "likelihood": self.likelihood, "inputs": self.inputs}
        self.networks = runtime.place(nn.ModuleDict(parts))

    def _networks(self, generator: torch.Generator | None) -> tuple[Encoder, Decoder]:
        return build(self.config.arch, self.shape, self.config.latent, generator)

    def _likelihood(self) -> Likelihood:
        assert isinstance(self.config, VaeViewConfig)  # other data have a likelihood of their own
        if self.config.likelihood == "bernoulli":
            return Bernoulli()
        gaussian = PixelGaussian if self._is_image else Gaussian
        return gaussian(self.config.variance, self.shape[-1])

    def _inputs(self) -> Standard | Unchanged:
        return Unchanged() if self._is_image else Standard(self.shape[-1])

    @property
    def _is_image(self) -> bool:
        return len(self.shape) == 3

    def fit(self, values: np.ndarray) -> None:
        """Keep the statistics of the stored training samples' columns; images have none to keep."""
        if values.ndim < 4:
            self.likelihood.fit(values)
            self.inputs.fit(values)

    def batch(self, values: np.ndarray | Tensor) -> Tensor:
        """Stored samples as a float32 batch on the device: (B, C, H, W) in [0, 1], or (B, D) with NaN as stored."""
        x = send(values, self.runtime.device)
        if x.ndim == 4:
            x = x.permute(0, 3, 1, 2).to(torch.float32, memory_format=self.runtime.memory_format) / 255
        return x

    def features(self, x: Tensor) -> Tensor:
        """What the encoder sees of a batch: 0, a standardised column's mean, where an entry is missing."""
        seen: Tensor = self.inputs(x)
        return seen.nan_to_num(0.0)

    def inference(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z | x): mean and log-variance, each float32 (B, D)."""
        with self.runtime.autocast():
            mean, log_variance = self.encoder(self.features(x))
        return mean.float(), log_variance.float()

    def generative(self, z: Tensor) -> Tensor:
        """The decoder's output, float32, of which the likelihood knows the meaning."""
        with self.runtime.autocast():
            output: Tensor = self.decoder(z)
        return output.float()

    def loss(
        self,
        x: Tensor,
        noise: Tensor,
        prior_mean: Tensor,
        prior_precision: Tensor | float,
        fed: Tensor | int = 0,
    ) -> VaeLoss:
        """log p(x | z) and KL(N(mu, sigma^2) || N(r, 1/tau)) for a batch.

        Args:
            x: batch, as `batch` makes it.
            noise: (B, D) standard normal draws, one for every sample.
            prior_mean: (B, D) r of the prior N(r, 1/tau).
            prior_precision: tau.
            fed: so many samples at the beginning are decoded from r, which then has to be near their z.
        """
        mean, log_variance = self.inference(x)
        from_prior = torch.arange(len(x), device=x.device) < fed
        z = torch.where(from_prior[:, None], prior_mean, mean + noise * (log_variance / 2).exp())
        kl = gaussian_kl(mean, log_variance, prior_mean, prior_precision)
        return VaeLoss(self.log_likelihood(x, self.generative(z)), kl)

    def log_likelihood(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats, (B,), over all values that are seen."""
        return self.likelihood.log_prob(x, output)

    @torch.inference_mode()
    def encode(self, values: np.ndarray) -> Encoded:
        """q(z | x) of stored samples, batch by batch, networks in evaluation mode."""
        self.networks.eval()
        mean = np.empty((len(values), self.size), np.float32)
        variance = np.empty_like(mean)
        for part in self.parts(len(values)):
            batch_mean, log_variance = self.inference(self.batch(values[part]))
            mean[part] = batch_mean.cpu().numpy()
            variance[part] = log_variance.exp().cpu().numpy()
        return Encoded(mean, variance)

    @torch.inference_mode()
    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """E[x | z] at z = `mean`: (R, H, W, C) in [0, 1], or (R, D) in the data's units."""
        self.networks.eval()
        decoded = np.empty((len(mean), *self.shape), np.float32)
        for part in self.parts(len(mean)):
            x = self.likelihood.mean(self.generative(self._embedding(mean[part]))).cpu()
            decoded[part] = (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).numpy()
        return decoded

    @torch.inference_mode()
    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray | None:
        """Square root of E Var[x | z] + Var E[x | z], by `DRAWS` draws of z, with the same noise for every sample.

        Returns:
            (R, D) in the data's units; None for images and for probabilities.
        """
        if self._is_image or isinstance(self.likelihood, Bernoulli):
            return None
        self.networks.eval()
        noise = torch.randn(DRAWS, self.size, generator=torch.Generator().manual_seed(0))
        noise = ((noise - noise.mean(0)) / noise.std(0)).to(self.runtime.device)  # of so few draws, the exact moments
        found = np.empty((len(mean), *self.shape), np.float32)
        for part in self.parts(len(mean)):
            z, spread = self._embedding(mean[part]), self._embedding(variance[part]).sqrt()
            outputs = [self.generative(z + spread * draw) for draw in noise]
            expected = torch.stack([self.likelihood.mean(output) for output in outputs])
            remaining = torch.stack([self.likelihood.variance(output) for output in outputs])
            found[part] = (remaining.mean(0) + expected.var(0)).sqrt().cpu().numpy()
        return found

    def parts(self, count: int) -> Iterator[slice]:
        """`count` samples, as many at a time as the device is to see at once."""
        size = self.runtime.at_once(self.shape)
        return (slice(start, min(start + size, count)) for start in range(0, count, size))

    def _embedding(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.runtime.device)

    def scale_embedding(self, scale: float) -> None:
        """Make z `scale` times what it was, in both networks; decoded data stay the same."""
        self.encoder.scale_embedding(scale)
        self.decoder.scale_embedding(scale)


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_precision: Tensor | float) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(prior_mean, 1/prior_precision)), summed over the last axis, nats."""
    precision = torch.as_tensor(prior_precision, dtype=torch.float64)
    squares = log_variance.exp() + (mean - prior_mean).square()
    terms = precision * squares - 1 - log_variance - precision.log()
    return 0.5 * terms.sum(-1)
