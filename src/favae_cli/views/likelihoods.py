"""p(x | z): what the decoder's output says of the data, in their own units.

A NaN in x is a missing entry: it adds nothing to log p(x | z), and nothing to its gradient.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.common.errors import UserError
from favae_cli.views.standardise import Standard

_FLOOR = 1e-4  # of a learned variance, which a column that does not vary would drive to 0


class Likelihood(nn.Module, ABC):
    """One distribution for every value of x, all of them independent given z."""

    def fit(self, values: np.ndarray) -> None:
        """Keep what the training samples, as stored, say of the data's units."""

    @abstractmethod
    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats, (B,): the sum over the values of x (B, ...) that are seen."""

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """E[x | z], in the shape and the units of x."""

    @abstractmethod
    def variance(self, output: Tensor) -> Tensor:
        """Var[x | z], in the shape of x and its units squared."""


Variance = float | Literal["learned"]


class Gaussian(Likelihood):
    """N(mean, v) for columns, or for the channels of sequences; mean and v are those of the standardised data.

    The log-likelihood, too, is that of the standardised data, so that it does not depend on the units.

    Args:
        variance: v, or "learned": one for each column.
        columns: D, the last axis of x.
    """

    def __init__(self, variance: Variance, columns: int) -> None:
        super().__init__()
        self.standard = Standard(columns)
        self.noise = Noise(variance, (columns,), start=1.0)

    def fit(self, values: np.ndarray) -> None:
        """Keep each column's mean and scale, in its own units."""
        self.standard.fit(values)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Of the standardised data."""
        return self.noise.log_prob(self.standard(x), output)

    def mean(self, output: Tensor) -> Tensor:
        """Back in the columns' own units, in float64."""
        return self.standard.mean + self.standard.scale * output

    def variance(self, output: Tensor) -> Tensor:
        """In the columns' units squared, the same at every z."""
        return self.noise.variance(output) * self.standard.scale.square()


class PixelGaussian(Likelihood):
    """N(sigmoid(output), v) for pixels in [0, 1].

    Args:
        variance: v, or "learned": one for each channel.
        channels: C of images (B, C, H, W).
        linear: N(output, v) instead. What is decoded is cut to [0, 1]; the likelihood is of what is not, or nothing
            would draw a value from beyond back.
    """

    def __init__(self, variance: Variance, channels: int, linear: bool = False) -> None:
        super().__init__()
        self.noise, self.linear = Noise(variance, (channels, 1, 1), start=0.1), linear

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Of pixels in [0, 1], as they are."""
        return self.noise.log_prob(x, output if self.linear else torch.sigmoid(output))

    def mean(self, output: Tensor) -> Tensor:
        """In [0, 1]."""
        return output.clamp(0, 1) if self.linear else torch.sigmoid(output)

    def variance(self, output: Tensor) -> Tensor:
        """The same at every z; where it is learned, one for each channel."""
        return self.noise.variance(output)


class Noise(nn.Module):
    """A normal distribution around given means.

    Args:
        variance: fixed, or "learned".
        scales: shape of a learned variance, which broadcasts with the data.
        start: the learned variance before it has learned or seen any data.
    """

    def __init__(self, variance: Variance, scales: tuple[int, ...], start: float) -> None:
        super().__init__()
        self.fixed = None if variance == "learned" else float(variance)
        if self.fixed is None:
            self.log_variance = nn.Parameter(torch.full(scales, math.log(start)))

    @torch.no_grad()
    def start_at(self, squares: Tensor, shares: Tensor) -> None:
        """Have a learned variance begin at the mean of these squares, but for its floor.

        Args:
            squares: in the shape of a sample, what is left of each value on average, a missing one counting 0.
            shares: in the same shape, how often the value is there.
        """
        scales = self.log_variance.shape
        seen = shares.sum_to_size(scales)
        mean = squares.sum_to_size(scales) / seen.masked_fill(seen == 0, 1.0)  # what nobody has is at its floor
        self.log_variance.copy_((mean - _FLOOR).clamp(min=_FLOOR).log())

    def variance(self, mean: Tensor) -> Tensor:
        """One for every mean."""
        if self.fixed is None:
            return (self.log_variance.exp() + _FLOOR).expand_as(mean)
        return torch.full_like(mean, self.fixed)

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """(B,) nats, over the values of x that are seen."""
        seen = ~x.isnan()
        squares = (torch.where(seen, x, mean) - mean).square()
        if self.fixed is None:
            variance = self.variance(mean)
            terms = squares / variance + seen * (2 * math.pi * variance).log()
            return -0.5 * terms.flatten(1).sum(1)
        constant = 0.5 * seen.flatten(1).sum(1).double() * math.log(2 * math.pi * self.fixed)
        return -0.5 * squares.flatten(1).sum(1) / self.fixed - constant.float()


class Bernoulli(Likelihood):
    """The output is the logit of P(x = 1); grey values between 0 and 1 are taken as well."""

    def fit(self, values: np.ndarray) -> None:
        """Look at the training samples.

        Raises:
            UserError: a value outside of [0, 1]; begins with the key below the view's.
        """
        outside = values[(values < 0) | (values > 1)]
        if outside.size:
            raise UserError(f"likelihood: bernoulli takes values from 0 to 1, not {outside[0]:g}; use gaussian")

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Minus the cross entropy; NaN counts nothing."""
        seen = ~x.isnan()
        terms = functional.binary_cross_entropy_with_logits(
            output, torch.where(seen, x, 0).to(output), reduction="none"
        )
        return -(seen * terms).flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """P(x = 1)."""
        return torch.sigmoid(output)

    def variance(self, output: Tensor) -> Tensor:
        """p (1 - p)."""
        return torch.sigmoid(output) * torch.sigmoid(-output)
