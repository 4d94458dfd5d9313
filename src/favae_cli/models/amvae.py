"""AMVAE: a z for all views from one layer over all encoders, and one of each view's own (Youpeng et al., 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.config.models import AmvaeConfig
from favae_cli.models.joint_vae import JointLoss, JointVAE, shared_size
from favae_cli.views.objective import gaussian_kl
from favae_cli.views.vae import VaeView


class AMVAE(JointVAE):
    """Asymmetric multimodal VAE: what all views share is inferred from all, what is private from one.

    Of the paper are one encoder a view, a fully connected layer over their outputs that gives the shared latent
    variable, and a private one for each view. Ours is what a reader cannot take from that:

    - the layer sees the first dimensions of each encoder's mean and log-variance, zeros of a view that is not seen, and
      for each view whether it is; the other dimensions are q of the private part, which no layer changes;
    - of the views that a training sample has, the model sees some, every number of them as often as any other. All are
      decoded, those that are not seen with a private part from its prior: so it is trained for what it is asked later,
      and its objective is a bound on log p of all views that the sample has, whichever it sees;
    - all priors are N(0, I), and beta weighs all KL terms.

    Args:
        settings: the model's section.
        views: two or more.
        generator: of the layer's first weights.

    Raises:
        UserError: the views' latent sizes differ, or leave no room for private parts.
    """

    def __init__(self, settings: AmvaeConfig, views: dict[str, VaeView], generator: torch.Generator) -> None:
        super().__init__(views)
        self.settings = settings
        self.shared = shared_size(settings.name, settings.private, views)
        fusion = nn.Linear(len(views) * (2 * self.shared + 1), 2 * self.shared)
        with torch.no_grad():  # as the head of an encoder begins
            fusion.weight.normal_(0.0, 1 / math.sqrt(fusion.in_features), generator=generator)
            fusion.weight[self.shared :] = 0
            fusion.bias.zero_()
        self.fusion = self.runtime.place(fusion)
        self.networks = nn.ModuleDict({f"of_{name}": view.networks for name, view in views.items()})
        self.networks["fusion"] = self.fusion

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """To choose the views that are seen, how many and which, and for the shared and every private part."""
        views, private = len(self.views), self.settings.private
        number, order = torch.rand(count, 1, generator=generator), torch.rand(count, views, generator=generator)
        noise = {name: torch.randn(count, private, generator=generator) for name in self.views}
        shared = torch.randn(count, self.shared, generator=generator)
        return {"number": number, "order": order, "shared": shared} | {f"own/{name}": noise[name] for name in noise}

    def loss_of(
        self, batch: Mapping[str, Tensor], present: Mapping[str, Tensor], drawn: Mapping[str, Tensor]
    ) -> JointLoss:
        """Of all views that a sample has, some of which are seen."""
        here = torch.stack([present[name] for name in self.views], 1)
        seen = some_of(here, drawn["number"], drawn["order"]).float()
        inferred = {name: view.inference(batch[name]) for name, view in self.views.items()}
        mean, log_variance = self.fused(inferred, seen)
        shared = mean + drawn["shared"] * (log_variance / 2).exp()
        kl = gaussian_kl(mean, log_variance, torch.zeros_like(mean), 1.0)
        log_likelihood = torch.zeros_like(mean[:, 0])
        for place, (name, view) in enumerate(self.views.items()):
            # Of a view that is not seen q is the prior: mean and log-variance 0.
            own, spread = (seen[:, place, None] * part[:, self.shared :] for part in inferred[name])
            private = own + drawn[f"own/{name}"] * (spread / 2).exp()
            output = view.generative(torch.cat([shared, private], 1))
            log_likelihood = log_likelihood + here[:, place] * view.log_likelihood(batch[name], output)
            kl = kl + gaussian_kl(own, spread, torch.zeros_like(own), 1.0)
        return JointLoss(log_likelihood, kl, self.settings.beta * kl.mean() - log_likelihood.mean())

    def fused(self, inferred: Mapping[str, tuple[Tensor, Tensor]], seen: Tensor) -> tuple[Tensor, Tensor]:
        """q of the shared part: mean and log-variance, (B, shared) each.

        Args:
            inferred: by view, mean and log-variance of its encoder, (B, D) each; anything finite where it is not seen.
            seen: (B, V), 1 where a view is seen, else 0.
        """
        parts = [
            seen[:, place, None] * part[:, : self.shared]
            for place, name in enumerate(self.views)
            for part in inferred[name]
        ]
        mean, log_variance = self.fusion(torch.cat([*parts, seen], 1)).split(self.shared, 1)
        return mean, log_variance

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        """(R, D) mean of the shared part where this view alone is seen."""
        return self._seeing(view, stored)[0]

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """The shared part as `source` says; the private one of another view is 0, its prior mean."""
        shared, private = self._seeing(source, stored)
        if target != source:
            private = np.zeros_like(private)
        return self.views[target].decode(np.concatenate([shared, private], axis=1))

    @torch.inference_mode()
    def _seeing(self, view: str, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means of the shared part and of the view's own, where it alone is seen."""
        self.networks.eval()
        shared = np.empty((len(stored), self.shared), np.float32)
        private = np.empty((len(stored), self.settings.private), np.float32)
        for part in self.views[view].parts(len(stored)):
            found = self.views[view].inference(self.views[view].batch(stored[part]))
            nothing = (torch.zeros_like(found[0]),) * 2
            seen = torch.tensor([[name == view for name in self.views]], device=found[0].device)
            mean, _ = self.fused(
                {name: found if name == view else nothing for name in self.views},
                seen.float().expand(len(found[0]), -1),
            )
            shared[part], private[part] = mean.cpu().numpy(), found[0][:, self.shared :].cpu().numpy()
        return shared, private


def some_of(here: Tensor, number: Tensor, order: Tensor) -> Tensor:
    """bool (B, V), one or more of the views that each sample has, every number of them as often as any other.

    Args:
        here: bool (B, V), the views that it has.
        number: (B, 1) uniform in [0, 1), of how many are taken.
        order: (B, V) uniform in [0, 1), of which come first.
    """
    rank = torch.where(here, order, 2.0).argsort(1).argsort(1)
    return here & (rank <= (number * here.sum(1, keepdim=True)).floor())
