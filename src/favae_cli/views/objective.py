"""The objective of a training step, and its terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class KLTerm:
    """How the KL enters the objective: beta |KL - C|, with C = 0 the plain beta KL.

    Attributes:
        beta: weight.
        capacity: C in nats once it has grown (Burgess et al., 2018, eq. 3).
        growth: epochs in which C grows from 0, linearly.
    """

    beta: float
    capacity: float = 0.0
    growth: int = 1

    def penalty(self, kl: Tensor, epochs: Tensor | float) -> Tensor:
        """Of the mean of `kl` (B,), after so many epochs; nats."""
        grown = torch.as_tensor(epochs / self.growth, dtype=torch.float64).clamp(max=1.0)
        return self.beta * (kl.mean() - (self.capacity * grown).to(kl.dtype)).abs()


class Loss(Protocol):
    """What a training step needs: numbers to log, (B,) each in nats a sample, and the objective to minimise."""

    @property
    def log_likelihood(self) -> Tensor:
        """E log p(x | z) of each sample."""
        ...

    @property
    def kl(self) -> Tensor:
        """KL(q(z | x) || prior) of each sample."""
        ...

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
        """A scalar, after so many epochs."""
        ...


@dataclass(frozen=True)
class VaeLoss:
    """Terms of the objective, each (B,) in nats a sample.

    Attributes:
        log_likelihood: log p(x | z) at one draw of z.
        kl: KL(q(z | x) || prior), summed over dimensions.
        predictive: log p(x | z) at the z that is expected, where one is.
        beta: the view's own weight of the KL, beside that of all views.
    """

    log_likelihood: Tensor
    kl: Tensor
    predictive: Tensor | None = None
    beta: float = 1.0

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
        """What the KL costs after so many epochs, less the mean log-likelihood of the batch."""
        return self.beta * term.penalty(self.kl, epochs) - self.log_likelihood.mean()


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_precision: Tensor | float) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(prior_mean, 1/prior_precision)), summed over the last axis, nats."""
    precision = torch.as_tensor(prior_precision, dtype=torch.float64)
    squares = log_variance.exp() + (mean - prior_mean).square()
    terms = precision * squares - 1 - log_variance - precision.log()
    return 0.5 * terms.sum(-1)
