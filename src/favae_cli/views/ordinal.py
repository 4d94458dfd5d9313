"""Ordered levels, one-hot in ascending order: Bayesian cumulative logistic regression on the factors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import expit, softmax
from torch import Tensor, nn

from favae_cli.data.dataset import blocks
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.ordinal import CumulativeLogit, first_thresholds, level_probabilities
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.views.predictor import Intercepts

FAR = 20.0  # from a threshold, where one level is certain
HALVINGS = 40


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

    def at_logits(self, logits: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """(R, D) mean of z of this variance, such that the levels it decodes to have the mean of these, nearly.

        Args:
            logits: (R, sum of groups), of each level.
            variance: (R, D).
        """
        found = np.empty(variance.shape)
        for column, (own, cuts) in enumerate(zip(blocks(self.groups), self._cuts(), strict=True)):
            level = softmax(logits[:, own], axis=1) @ np.arange(len(cuts) + 1)
            wide = np.sqrt(1 + np.pi / 8 * variance[:, column])  # MacKay (1992)
            low, high = cuts[0] - FAR * wide, cuts[-1] + FAR * wide
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                below = expit((middle[:, None] - cuts) / wide[:, None]).sum(axis=1) < level
                low, high = np.where(below, middle, low), np.where(below, high, middle)
            found[:, column] = (low + high) / 2
        return found

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
