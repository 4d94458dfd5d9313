"""Fully connected pair, for tables and for small images."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from favae_cli.nets.base import Decoder, Encoder

if TYPE_CHECKING:
    from favae_cli.config.views import MlpArch


def build(arch: MlpArch, shape: tuple[int, ...], latent: int) -> tuple[Encoder, Decoder]:
    """Linear layers with leaky ReLU between them; the decoder mirrors the encoder.

    Args:
        arch: `hidden` (width of each hidden layer; none makes both networks linear), `leak`.
        shape: of one sample: (D,) of a table, or (H, W, C) of an image, which the networks see as (C, H, W).
        latent: size of the embedding.
    """
    if len(shape) == 3:
        height, width, colours = shape
        shape = (colours, height, width)
    widths = (math.prod(shape), *arch.hidden)

    down: list[nn.Module] = [nn.Flatten()]
    for given, made in pairwise(widths):
        down += [nn.Linear(given, made), nn.LeakyReLU(arch.leak)]

    up: list[nn.Module] = []
    for given, made in pairwise(reversed(widths)):
        up += [nn.LeakyReLU(arch.leak), nn.Linear(given, made)]
    up.append(nn.Unflatten(1, shape))

    return Encoder(nn.Sequential(*down), widths[-1], latent), Decoder(nn.Sequential(*up), widths[-1], latent)
