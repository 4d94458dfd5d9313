"""Categories, one-hot: Bayesian softmax regression on the factors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.stats import norm, qmc
from torch import Tensor, nn

from favae_cli.data.dataset import blocks
from favae_cli.factors.categorical import Softmax, alike, contrasts, softmax
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.views.predictor import Intercepts

POINTS = 256  # of the quasi-random rule by which probabilities are averaged over uncertain predictors
CHUNK = 1 << 16  # numbers of the largest temporary array, which stays in the cache of a core


class CategoricalView:
    """Categorical variables side by side; a variable that is missing has NaN in all of its columns.

    The logits of a variable with C categories are U times C - 1 predictors (`factors.categorical.contrasts`): z is
    those of all variables, less those of the rates in training.

    Args:
        groups: how many columns each variable has.
    """

    trainable = False

    def __init__(self, groups: Sequence[int]) -> None:
        self.groups = tuple(groups)
        self.size = sum(groups) - len(groups)
        self._intercepts = Intercepts(self.size)
        self.networks = nn.ModuleDict({"intercepts": self._intercepts})

    def fit(self, values: np.ndarray) -> None:
        """Take the rate of each category from the stored training samples, with half a sample more of each."""
        counts = np.nansum(values, axis=0) + 0.5
        self._intercepts.keep(np.concatenate([np.log(counts[own]) @ basis for own, _, basis in self._variables()]))

    def local(self, values: np.ndarray) -> PseudoData:
        """Each variable around its rates, to begin with."""
        x = np.concatenate([values[:, own] @ basis for own, _, basis in self._variables()], axis=1)
        return PseudoData(x, Softmax(self.groups, self._intercepts.array()))

    def at_logits(self, logits: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """(R, D) mean of z of this variance, such that it decodes to these logits (R, sum of groups), nearly.

        As MacKay (1992) has it of two categories, whose logits are apart by sqrt(2) z.
        """
        eta = np.concatenate([logits[:, own] @ basis for own, _, basis in self._variables()], axis=1)
        return eta * np.sqrt(1 + np.pi / 4 * variance) - self._intercepts.array()

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """P(x = category), (R, sum of groups), the uncertainty of z averaged out."""
        found = np.empty((len(mean), sum(self.groups)))
        eta = mean + self._intercepts.array()
        for own, place, basis in self._variables():
            if variance is None or len(basis) == 1:
                found[:, own] = softmax(basis @ eta[:, place].T).T
            else:
                found[:, own] = _averaged(eta[:, place], np.sqrt(variance[:, place]), basis)
        return found

    def log_likelihood(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Of one category of each variable, nearly: each pair of them as MacKay (1992) has a logit."""
        eta, found = mean + self._intercepts.values.to(mean), torch.zeros(len(mean)).to(mean)
        for places, basis in alike(self.groups):  # V variables at once
            place, turn = torch.tensor(places.T).to(mean.device), torch.tensor(basis).to(mean)
            apart = (turn[:, None] - turn).square()  # (C, C, C - 1)
            spread = torch.einsum("bvd,ijd->bvij", variance[:, place], apart)
            logits = eta[:, place] @ turn.T  # (B, V, C)
            odds = (logits[..., None, :] - logits[..., None]) / (1 + math.pi / 8 * spread).sqrt()
            terms = (-odds.logsumexp(3)).log_softmax(2)
            seen = x[:, place] @ turn.T + 1 / len(basis)
            found = found + (seen.nan_to_num(0.0) * terms).sum((1, 2))
        return found

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: the probability says it."""
        return

    def _variables(self) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Of each variable its columns in the data, those of z, and U."""
        for before, own in enumerate(blocks(self.groups)):
            yield own, slice(own.start - before, own.stop - before - 1), contrasts(own.stop - own.start)


def _averaged(mean: np.ndarray, deviation: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(R, C) mean of softmax(U eta) for independent eta ~ N(mean, deviation^2), (R, C - 1) each.

    By a Sobol sequence and its mirror image: the same points for all samples, whenever it is asked. In float32, which
    is far finer than so few points.
    """
    drawn = qmc.Sobol(mean.shape[1], rng=0).random(POINTS // 2)
    points = norm.ppf(np.clip(drawn, 1e-9, 1 - 1e-9))
    points = np.concatenate([points, -points])
    found = np.empty((len(mean), len(basis)))
    step = max(1, CHUNK // (POINTS * len(basis)))
    mean, deviation, points, basis = (part.astype(np.float32) for part in (mean, deviation, points, basis))
    for start in range(0, len(mean), step):
        part = slice(start, start + step)
        eta = mean.T[:, part, None] + deviation.T[:, part, None] * points.T[:, None]
        found[part] = softmax(np.tensordot(basis, eta, 1)).mean(axis=2).T
    return found / found.sum(axis=1, keepdims=True)
