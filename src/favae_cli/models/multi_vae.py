"""Multi-VAE: a private Gaussian z for each view and one categorical c for all (Xu et al., ICCV 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from favae_cli.common.errors import UserError
from favae_cli.config.models import MultiVaeConfig
from favae_cli.models.joint_vae import JointVAE
from favae_cli.views.objective import KLTerm, gaussian_kl
from favae_cli.views.vae import VaeView


@dataclass(frozen=True)
class MultiLoss:
    """Terms of the objective, each (B,) in nats a sample; nothing where the sample lacks the view.

    Attributes:
        log_likelihood: log p(x | c, z), summed over views.
        shared_kl: KL(q(c | x) || uniform), x the view that c is drawn from.
        private_kl: by view, KL(q(z | x) || N(0, I)).
        present: by view, 1 where the sample has it, else 0.
        settings: weight and capacities.
    """

    log_likelihood: Tensor
    shared_kl: Tensor
    private_kl: dict[str, Tensor]
    present: dict[str, Tensor]
    settings: MultiVaeConfig

    @property
    def kl(self) -> Tensor:
        """Of c and every z."""
        return self.shared_kl + sum(self.private_kl.values())

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
        """What the KLs' distances from capacities of their own cost after so many epochs, less the log-likelihood."""
        settings = self.settings
        shared, private = (
            KLTerm(settings.beta, capacity, settings.growth) for capacity in (settings.capacity_c, settings.capacity_z)
        )
        loss = shared.penalty(self.shared_kl, epochs) - self.log_likelihood.mean()
        for name, kl in self.private_kl.items():
            # Over the samples that have the view, and with their share of the batch as its weight.
            here = self.present[name]
            loss = loss + here.mean() * private.penalty(kl.sum() / here.sum().clamp(min=1), epochs)
        return loss


class MultiVAE(JointVAE):
    """c and z share what is the whole z of a view in FA-VAE: first c, then z.

    Of the encoder's outputs, the means of the first `classes` dimensions are the logits of q(c | x), their variances
    are idle. Where the authors' q(c | x) sees all views at once, here it is the mixture of what each view says alone,
    so that c can be had from a single one: a training sample draws it from one of its views, to decode all of them.

    Args:
        settings: the model's section.
        views: two or more.

    Raises:
        UserError: a view's latent size leaves no room for z.
    """

    def __init__(self, settings: MultiVaeConfig, views: dict[str, VaeView]) -> None:
        super().__init__(views)
        for name, view in views.items():
            if view.size <= settings.classes:
                raise UserError(
                    f"model.classes: must be less than views.{name}.latent ({view.size}), which c and z share, "
                    f"got {settings.classes}"
                )
        self.settings = settings
        self.networks = nn.ModuleDict({f"of_{name}": view.networks for name, view in views.items()})

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """To choose a view, to draw c from what it says, and for every z."""
        classes = self.settings.classes
        choice, c = (torch.empty(count, n).exponential_(generator=generator) for n in (len(self.views), classes))
        z = {name: torch.randn(count, view.size - classes, generator=generator) for name, view in self.views.items()}
        return {"choice": choice, "c": c} | {f"z/{name}": noise for name, noise in z.items()}

    def loss_of(
        self, batch: Mapping[str, Tensor], present: Mapping[str, Tensor], drawn: Mapping[str, Tensor]
    ) -> MultiLoss:
        """One view that the sample has, drawn evenly, says what c is; every view it has says its own z."""
        classes = self.settings.classes
        inferred = {name: view.inference(batch[name]) for name, view in self.views.items()}
        here = {name: present[name].float() for name in self.views}
        # By sample, the view that says what c is, each of those that it has as probable as the others.
        expert = (torch.stack(list(here.values()), 1) / drawn["choice"]).argmax(1, keepdim=True)
        logits = torch.stack([mean[:, :classes] for mean, _ in inferred.values()], 1)
        log_q = functional.log_softmax(logits.take_along_dim(expert[..., None], 1)[:, 0], 1)
        c = relaxed(log_q, self.settings.temperature, drawn["c"])
        log_likelihood = torch.zeros_like(log_q[:, 0])
        private_kl = {}
        for name, view in self.views.items():
            mean, log_variance = (part[:, classes:] for part in inferred[name])
            z = mean + drawn[f"z/{name}"] * (log_variance / 2).exp()
            output = view.generative(torch.cat([c, z], 1))
            log_likelihood = log_likelihood + here[name] * view.log_likelihood(batch[name], output)
            private_kl[name] = here[name] * gaussian_kl(mean, log_variance, torch.zeros_like(mean), 1.0)
        return MultiLoss(log_likelihood, uniform_kl(log_q), private_kl, here, self.settings)

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        """(R, classes) logits of q(c | x), less their mean: the probabilities themselves soon are all 0 or 1."""
        logits = self.views[view].encode(stored).mean[:, : self.settings.classes]
        return logits - logits.mean(1, keepdims=True)

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """c as `source` says; the z of another view is 0, its prior mean."""
        encoded = self.views[source].encode(stored).mean
        logits, private = np.split(encoded, [self.settings.classes], axis=1)
        c = functional.softmax(torch.from_numpy(logits), 1).numpy()
        if target != source:  # of whose z this source knows nothing
            private = np.zeros((len(c), self.views[target].size - c.shape[1]), np.float32)
        return self.views[target].decode(np.concatenate([c, private], axis=1))


def uniform_kl(log_q: Tensor) -> Tensor:
    """KL of categorical distributions, log-probabilities (B, C), from the uniform one; (B,) nats."""
    return (log_q.exp() * log_q).sum(1) + math.log(log_q.shape[1])


def relaxed(log_q: Tensor, temperature: float, exponential: Tensor) -> Tensor:
    """A draw from categorical distributions, log-probabilities (B, C), that is nearly one-hot (Jang et al., 2017).

    The hotter, the nearer to uniform it is, and the smoother its gradient.

    Args:
        exponential: (B, C) draws from the exponential distribution of mean 1.
    """
    return ((log_q - exponential.log()) / temperature).softmax(1)
