"""What stands in the place of a view's noise where a bound on its likelihood says how precise its pseudo-data are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PREDICTOR_BIAS = 100.0  # prior variance of b around the rates of a table: they are to be kept


@dataclass(frozen=True)
class Curvature:
    """In the place of q(tau), where z are pseudo-data of a bound on a likelihood (factors.pseudo_data).

    They lie around W g + b with the `precision` that the bound has; W g + b, of which the likelihood is, has no noise.
    """

    precision: float

    @property
    def mean(self) -> float:
        """The precision: there is nothing to infer."""
        return self.precision

    @property
    def mean_log(self) -> float:
        """Its logarithm."""
        return float(np.log(self.precision))

    def kl(self) -> float:
        """None."""
        return 0.0
