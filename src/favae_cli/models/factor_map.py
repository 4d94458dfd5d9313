"""What the factors expect of one view's embedding given those of others, as a map that gradients pass through."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from favae_cli.factors import FactorModel


class FactorMap:
    """E[z_m | z_o] = W_m Sigma_o sum over v in o of <tau_v> W_v^T (z_v - b_v) + b_m, for sets o of given views.

    The factors are constants. Where z of a given view is inferred, its mean counts as observed.

    Args:
        factors: of all views.
        given: bool (Q, V), the sets, in the order of the factor model's views.
        device: where it computes, in float64: the noise of some views may be many times that of others.
    """

    def __init__(self, factors: FactorModel, given: np.ndarray, device: torch.device) -> None:
        def sent(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, np.float64)).to(device)

        parts, origin = factors.views, np.zeros((1, factors.factors))
        sets = [tuple(name for name, here in zip(parts, row, strict=True) if here) for row in given]
        spreads = [factors.given(chosen)[1] for chosen in sets]
        self._given, self._spread = sent(given), sent(np.stack(spreads))
        self._loadings = {name: sent(part.copies * part.tau * part.weights) for name, part in parts.items()}
        self._weights = {name: sent(part.weights.T) for name, part in parts.items()}
        self._bias = {name: sent(part.bias) for name, part in parts.items()}
        self._variance = {
            name: sent(np.concatenate([factors.predict(name, origin, spread)[1] for spread in spreads]))
            for name in parts
        }

        self._told = {name: sent(_told(part.numpy(force=True))) for name, part in self._variance.items()}

    def expected(self, means: Mapping[str, Tensor], asked: Tensor) -> dict[str, Tensor]:
        """float32 (B, D_m) of every view.

        Args:
            means: by view, z as (B, D_m); anything finite where it is not given.
            asked: int64 (B, V), by target the set that is given.
        """
        said = torch.stack([(means[name].double() - self._bias[name]) @ part for name, part in self._loadings.items()])
        latent = torch.einsum("qv,vbk->qbk", self._given, said) @ self._spread  # of every set: Q is small
        samples = torch.arange(len(asked), device=asked.device)
        return {
            name: (latent[asked[:, target], samples] @ weights + self._bias[name]).float()
            for target, (name, weights) in enumerate(self._weights.items())
        }

    def variance(self, view: str, asked: Tensor) -> Tensor:
        """float32 (B, D), of z around what is expected of it.

        Args:
            asked: int64 (B,), the sets that are given.
        """
        return self._variance[view][asked].float()

    def told(self, view: str, asked: Tensor) -> Tensor:
        """float32 (B,), the share of the variance of z that the given views tell; 1 is what the view itself would tell.

        Args:
            asked: int64 (B,), the sets that are given.
        """
        return self._told[view][asked].float()


def _told(variance: np.ndarray) -> np.ndarray:
    """(Q,) by set, the first of which is empty, from the variances (Q, D) that are left; 1 where no set tells more.

    The view itself is in some of them: the others are asked about given it.
    """
    left = variance.mean(axis=1)
    shares = np.maximum(1 - left / left[0], 0)
    return shares / shares.max() if shares.max() > 0 else np.ones_like(shares)
