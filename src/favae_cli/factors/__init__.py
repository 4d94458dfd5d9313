"""The factor-analysis engine: pure functions over moments, usable alone.

from favae_cli.factors import Moments, fit

model = fit(Moments.from_arrays({"a": Za, "b": Zb}), factors=100, seed=0)
mean, covariance = model.posterior({"a": Za})
"""

from favae_cli.factors.fit import fit
from favae_cli.factors.gamma import Gamma
from favae_cli.factors.linalg import EngineError
from favae_cli.factors.model import FactorModel, ViewFactors
from favae_cli.factors.moments import Moments, Pattern, PatternMoments

__all__ = [
    "EngineError",
    "FactorModel",
    "Gamma",
    "Moments",
    "Pattern",
    "PatternMoments",
    "ViewFactors",
    "fit",
]
