"""Encoders and decoders by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from favae_cli.nets import image_conv, mlp, sequence, tokens, user_class
from favae_cli.nets.base import Decoder, Encoder, initialise

if TYPE_CHECKING:
    from favae_cli.config.views import Conv1dArch, ConvArch, GruArch, MlpArch, OwnArch, TokenArch

__all__ = ["Decoder", "Encoder", "build"]


def build(
    arch: ConvArch | MlpArch | GruArch | Conv1dArch | TokenArch | OwnArch,
    shape: tuple[int, ...],
    latent: int,
    generator: torch.Generator | None = None,
) -> tuple[Encoder, Decoder]:
    """Make and initialise the encoder and the decoder that `arch.name` asks for, in float32 on the CPU.

    The encoder maps a batch to mean and log-variance, each (B, latent); the decoder maps (B, latent) to the
    shape of the batch, without an output activation. Sequences and texts get a little more: see their modules.

    Args:
        arch: the `arch` group's keys as attributes; `name` picks the family, the rest is the family's own.
        shape: of one sample as stored: (H, W, C) for images, which the networks see as (B, C, H, W), (D,), or (T, C)
            for sequences; (length, vocabulary) for texts.
        latent: size of the embedding.
        generator: source of the initial weights; torch's global one when None.

    Raises:
        UserError: the family cannot take data of this shape; the message begins with the key below the view's.
    """
    if arch.name == "own":
        return user_class.build(arch, shape, latent, generator)
    leak = 1.0 if arch.name == "gru" else getattr(arch, "leak", 0.0)  # no ReLU before a linear layer; a plain one
    if arch.name == "conv":
        encoder, decoder = image_conv.build(arch, shape, latent)
    elif arch.name == "mlp":
        encoder, decoder = mlp.build(arch, shape, latent)
    elif arch.name == "gru":
        encoder, decoder = sequence.build_gru(arch, shape, latent)
    elif arch.name == "conv1d":
        encoder, decoder = sequence.build_conv1d(arch, shape, latent)
    else:
        encoder, decoder = tokens.build(arch, shape, latent)
    initialise(encoder, decoder, leak, generator)
    return encoder, decoder
