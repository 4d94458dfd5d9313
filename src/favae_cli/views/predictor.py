"""Tables whose likelihood is of a predictor eta = W g + b: z is eta, less what all samples have in common."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class Intercepts(nn.Module):
    """What the training samples say of the predictors where the factors say nothing, (D,) float64."""

    values: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(size, dtype=torch.float64))

    def keep(self, found: np.ndarray) -> None:
        """Take these."""
        self.values.copy_(torch.from_numpy(found))

    def array(self) -> np.ndarray:
        """As a NumPy array."""
        found: np.ndarray = self.values.cpu().numpy().copy()
        return found
