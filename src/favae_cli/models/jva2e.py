"""JVA2E: each view's z decodes all views, and an adversary aligns them (Li et al., 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from favae_cli.config.models import Jva2eConfig
from favae_cli.models.joint_vae import JointLoss, JointVAE, common_size
from favae_cli.views.objective import gaussian_kl
from favae_cli.views.vae import VaeView


class JVA2E(JointVAE):
    """Joint VAE whose views have latent variables of one kind: an adversary cannot tell whose a z is.

    Of the paper are one VAE a view, that they learn jointly, and the adversarial alignment of their latents. Ours is
    what a reader cannot take from that:

    - jointly means that the z of every view which a sample has decodes all views that it has; the ELBO is the mean over
      whose z it is, each a bound on log p of all of them;
    - the adversary, one hidden layer, says of a drawn z which view it is of. It learns in the same steps and at the
      same rate as all else. The encoders are to leave it undecided (Tzeng et al., 2015), which `adversary` weighs;
    - its layers have spectral norm 1 (Miyato et al., 2018), so that its probabilities change with z no faster than z.
      Without that, and all the more where the encoders are to have it be wrong instead of undecided, z and the loss
      grew without bound on planted pairs;
    - all priors are N(0, I).

    Args:
        settings: the model's section.
        views: two or more.
        generator: of the adversary's first weights.

    Raises:
        UserError: the views' latent sizes differ.
    """

    def __init__(self, settings: Jva2eConfig, views: dict[str, VaeView], generator: torch.Generator) -> None:
        super().__init__(views)
        self.settings = settings
        self.size = common_size(settings.name, views)
        sizes = ((self.size, settings.hidden, math.sqrt(2)), (settings.hidden, len(views), 1.0))
        layers = []
        for inputs, outputs, gain in sizes:
            layer = nn.Linear(inputs, outputs)
            nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(inputs), generator=generator)
            nn.init.zeros_(layer.bias)
            with torch.random.fork_rng([]):  # it draws from torch's own generator
                torch.manual_seed(int(torch.randint(2**63 - 1, (), generator=generator)))
                layers.append(spectral_norm(layer))
        self.adversary = self.runtime.place(nn.Sequential(layers[0], nn.ReLU(), layers[1]))
        self.networks = nn.ModuleDict({f"of_{name}": view.networks for name, view in views.items()})
        self.networks["adversary"] = self.adversary

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """For the z of every view."""
        return {f"z/{name}": torch.randn(count, self.size, generator=generator) for name in self.views}

    def loss_of(
        self, batch: Mapping[str, Tensor], present: Mapping[str, Tensor], drawn: Mapping[str, Tensor]
    ) -> JointLoss:
        """Means over whose z it is; the adversary sees those of views that a sample has."""
        here = torch.stack([present[name].float() for name in self.views])
        share = here / here.sum(0)
        drawn_z, kls = [], []
        for name, view in self.views.items():
            mean, log_variance = view.inference(batch[name])
            drawn_z.append(mean + drawn[f"z/{name}"] * (log_variance / 2).exp())
            kls.append(gaussian_kl(mean, log_variance, torch.zeros_like(mean), 1.0))
        z = torch.cat(drawn_z)
        fits = torch.zeros_like(here)
        for own, (name, view) in zip(here, self.views.items(), strict=True):
            x = batch[name]
            fit = view.log_likelihood(x.repeat(len(here), *[1] * (x.ndim - 1)), view.generative(z))
            fits = fits + own * fit.view_as(here)
        log_likelihood, kl = (share * fits).sum(0), (share * torch.stack(kls)).sum(0)
        learned, undone = ((share * part.view_as(here)).sum(0).mean() for part in self.told_apart(z))
        cost = self.settings.beta * kl.mean() - log_likelihood.mean() + learned + self.settings.adversary * undone
        return JointLoss(log_likelihood, kl, cost)

    def told_apart(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Of each z what the adversary is to bring down, and what whoever made z is, (V * B,) nats each.

        The first is -log p(the view that z is of); its gradient reaches the adversary alone. The second is how far the
        adversary is from being undecided, the KL from even probabilities to its own; its gradient reaches z alone.

        Args:
            z: (V * B, D), those of the first view, then of the next.
        """
        views = len(self.views)
        whose = torch.arange(views, device=z.device).repeat_interleave(len(z) // views)
        learned = functional.cross_entropy(self.adversary(z.detach()), whose, reduction="none")
        fixed = {name: value.detach() for name, value in self.adversary.named_parameters()}
        log_p = functional.log_softmax(functional_call(self.adversary, fixed, (z,)), 1)
        return learned, -log_p.mean(1) - math.log(views)

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        """(R, D) mean of q(z | x)."""
        return self.views[view].encode(stored).mean

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """The mean of z as `source` says, decoded."""
        return self.views[target].decode(self.embed(source, stored))
