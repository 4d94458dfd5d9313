"""Where a view's networks, and the variance of its likelihood, begin: at what a linear model of its data says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from favae_cli.nets import Decoder, Encoder, linear_path
from favae_cli.views.likelihoods import Noise

PASSES = 5  # of factor analysis, at most: with many more, a single column could lose all of its noise
SETTLED = 0.02  # share by which no variance changes any more


class Begun(Protocol):
    """As much of a view with networks as its start needs."""

    shape: tuple[int, ...]
    size: int
    encoder: Encoder
    decoder: Decoder

    def parts(self, count: int) -> Iterator[slice]:
        """So many samples, a part at a time."""
        ...

    def batch(self, values: np.ndarray) -> Tensor:
        """Stored samples as a batch."""
        ...

    def features(self, x: Tensor) -> Tensor:
        """What the encoder sees of a batch."""
        ...


def begin(view: Begun, noise: Noise, values: np.ndarray) -> None:
    """Have a learned variance begin at what is left of each value, and linear networks at their optimum with it.

    Args:
        view: its networks are changed, where they have a linear path.
        noise: of its likelihood.
        values: stored training samples.
    """
    values = values[linear_path.sampled(len(values), math.prod(view.shape))]
    if noise.fixed is None:
        _start_variance(view, noise, values)
    if view.encoder.linear is not None and view.decoder.linear is not None:
        variance = _variances(view, noise)
        found = linear_path.spectrum(_rows(view, values, variance), view.size)
        linear_path.fit(view.encoder.linear, view.decoder.linear, found, variance)


def _start_variance(view: Begun, noise: Noise, values: np.ndarray) -> None:
    """Each pass knows the noise better than the last."""
    shares, variance = _shares(values), np.ones(math.prod(view.shape))
    for known in range(PASSES):
        found = linear_path.spectrum(_rows(view, values, variance), view.size)
        left = variance * found.residual(1.0 if known else None)
        noise.start_at(*(torch.from_numpy(part).reshape(_laid_out(view)) for part in (left, shares)))
        before, variance = variance, _variances(view, noise)
        if known and np.allclose(variance, before, rtol=SETTLED):
            break


def _variances(view: Begun, noise: Noise) -> np.ndarray:
    """(P,), float64: of each value given z."""
    return noise.variance(torch.zeros(_laid_out(view))).detach().cpu().double().flatten().numpy()


def _rows(view: Begun, values: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """What the encoder sees of samples in units of the noise, float32 (R, P); the mean where an entry is missing."""
    rows, units = np.empty((len(values), math.prod(view.shape)), np.float32), np.sqrt(variance)
    for part in view.parts(len(values)):
        rows[part] = view.features(view.batch(values[part])).nan_to_num(0.0).flatten(1).cpu().numpy() / units
    return rows


def _shares(values: np.ndarray) -> np.ndarray:
    """(P,): the share of the samples in which each value is there."""
    rows = values.reshape(len(values), -1)
    return 1 - np.isnan(rows).mean(axis=0) if rows.dtype.kind == "f" else np.ones(rows.shape[1])


def _laid_out(view: Begun) -> tuple[int, ...]:
    """The shape of a sample as the likelihood sees it."""
    return (view.shape[-1], *view.shape[:2]) if len(view.shape) == 3 else view.shape
