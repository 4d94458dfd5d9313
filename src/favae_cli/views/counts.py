"""Counts with an encoder and a decoder."""

from __future__ import annotations

from favae_cli.config.views import CountsViewConfig
from favae_cli.views.likelihoods import Likelihood, NegativeBinomial, Poisson
from favae_cli.views.standardise import LogStandard
from favae_cli.views.vae import VaeView


class CountsView(VaeView):
    """A VAE of D columns of counts, NaN where one is missing."""

    config: CountsViewConfig

    def _likelihood(self) -> Likelihood:
        family = NegativeBinomial if self.config.likelihood == "negative_binomial" else Poisson
        return family(self.shape[-1])

    def _inputs(self) -> LogStandard:
        return LogStandard(self.shape[-1])
