"""A pair for texts as tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from favae_cli.nets.base import Decoder, Encoder
from favae_cli.nets.recurrent import Summary, Unrolled

if TYPE_CHECKING:
    from favae_cli.view_config import TokenArch

END = 0
"""The token behind a text's last, and all behind it."""


def build(arch: TokenArch, shape: tuple[int, ...], latent: int) -> tuple[Encoder, Decoder]:
    """Embedded tokens through gated recurrent units in both directions; the decoder makes all tokens at once.

    The encoder takes int64 (B, length) tokens, the decoder returns logits (B, length, vocabulary).

    Args:
        arch: `embedding` (dimensions of a token), `hidden` (units of each direction), `layers`.
        shape: (length, vocabulary): tokens of a text, and how many different ones there are.
        latent: size D of the embedding.
    """
    length, vocabulary = shape
    down = _Tokens(arch, vocabulary)
    up = Unrolled(length, arch.hidden, arch.layers, vocabulary)
    return Encoder(down, down.summary.width, latent), Decoder(up, up.width, latent)


def counted(tokens: Tensor) -> Tensor:
    """bool, as `tokens` (B, length): which of them make up the text, its end included."""
    ended = tokens == END
    return ended.cumsum(1) - ended.long() == 0


class _Tokens(nn.Module):
    def __init__(self, arch: TokenArch, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, arch.embedding)
        self.summary = Summary(arch.embedding, arch.hidden, arch.layers)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 (B, length) -> (B, width)."""
        features: Tensor = self.summary(self.embedding(tokens), counted(tokens).sum(1))
        return features
