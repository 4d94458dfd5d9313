"""A pair for texts as tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from favae_cli.nets.base import Decoder, Encoder

if TYPE_CHECKING:
    from favae_cli.config.views import TokenArch

END = 0
"""The token behind a text's last."""


def build(arch: TokenArch, shape: tuple[int, ...], latent: int) -> tuple[Encoder, Decoder]:
    """Fully connected layers over tokens in their places; the decoder makes all tokens at once.

    The encoder takes int64 (B, length) tokens, the decoder returns logits (B, length, vocabulary).

    Args:
        arch: `embedding` (dimensions of a token), `hidden` (units of the layers for a whole text), `layers`.
        shape: (length, vocabulary): tokens of a text, and how many different ones there are.
        latent: size D of the embedding.
    """
    length, vocabulary = shape
    down = nn.Sequential(_Tokens(arch, length, vocabulary), *_stack(arch.hidden, arch.layers))
    up = nn.Sequential(
        nn.ReLU(),
        *_stack(arch.hidden, arch.layers - 1),
        nn.Linear(arch.hidden, length * arch.embedding),
        nn.ReLU(),
        nn.Unflatten(1, (length, arch.embedding)),
        nn.Linear(arch.embedding, vocabulary),
    )
    return Encoder(down, arch.hidden, latent), Decoder(up, arch.hidden, latent)


def _stack(width: int, depth: int) -> list[nn.Module]:
    return [module for _ in range(depth) for module in (nn.Linear(width, width), nn.ReLU())]


def counted(tokens: Tensor) -> Tensor:
    """bool, as `tokens` (B, length): which of them make up the text, its end included."""
    ended = tokens == END
    return ended.cumsum(1) - ended.long() == 0


class _Tokens(nn.Module):
    """What each token says in its place, added up over a text to unit scale; what is behind its end adds nothing."""

    def __init__(self, arch: TokenArch, length: int, vocabulary: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, arch.embedding)
        self.place = nn.Embedding(length, arch.embedding)
        self.layer = nn.Sequential(nn.Linear(2 * arch.embedding, arch.hidden), nn.Tanh())

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 (B, length) -> float32 (B, hidden)."""
        places = self.place.weight.expand(len(tokens), -1, -1)
        said: Tensor = self.layer(torch.cat([self.token(tokens), places], dim=2))
        counts = counted(tokens)
        return (said.float() * counts[..., None]).sum(1) / counts.sum(1, keepdim=True).sqrt()
