"""Gated recurrent units (Cho et al., 2014) in both directions: from steps to features, and from features to steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Summary(nn.Module):
    """Features of the steps that count; those behind them change nothing.

    Args:
        inputs: numbers that it sees at each step.
        hidden: units of each direction.
        layers: of units.

    Attributes:
        width: size of the features, which are the last state of each direction and the mean over time of both.
    """

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.units = nn.GRU(inputs, hidden, layers, batch_first=True, bidirectional=True)
        self.width = 4 * hidden

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """(B, T, inputs), of which the first `steps` (B,) count, at least 1 -> float32 (B, width)."""
        packed = pack_padded_sequence(x, steps.cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.units(packed)
        mean = pad_packed_sequence(states, batch_first=True)[0].float().sum(1) / steps[:, None]
        return torch.cat([last[-2].float(), last[-1].float(), mean], dim=1)


class Unrolled(nn.Module):
    """All steps at once: the features, scaled and shifted in each step's own way, go through the units.

    Args:
        steps: T.
        hidden: units of each direction.
        layers: of units.
        outputs: numbers that it makes at each step.

    Attributes:
        width: size of the features.
    """

    def __init__(self, steps: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.scale = nn.Embedding(steps, self.width)
        self.shift = nn.Embedding(steps, self.width)
        self.units = nn.GRU(self.width, hidden, layers, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(self.width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(B, width) -> (B, T, outputs)."""
        states, _ = self.units(features[:, None] * self.scale.weight + self.shift.weight)
        made: Tensor = self.readout(states)
        return made
