"""A variational autoencoder whose prior has the mean that is expected from the other views."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.config.views import TrainedViewConfig, VaeViewConfig
from favae_cli.machine.runtime import Runtime, send
from favae_cli.nets import Decoder, Encoder, build, linear_path
from favae_cli.nets.base import add_linear
from favae_cli.views.base import Encoded
from favae_cli.views.likelihoods import Bernoulli, Gaussian, Likelihood, Noise, PixelGaussian
from favae_cli.views.linear_start import begin
from favae_cli.views.objective import VaeLoss, gaussian_kl
from favae_cli.views.standardise import Standard, Unchanged

DRAWS = 16  # of z, for a deviation


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
    usual_beta = 1.0  # the noise of numbers is given, learned from where it is, or that of their distribution

    def __init__(
        self,
        config: TrainedViewConfig,
        shape: tuple[int, ...],
        runtime: Runtime,
        generator: torch.Generator | None = None,
    ) -> None:
        self.config = config
        self.shape = shape
        assert isinstance(config.latent, int)  # who builds a view of size auto has asked its data
        self.size = config.latent
        self.runtime = runtime
        self.encoder, self.decoder = self._networks(generator)
        if self.starts_linear:
            add_linear(self.encoder, self.decoder, math.prod(shape))
        self.likelihood = self._likelihood()
        self.inputs = self._inputs()
        parts = {"encoder": self.encoder, "decoder": self.decoder, "likelihood": self.likelihood, "inputs": self.inputs}
        self.networks = runtime.place(nn.ModuleDict(parts))

    def _networks(self, generator: torch.Generator | None) -> tuple[Encoder, Decoder]:
        return build(self.config.arch, self.shape, self.size, generator)

    def _likelihood(self) -> Likelihood:
        assert isinstance(self.config, VaeViewConfig)  # other data have a likelihood of their own
        if self.config.likelihood == "bernoulli":
            return Bernoulli()
        if self._is_image:
            return PixelGaussian(self.config.variance, self.shape[-1], self.starts_linear)
        return Gaussian(self.config.variance, self.shape[-1])

    def _inputs(self) -> Standard | Unchanged:
        return Unchanged() if self._is_image else Standard(self.shape[-1])

    @property
    def beta(self) -> float:
        """Weight of its KL term in the objective, times that of all views."""
        return self.usual_beta if self.config.beta is None else self.config.beta

    @property
    def starts_linear(self) -> bool:
        """Whether the networks begin at the optimum of a linear VAE, once `fit` has seen training samples."""
        return isinstance(self.config, VaeViewConfig) and self.config.starts_linear

    @property
    def noise(self) -> Noise | None:
        """Of a Gaussian likelihood."""
        return self.likelihood.noise if isinstance(self.likelihood, Gaussian | PixelGaussian) else None

    @property
    def learns_from_images(self) -> bool:
        """Whether `fit` has something to see in images: where a linear model puts the networks, or the variance."""
        return self.starts_linear or (self.noise is not None and self.noise.fixed is None)

    @property
    def _is_image(self) -> bool:
        return len(self.shape) == 3

    def seen(self, count: int) -> np.ndarray:
        """Positions of those of `count` training images that `fit` asks for."""
        return linear_path.sampled(count, math.prod(self.shape)) if self.learns_from_images else np.array([], np.int64)

    def fit(self, values: np.ndarray) -> None:
        """Keep what the stored training samples say of their columns, and begin where a linear model of them ends."""
        if not self._is_image:
            self.likelihood.fit(values)
            self.inputs.fit(values)
        if self.noise is not None:
            begin(self, self.noise, values)

    def batch(self, values: np.ndarray | Tensor) -> Tensor:
        """Stored samples as a batch on the device: float32 (B, C, H, W) in [0, 1], or (B, D) with NaN, as stored."""
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
        return self.terms(x, self.inference(x), noise, prior_mean, prior_precision, fed)

    def terms(
        self,
        x: Tensor,
        posterior: tuple[Tensor, Tensor],
        noise: Tensor,
        prior_mean: Tensor,
        prior_precision: Tensor | float,
        fed: Tensor | int = 0,
        expected: Tensor | None = None,
    ) -> VaeLoss:
        """As `loss`, given what `inference` says of the batch.

        Args:
            expected: (B, D) z that other views let expect; it is decoded in one batch with the draws, so that batch
                norm sees both.
        """
        mean, log_variance = posterior
        from_prior = torch.arange(len(x), device=x.device) < fed
        z = torch.where(from_prior[:, None], prior_mean, mean + noise * (log_variance / 2).exp())
        kl = gaussian_kl(mean, log_variance, prior_mean, prior_precision)
        if expected is None:
            return VaeLoss(self.log_likelihood(x, self.generative(z)), kl, beta=self.beta)
        own, others = self.generative(torch.cat([z, expected])).tensor_split(2)
        return VaeLoss(self.log_likelihood(x, own), kl, self.log_likelihood(x, others), self.beta)

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
        decoded = np.empty((len(mean), *self.shape), np.float32 if self._is_image else np.float64)
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

    @property
    def standing_out(self) -> int:
        """Dimensions of the linear path that are more than noise."""
        return 0 if self.encoder.linear is None else int((self.encoder.linear.log_variance < 0).sum())

    @property
    def units(self) -> Tensor | None:
        """(D,) what z has to be multiplied by to be in units of the data.

        The deviation of q(z | x), which is the noise of the data, is then the same in all dimensions of the linear
        path. Their mean square is 1.

        None where z already is in such units, or has no linear path.
        """
        if self.encoder.linear is None:
            return None
        precision = (-self.encoder.linear.log_variance).exp()
        precision /= precision.mean()
        return None if torch.allclose(precision, torch.ones_like(precision), rtol=1e-3) else precision.sqrt()

    def scale_embedding(self, scale: Tensor | float) -> None:
        """Make z `scale` (one number, or (D,)) times what it was, in both networks; decoded data stay the same."""
        self.encoder.scale_embedding(scale)
        self.decoder.scale_embedding(scale)
