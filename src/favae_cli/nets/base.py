"""What every pair of networks shares: an encoder that ends in `head`, a decoder that begins with `stem`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.nets.linear_path import LinearDecoder, LinearEncoder

_Convolution = nn.Conv1d | nn.ConvTranspose1d | nn.Conv2d | nn.ConvTranspose2d


class Encoder(nn.Module):
    """q(z | x) = N(mean, diag exp(log_variance)): a body that extracts features, then one linear head.

    Args:
        body: maps a batch x to features (B, width).
        width: size of the features.
        latent: size D of the embedding.

    Attributes:
        linear: a path beside them, if there is one.
    """

    def __init__(self, body: nn.Module, width: int, latent: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, 2 * latent)
        self.latent = latent
        self.linear: LinearEncoder | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Batch x -> mean and log-variance, each float32 (B, D)."""
        features = self.body(x)
        # The factor engine reads these numbers: eight bits of mantissa are too few for them.
        with torch.autocast(features.device.type, enabled=False):
            mean, log_variance = self.head(features.float()).split(self.latent, dim=1)
            if self.linear is not None:
                mean, log_variance = self.linear(x, mean, log_variance)
        return mean, log_variance

    @torch.no_grad()
    def scale_embedding(self, scale: Tensor | float) -> None:
        """Make the embedding `scale` times what it was: mean * scale, variance * scale^2.

        Args:
            scale: positive, one number or (D,).
        """
        scale = _positive(scale, self.head.weight, self.latent)
        if self.linear is not None:  # in whose units the head is
            self.linear.weight *= scale[:, None]
            self.linear.offset *= scale
            self.linear.log_variance += 2 * scale.log()
            return
        self.head.weight[: self.latent] *= scale[:, None]
        self.head.bias[: self.latent] *= scale
        self.head.bias[self.latent :] += 2 * scale.log()


class Decoder(nn.Module):
    """The mean of p(x | z) before any output activation: one linear stem, then a body.

    Args:
        body: maps features (B, width) to a batch in data space.
        width: size of the features.
        latent: size D of the embedding.

    Attributes:
        linear: a path beside them, if there is one.
    """

    def __init__(self, body: nn.Module, width: int, latent: int) -> None:
        super().__init__()
        self.stem = nn.Linear(latent, width)
        self.body = body
        self.latent = latent
        self.linear: LinearDecoder | None = None

    def forward(self, z: Tensor) -> Tensor:
        """Embedding (B, D) -> float32 batch in data space, unbounded: the view applies its own activation."""
        decoded: Tensor = self.body(self.stem(z)).float()
        if self.linear is None:
            return decoded
        with torch.autocast(decoded.device.type, enabled=False):
            return self.linear(z, decoded)

    @torch.no_grad()
    def scale_embedding(self, scale: Tensor | float) -> None:
        """Expect embeddings `scale` times what they were: decode(scale * z) becomes the old decode(z).

        Args:
            scale: positive, one number or (D,).
        """
        scale = _positive(scale, self.stem.weight, self.latent)
        self.stem.weight /= scale
        if self.linear is not None:
            self.linear.weight /= scale


def _positive(scale: Tensor | float, like: Tensor, latent: int) -> Tensor:
    """`scale` as (D,) beside `like`; a ValueError unless it is finite and positive."""
    scale = torch.as_tensor(scale, dtype=like.dtype, device=like.device).expand(latent)
    if not bool(((scale > 0) & scale.isfinite()).all()):
        raise ValueError("an embedding can only be scaled by finite, positive numbers")
    return scale


def initialise(encoder: Encoder, decoder: Decoder, leak: float, generator: torch.Generator | None = None) -> None:
    """Draw all weights so that signals keep their size from layer to layer (He et al., 2015, with the leak).

    The log-variance half of the head starts at zero: a random start there can give variances, and so a KL,
    too large to train from. Embedded steps and tokens are of unit scale.

    Args:
        encoder, decoder: the pair, changed in place.
        leak: negative slope of the leaky ReLU.
        generator: source of the random numbers; torch's global one when None.
    """
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, generator=generator)
        elif isinstance(module, nn.GRU):
            for values in module.parameters():
                scale = 1 / math.sqrt(values.shape[1]) if values.ndim == 2 else 0.0  # biases
                nn.init.normal_(values, 0.0, scale, generator=generator)
        elif isinstance(module, nn.Linear | _Convolution):
            # The gain makes up for the activation before a layer, and the embedding has none.
            gain = 1.0 if module is decoder.stem else nn.init.calculate_gain("leaky_relu", leak)
            nn.init.normal_(module.weight, 0.0, gain / math.sqrt(_inputs(module)), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.zeros_(encoder.head.weight[encoder.latent :])


def _inputs(layer: nn.Linear | _Convolution) -> float:
    """How many numbers are summed into one output of `layer`, away from the borders."""
    if isinstance(layer, nn.Linear):
        return layer.in_features
    taps = math.prod(layer.kernel_size)
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
        return layer.in_channels * taps / math.prod(layer.stride)
    return layer.in_channels * taps


def add_linear(encoder: Encoder, decoder: Decoder, values: int) -> None:
    """Give a pair for samples of so many values a linear path, still without effect, and nothing beside it.

    Raises:
        UserError: the decoder's body still makes something with its last layer at zero; begins with a view's key.
    """
    encoder.linear = LinearEncoder(values, encoder.latent)
    decoder.linear = LinearDecoder(values, decoder.latent)
    layers = [decoder.stem, *decoder.body.modules()]
    last = [layer for layer in layers if isinstance(getattr(layer, "weight", None), nn.Parameter)][-1]
    for value in (*encoder.head.parameters(), *last.parameters(recurse=False)):
        nn.init.zeros_(value)
    decoder.eval()  # the trial leaves no trace
    with torch.no_grad():
        if decoder(torch.ones(2, decoder.latent)).any():
            raise UserError("start: linear needs a decoder whose last layer makes the data; use random")
    decoder.train()
