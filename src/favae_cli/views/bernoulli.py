"""Binary attributes: Bayesian logistic regression on the factors."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.factors.bernoulli import BernoulliEmbedding, probability


class BernoulliView:
    """D binary columns, each with a logit z of its own; NaN is a missing entry."""

    trainable = False

    def __init__(self, columns: int) -> None:
        self.size = columns
        self.networks = nn.ModuleDict()

    def fit(self, values: np.ndarray) -> None:
        """Nothing: 0 and 1 need no scale."""

    def local(self, values: np.ndarray) -> BernoulliEmbedding:
        """A logit for each entry, N(+-1, 1) to begin with, N(0, 1) where it is missing."""
        return BernoulliEmbedding(values)

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """P(x = 1), the uncertainty of the logit averaged out."""
        return probability(mean, np.zeros_like(mean) if variance is None else variance)

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Of bits, the uncertainty of the logit averaged out."""
        logits = averaged_logits(mean, variance)
        seen = ~x.isnan()
        return (seen * (x.nan_to_num(0.0) * logits - functional.softplus(logits))).sum(1)

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: the probability says it."""
        return


def averaged_logits(mean: Tensor, variance: Tensor) -> Tensor:
    """The logit of E sigmoid(z) for z ~ N(mean, variance), elementwise, nearly (MacKay, 1992)."""
    return mean / (1 + math.pi / 8 * variance).sqrt()
