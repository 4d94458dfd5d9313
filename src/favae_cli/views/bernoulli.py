"""Binary attributes: Bayesian logistic regression on the factors."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.factors.bernoulli import binary, probability
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.views.predictor import Intercepts


class BernoulliView:
    """D binary columns; z of each is its logit, less that of its rate in training. NaN is a missing entry."""

    trainable = False

    def __init__(self, columns: int) -> None:
        self.size = columns
        self._intercepts = Intercepts(columns)
        self.networks = nn.ModuleDict({"intercepts": self._intercepts})

    def fit(self, values: np.ndarray) -> None:
        """Take the rate of each column from the stored training samples, with half a sample more of 0 and of 1."""
        ones, zeros = (np.sum(values == bit, axis=0) + 0.5 for bit in (1, 0))
        self._intercepts.keep(np.log(ones) - np.log(zeros))

    def local(self, values: np.ndarray) -> PseudoData:
        """Each entry around the rate of its column, to begin with."""
        return binary(values, self._intercepts.array())

    def logits(self, mean: np.ndarray) -> np.ndarray:
        """(R, D) of what is expected of z."""
        return mean + self._intercepts.array()

    def at_logits(self, logits: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """(R, D) mean of z of this variance, such that it decodes to these logits, nearly (MacKay, 1992)."""
        return logits * np.sqrt(1 + np.pi / 8 * variance) - self._intercepts.array()

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """P(x = 1), the uncertainty of the logit averaged out."""
        return probability(self.logits(mean), np.zeros_like(mean) if variance is None else variance)

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Of bits, the uncertainty of the logit averaged out, nearly (MacKay, 1992)."""
        logits = (mean + self._intercepts.values.to(mean)) / (1 + math.pi / 8 * variance).sqrt()
        seen = ~x.isnan()
        return (seen * (x.nan_to_num(0.0) * logits - functional.softplus(logits))).sum(1)

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: the probability says it."""
        return
