"""Pairs for sequences of real values, of one length or of many.

The encoders take (B, T, C) with NaN where nothing is seen, and make nothing of the steps behind a sequence's end. The
decoders make all steps at once, (B, T, C + 1): the channels, and a logit that the sequence has not ended yet.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.nets.base import Decoder, Encoder
from favae_cli.nets.recurrent import Summary, Unrolled

if TYPE_CHECKING:
    from favae_cli.config.views import Conv1dArch, GruArch


def build_gru(arch: GruArch, shape: tuple[int, ...], latent: int) -> tuple[Encoder, Decoder]:
    """Gated recurrent units in both directions of time.

    Args:
        arch: `hidden` (units of each direction), `layers`.
        shape: (T, C) of one sequence.
        latent: size D of the embedding.
    """
    steps, channels = shape
    down = _Recurrent(channels, arch.hidden, arch.layers)
    up = Unrolled(steps, arch.hidden, arch.layers, channels + 1)
    return Encoder(down, down.summary.width, latent), Decoder(up, up.width, latent)


def build_conv1d(arch: Conv1dArch, shape: tuple[int, ...], latent: int) -> tuple[Encoder, Decoder]:
    """Strided convolutions over time, each with leaky ReLU, then a linear head; the decoder mirrors it.

    Args:
        arch: `channels` (one entry a convolution), `kernel`, `stride`, `leak`.
        shape: (T, C) of one sequence.
        latent: size D of the embedding.
    """
    steps, seen = shape
    padding = arch.kernel // 2  # at least one step is left, however many convolutions there are
    sizes = [steps]
    for _ in arch.channels:
        sizes.append((sizes[-1] + 2 * padding - arch.kernel) // arch.stride + 1)

    channels = (seen + 1, *arch.channels)
    up: list[nn.Module] = [nn.Unflatten(1, (channels[-1], sizes[-1]))]
    for depth in range(len(arch.channels), 0, -1):
        reached = (sizes[depth] - 1) * arch.stride - 2 * padding + arch.kernel
        lost = sizes[depth - 1] - reached
        up.append(nn.ConvTranspose1d(channels[depth], channels[depth - 1], arch.kernel, arch.stride, padding, lost))
        up.append(nn.LeakyReLU(arch.leak) if depth > 1 else _StepsFirst())

    features = channels[-1] * sizes[-1]
    return Encoder(_Convolutions(arch, seen), features, latent), Decoder(nn.Sequential(*up), features, latent)


def lengths(x: Tensor) -> Tensor:
    """int64 (B,): the steps of (B, T, C) up to the last at which any channel is seen; at least 1."""
    seen = ~x.isnan().all(2)
    return (seen * torch.arange(1, x.shape[1] + 1, device=x.device)).amax(1).clamp(min=1)


def _observed(x: Tensor) -> Tensor:
    """(B, T, C) with NaN -> (B, T, 2 C): the values, 0 where there is none, and where there is one."""
    return torch.cat([x.nan_to_num(0.0), (~x.isnan()).to(x)], dim=2)


class _Recurrent(nn.Module):
    def __init__(self, channels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.summary = Summary(2 * channels, hidden, layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, width)."""
        features: Tensor = self.summary(_observed(x), lengths(x))
        return features


class _Convolutions(nn.Module):
    """Convolutions whose maps are 0 behind the end, as the border of a shorter sequence would be."""

    def __init__(self, arch: Conv1dArch, channels: int) -> None:
        super().__init__()
        self.leak, self.stride = arch.leak, arch.stride
        self.layers = nn.ModuleList(
            nn.Conv1d(given, made, arch.kernel, arch.stride, arch.kernel // 2)
            for given, made in pairwise((2 * channels, *arch.channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, channels * steps of the last map)."""
        maps, length = _observed(x).transpose(1, 2), lengths(x)
        for layer in self.layers:
            maps = functional.leaky_relu(layer(maps), self.leak)
            length = (length - 1) // self.stride + 1
            steps = torch.arange(maps.shape[2], device=maps.device)
            maps = maps * (steps < length[:, None])[:, None]
        return maps.flatten(1)


class _StepsFirst(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, T) -> (B, T, C)."""
        return maps.transpose(1, 2)
