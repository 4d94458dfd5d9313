"""Counts with an encoder and a decoder."""

from __future__ import annotations

import logging

import numpy as np
import torch

from favae_cli.config.views import CountsViewConfig
from favae_cli.views.count_likelihoods import NegativeBinomial, Poisson, ZeroInflated
from favae_cli.views.likelihoods import Noise
from favae_cli.views.linear_start import begin
from favae_cli.views.standardise import CountLogs, LogStandard
from favae_cli.views.vae import VaeView

logger = logging.getLogger(__name__)

LIKELIHOODS = {"poisson": Poisson, "negative_binomial": NegativeBinomial, "zinb": ZeroInflated}
ROUNDS = 3  # of the linear model, which each time knows better what is missing
FEWEST = 0.5  # a mean count for which the logarithm is not taken to be flatter still


class CountsView(VaeView):
    """A VAE of D columns of counts, NaN where one is missing.

    Its linear start is that of the logarithms: what is linear there is a factor of the rates.
    """

    config: CountsViewConfig

    likelihood: Poisson
    inputs: CountLogs | LogStandard

    @property
    def starts_linear(self) -> bool:
        """Whether the rates begin as what is linear in the logarithms of the counts."""
        return self.config.start == "linear"

    def _likelihood(self) -> Poisson:
        return LIKELIHOODS[self.config.likelihood](self.shape[-1])

    def _inputs(self) -> CountLogs | LogStandard:
        if not self.starts_linear:
            return LogStandard(self.shape[-1])
        return CountLogs(self.shape[-1], self.config.likelihood == "zinb", self.size)

    def fit(self, values: np.ndarray) -> None:
        """Keep what the stored training samples say, and begin with rates that are linear in their logarithms."""
        self.likelihood.fit(values)
        self.inputs.fit(values)
        counts = values.astype(np.float64)
        if isinstance(self.inputs, CountLogs):
            counts = self.inputs.counted(torch.from_numpy(counts)).numpy()
            assert self.encoder.linear is not None
            assert self.decoder.linear is not None
            logger.info("%d samples of %d counts: looking for a linear start in their logarithms", *values.shape)
            for _ in range(ROUNDS):
                begin(self, Noise("learned", self.shape, start=1.0), counts)
                if not np.isnan(counts).any():
                    break
                self.inputs.expect(self.encoder.linear, self.decoder.linear)
            self._to_rates()
        self.likelihood.start_around(counts, self._rates(values))

    @torch.no_grad()
    def _to_rates(self) -> None:
        """Have the decoder's linear path tell logarithms of rates over their mean, not standardised log(1 + count)."""
        assert self.decoder.linear is not None
        weight, mean = self.decoder.linear.weight, self.likelihood.offset.exp().clamp(min=FEWEST)
        weight *= (self.inputs.scale.to(mean) * (1 + 1 / mean))[:, None]
        self.decoder.linear.offset.copy_(-0.5 * weight.square().sum(1))  # so that the mean is that of all z

    @torch.inference_mode()
    def _rates(self, values: np.ndarray) -> np.ndarray:
        """(R, D) of what is not lost, where the networks are now."""
        self.networks.eval()
        rates = np.empty(values.shape)
        for part in self.parts(len(values)):
            mean, _ = self.inference(self.batch(values[part]))
            rates[part] = self.likelihood.rate(self.generative(mean)).cpu().numpy()
        return rates
