"""Categories, one-hot: a logit for each, as binary attributes have them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from favae_cli.views.bernoulli import BernoulliView, averaged_logits


class CategoricalView(BernoulliView):
    """Categorical variables side by side; a variable that is missing has NaN in all of its columns.

    Args:
        groups: how many columns each variable has.
    """

    def __init__(self, groups: Sequence[int]) -> None:
        super().__init__(sum(groups))
        self.groups = tuple(groups)

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """P(x = category), (R, D), given that one category of each variable holds: in proportion to the odds."""
        single = np.minimum(super().decode(mean, variance), 1 - 1e-9)
        found: np.ndarray = single / (1 - single)
        ends = np.cumsum(self.groups)
        for start, end in zip(ends - self.groups, ends, strict=True):
            found[:, start:end] /= found[:, start:end].sum(axis=1, keepdims=True)
        return found

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Of one category of each variable, by the probabilities of `decode`."""
        parts = torch.split(averaged_logits(mean, variance), list(self.groups), dim=1)
        terms = torch.cat([part.log_softmax(1) for part in parts], dim=1)  # of odds, as in `decode`
        return (x.nan_to_num(0.0) * terms).sum(1)
