"""Sequences of real values, of one length or of many, with an encoder and a decoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from favae_cli.config.views import SequenceViewConfig
from favae_cli.nets.sequence import lengths
from favae_cli.views.likelihoods import Gaussian, Likelihood
from favae_cli.views.vae import VaeView


class GaussianSteps(Gaussian):
    """A sequence goes on or has ended, and what is seen of its channels is normal around the decoder's mean.

    The decoder's output (B, T, C + 1) is a mean for every standardised channel, and the logit that the sequence has not
    ended before the step. A step counts as part of the sequence if any channel is seen then or later. The first always
    is part of it, so that only the other T - 1 logits matter.
    """

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats, (B,): of the values of x (B, T, C) that are seen, and of the length."""
        logits = output[:, 1:, -1]
        lasts = torch.arange(1, x.shape[1], device=x.device) < lengths(x)[:, None]
        terms = functional.binary_cross_entropy_with_logits(logits, lasts.to(output), reduction="none")
        return super().log_prob(x, output[..., :-1]) - terms.sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """E[x | z] of every step, whether the sequence reaches it or not, (B, T, C)."""
        return super().mean(output[..., :-1])

    def variance(self, output: Tensor) -> Tensor:
        """Var[x | z], as `mean`."""
        return super().variance(output[..., :-1])

    def ended(self, output: Tensor) -> Tensor:
        """bool (B, T): the first step that more likely than not is behind the end, and all after it."""
        behind = output[..., -1] < 0
        behind[:, 0] = False
        return behind.cummax(1).values


class SequenceView(VaeView):
    """A VAE of sequences (R, T, C), NaN where an entry is missing and past a sequence's end."""

    config: SequenceViewConfig

    likelihood: GaussianSteps

    def _likelihood(self) -> Likelihood:
        return GaussianSteps(self.config.variance, self.shape[-1])

    def features(self, x: Tensor) -> Tensor:
        """The standardised batch (B, T, C), NaN as stored: the encoder has to know where it is."""
        return self.inputs(x)

    @torch.inference_mode()
    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None, *, ended: bool = True) -> np.ndarray:
        """E[x | z] at z = `mean`: (R, T, C) in the channels' units.

        NaN past the decoded end, unless not `ended`: then every step is there, for sequences whose end is known.
        """
        self.networks.eval()
        decoded = np.empty((len(mean), *self.shape))
        for part in self.parts(len(mean)):
            output = self.generative(self._embedding(mean[part]))
            x = self.likelihood.mean(output)
            if ended:
                x = x.masked_fill(self.likelihood.ended(output)[..., None], torch.nan)
            decoded[part] = x.cpu().numpy()
        return decoded

    def deviation(self, mean: np.ndarray, variance: np.ndarray, *, ended: bool = True) -> np.ndarray:
        """Standard deviation around `decode`, (R, T, C) in the channels' units, NaN where that is NaN."""
        found = super().deviation(mean, variance)
        assert found is not None
        if ended:
            found[np.isnan(self.decode(mean))] = np.nan
        return found
