"""p(x | z) of counts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.views.likelihoods import Likelihood
from favae_cli.views.scales import lost_zeros

_HIGHEST = 20.0  # log of a rate over its column's mean; far beyond all data, and short of infinity in float32
_THETA = 0.1, 100.0  # a dispersion begins between: below is hardly a distribution, above a Poisson's
_SHARE = 0.01  # of counts that are lost, at least, where it begins; and what is left at least


class Poisson(Likelihood):
    """The output is the logarithm of the rate, relative to the column's training mean.

    Args:
        columns: D, the last axis of x.
    """

    offset: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("offset", torch.zeros(columns))

    def fit(self, values: np.ndarray) -> None:
        """Keep the logarithm of each column's mean; of half a count in all where there was none."""
        self.offset.copy_(torch.from_numpy(np.log(_means(values))))

    def start_around(self, values: np.ndarray, rates: np.ndarray) -> None:
        """Have what is learned of the likelihood itself begin where counts (R, D) around these rates put it."""

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        # In float64: the terms of large counts nearly cancel.
        """Of whole counts, with their factorials; NaN counts nothing."""
        seen, log_rate = ~x.isnan(), self._log_mean(output).double()
        counts = torch.where(seen, x, 0).double()
        return (seen * self._terms(counts, log_rate)).flatten(1).sum(1).float()

    def mean(self, output: Tensor) -> Tensor:
        """The rate, in counts."""
        return self.rate(output)

    def rate(self, output: Tensor) -> Tensor:
        """What is expected where it is not lost."""
        return self._log_mean(output).exp()

    def variance(self, output: Tensor) -> Tensor:
        """Equal to the rate."""
        return self.mean(output)

    def _log_mean(self, output: Tensor) -> Tensor:
        return self.offset + output.clamp(max=_HIGHEST)

    def _terms(self, counts: Tensor, log_mean: Tensor) -> Tensor:
        """log p of every count."""
        return counts * log_mean - log_mean.exp() - torch.lgamma(counts + 1)


class NegativeBinomial(Poisson):
    """A Poisson whose rate is gamma distributed: variance mu + mu^2 / theta, with one learned theta for each column."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.log_theta = nn.Parameter(torch.zeros(columns))

    def start_around(self, values: np.ndarray, rates: np.ndarray) -> None:
        """Theta by the method of moments: of what the counts vary more than a Poisson distribution does."""
        seen, (least, most) = ~np.isnan(values), _THETA
        squares = np.maximum(np.where(seen, np.square(rates), 0.0).sum(axis=0), np.finfo(np.float32).tiny)
        more = np.where(seen, np.square(values - rates) - rates, 0.0).sum(axis=0)
        theta = squares / np.clip(more, squares / most, squares / least)
        self.log_theta.data.copy_(torch.from_numpy(np.log(theta)))

    def variance(self, output: Tensor) -> Tensor:
        """mu + mu^2 / theta, in counts squared."""
        mean = self.rate(output)
        return mean + mean.square() / self.log_theta.exp()

    def _terms(self, counts: Tensor, log_mean: Tensor) -> Tensor:
        log_theta = self.log_theta.double()
        theta, log_sum = log_theta.exp(), torch.logaddexp(log_theta, log_mean)
        ways = torch.lgamma(counts + theta) - torch.lgamma(theta) - torch.lgamma(counts + 1)
        return ways + theta * (log_theta - log_sum) + counts * (log_mean - log_sum)


class ZeroInflated(NegativeBinomial):
    """A negative binomial distribution of which a learned share of each column is lost, and counted as 0 (ZINB).

    The rate is that of what is not lost.
    """

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.lost_logit = nn.Parameter(torch.zeros(columns))

    def fit(self, values: np.ndarray) -> None:
        """As the others; shares by how many zeros the counts above 0 do not explain (`lost_zeros`)."""
        zeros = (values == 0).sum(axis=0) / np.maximum((~np.isnan(values)).sum(axis=0), 1)
        lost = np.clip(lost_zeros(values) * zeros, _SHARE, 1 - _SHARE)
        self.lost_logit.data.copy_(torch.from_numpy(np.log(lost / (1 - lost))))
        self.offset.copy_(torch.from_numpy(np.log(_means(values) / (1 - lost))))

    def mean(self, output: Tensor) -> Tensor:
        """Of what is counted, lost or not."""
        return torch.sigmoid(-self.lost_logit) * self.rate(output)

    def variance(self, output: Tensor) -> Tensor:
        """Of the same, in counts squared."""
        lost, mean = torch.sigmoid(self.lost_logit), self.rate(output)
        return (1 - lost) * (super().variance(output) + lost * mean.square())

    def _terms(self, counts: Tensor, log_mean: Tensor) -> Tensor:
        logit = self.lost_logit.double()
        counted = functional.logsigmoid(-logit) + super()._terms(counts, log_mean)
        return torch.where(counts == 0, torch.logaddexp(functional.logsigmoid(logit), counted), counted)


def _means(values: np.ndarray) -> np.ndarray:
    """(D,) mean of the counts that are seen; of half a count in all where there was none."""
    total = np.nansum(values, axis=0, dtype=np.float64)
    means: np.ndarray = np.maximum(total, 0.5) / np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return means
