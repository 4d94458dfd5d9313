"""Convolutional pair of the paper (section 3.1), for images of any size."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from favae_cli.common.errors import UserError
from favae_cli.nets.base import Decoder, Encoder
from favae_cli.nets.conv_layers import Conv2d, ConvTranspose2d

if TYPE_CHECKING:
    from favae_cli.config.views import ConvArch


def build(arch: ConvArch, shape: tuple[int, ...], latent: int) -> tuple[Encoder, Decoder]:
    """Strided convolutions, each with batch norm and leaky ReLU, then a linear head; the decoder mirrors it.

    The encoder takes (B, C, H, W), the decoder returns it.

    Args:
        arch: `channels` (one entry a convolution), `kernel`, `stride`, `padding`, `batch_norm`, `leak`.
        shape: (H, W, C) of one image.
        latent: size D of the embedding.

    Raises:
        UserError: the data are not images, or too small for so many convolutions.
    """
    if len(shape) != 3:
        raise UserError(f"arch: conv needs images, but a sample of this view has shape {shape}; use mlp")
    height, width, colours = shape
    channels = (colours, *arch.channels)
    sizes = _map_sizes((height, width), arch)

    down: list[nn.Module] = []
    for given, made in pairwise(channels):
        convolution = Conv2d(given, made, arch.kernel, arch.stride, arch.padding, bias=not arch.batch_norm)
        down += [convolution, *_norm_and_leak(made, arch)]

    features = math.prod((channels[-1], *sizes[-1]))
    up: list[nn.Module] = [nn.Unflatten(1, (channels[-1], *sizes[-1]))]
    for depth in range(len(arch.channels), 0, -1):
        last = depth == 1
        up.append(
            ConvTranspose2d(
                channels[depth],
                channels[depth - 1],
                arch.kernel,
                arch.stride,
                arch.padding,
                output_padding=_lost_pixels(sizes[depth - 1], sizes[depth], arch),
                bias=last or not arch.batch_norm,
            )
        )
        if not last:
            up += _norm_and_leak(channels[depth - 1], arch)

    encoder = Encoder(nn.Sequential(*down, nn.Flatten()), features, latent)
    return encoder, Decoder(nn.Sequential(*up), features, latent)


def _map_sizes(size: tuple[int, int], arch: ConvArch) -> list[tuple[int, int]]:
    """(H, W) of the image and of the map after each convolution."""
    sizes = [size]
    for depth in range(len(arch.channels)):
        height, width = ((n + 2 * arch.padding - arch.kernel) // arch.stride + 1 for n in sizes[-1])
        if min(height, width) < 1:
            raise UserError(
                f"arch.channels: of images of {size[0]}x{size[1]} nothing is left after {depth} of the "
                f"{len(arch.channels)} convolutions; use at most {depth} channels, or larger images"
            )
        sizes.append((height, width))
    return sizes


def _lost_pixels(large: tuple[int, int], small: tuple[int, int], arch: ConvArch) -> tuple[int, int]:
    """Rows and columns at the far border that a strided convolution dropped and its mirror has to restore."""
    reached = [(n - 1) * arch.stride - 2 * arch.padding + arch.kernel for n in small]
    return large[0] - reached[0], large[1] - reached[1]


def _norm_and_leak(channels: int, arch: ConvArch) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(channels)] if arch.batch_norm else []
    return [*norm, nn.LeakyReLU(arch.leak)]
