"""Texts with an encoder and a decoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from favae_cli.config.views import TextViewConfig
from favae_cli.nets import Decoder, Encoder, build
from favae_cli.nets.tokens import counted
from favae_cli.views.likelihoods import Likelihood
from favae_cli.views.vae import VaeView
from favae_cli.views.vocabulary import Vocabulary


class Categorical(Likelihood):
    """Tokens int64 (B, length), all independent given z; the output (B, length, vocabulary) is their logits."""

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats, (B,): of the tokens up to the first end, which counts too."""
        terms = functional.cross_entropy(output.transpose(1, 2), x, reduction="none")
        return -(counted(x) * terms).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """Probability of every token, as of a one-hot x, (B, length, vocabulary)."""
        return output.softmax(2)

    def variance(self, output: Tensor) -> Tensor:
        """Of a one-hot x, as `mean`."""
        probability = self.mean(output)
        return probability * (1 - probability)


class TextView(VaeView):
    """A VAE of texts, an object array (R,) of str."""

    config: TextViewConfig
    usual_beta = 0.1  # at 1, z costs more than a decoder that knows no tokens yet can make of it, and says nothing

    inputs: Vocabulary

    def _networks(self, generator: torch.Generator | None) -> tuple[Encoder, Decoder]:
        config = self.config
        return build(config.arch, (config.length, config.vocabulary), config.latent, generator)

    def _likelihood(self) -> Likelihood:
        return Categorical()

    def _inputs(self) -> Vocabulary:
        return Vocabulary(self.config.vocabulary, self.config.length)

    def batch(self, values: np.ndarray | Tensor) -> Tensor:
        """Texts (B,) as int64 tokens (B, length) on the device."""
        return torch.from_numpy(self.inputs.tokens(np.asarray(values))).to(self.runtime.device)

    @torch.inference_mode()
    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        """The most probable tokens at z = `mean`, as texts: an object array (R,) of str."""
        self.networks.eval()
        texts = np.empty(len(mean), object)
        for part in self.parts(len(mean)):
            probabilities = self.likelihood.mean(self.generative(self._embedding(mean[part])))
            texts[part] = self.inputs.texts(probabilities.argmax(2).tolist())
        return texts

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """None: a text has none."""
