"""Binary attributes: Bayesian logistic regression on the factors."""

from __future__ import annotations

import numpy as np
from torch import nn

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

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: the probability says it."""
