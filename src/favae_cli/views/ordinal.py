"""Ordered levels, one-hot in ascending order: Bayesian cumulative logistic regression on the factors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.data.dataset import blocks
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.ordinal import CumulativeLogit, first_thresholds, level_probabilities
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.views.predictor import Intercepts


class OrdinalView:
    """Ordered variables side by side; one that is missing has NaN in all of its columns.

    z of a variable is where it stands, and thresholds, which are learned with the factors, part its levels.

    Args:
        groups: how many levels each variable has, lowest first.
    """

    trainable = False

    def __init__(self, groups: Sequence[int]) -> None:
        self.groups, self.size = tuple(groups), len(groups)
        self._thresholds = Intercepts(sum(groups) - len(groups))
        self.networks = nn.ModuleDict({"thresholds": self._thresholds})

    def fit(self, values: np.ndarray) -> None:
        """Begin with thresholds that give the levels of the stored training samples their rates."""
        counts = np.nansum(values, axis=0)
        self._thresholds.keep(np.concatenate([first_thresholds(counts[own]) for own in blocks(self.groups)]))

    def local(self, values: np.ndarray) -> PseudoData:
        """The level of each variable, from 0, as the likelihood takes it."""
        levels = [values[:, own] @ np.arange(own.stop - own.start) for own in blocks(self.groups)]
        return PseudoData(np.stack(levels, axis=1), CumulativeLogit(self._cuts()))

    def keep(self, local: LocalEmbedding) -> None:
        """Take the thresholds that the factors were fitted with."""
        assert isinstance(local, PseudoData)
        assert isinstance(local.likelihood, CumulativeLogit)
        self._thresholds.keep(np.concatenate(local.likelihood.thresholds))

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """P(level), (R, sum of groups), the uncertainty of z averaged out."""
        spread = np.zeros_like(mean) if variance is None else variance
        columns = zip(self._cuts(), mean.T, spread.T, strict=True)
        return np.concatenate([level_probabilities(*column) for column in columns], axis=1)

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Of levels, the uncertainty of z averaged out, nearly (MacKay, 1992)."""
        found = torch.zeros(len(mean)).to(mean)
        wide = (1 + math.pi / 8 * variance).sqrt()
        for column, cuts in enumerate(self._cuts()):
            edges = torch.from_numpy(np.concatenate([[-np.inf], cuts, [np.inf]])).to(mean)
            level = x[:, column].nan_to_num(0.0).long()
            high, low = ((edges[level + up] - mean[:, column]) / wide[:, column] for up in (1, 0))
            p = (high.sigmoid() - low.sigmoid()).clamp(min=torch.finfo(mean.dtype).tiny)
            found = found + torch.where(x[:, column].isnan(), 0.0, p.log())
        return found

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: the probabilities say it."""
        return

    def _cuts(self) -> list[np.ndarray]:
        """Thresholds of each variable."""
        found = self._thresholds.array()
        return [found[own.start - before : own.stop - before - 1] for before, own in enumerate(blocks(self.groups))]
