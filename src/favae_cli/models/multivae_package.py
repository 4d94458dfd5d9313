"""Joint VAEs of the package multivae, with our networks, likelihoods and random streams; imported only when asked for.

Likelihoods are summed over pixels in nats and not rescaled between views, and no KL term is annealed, as in FA-VAE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from multivae.data.datasets import IncompleteDataset, MultimodalBaseDataset
from multivae.models import (
    CMVAE,
    CRMVAE,
    DMVAE,
    JMVAE,
    MMVAE,
    MVAE,
    MVTCAE,
    CMVAEConfig,
    CRMVAEConfig,
    DMVAEConfig,
    JMVAEConfig,
    MMVAEConfig,
    MMVAEPlus,
    MMVAEPlusConfig,
    MoPoE,
    MoPoEConfig,
    MVAEConfig,
    MVTCAEConfig,
)
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn.base_architectures import BaseDecoder, BaseEncoder
from torch import Tensor, nn
from torch.distributions import Distribution

from favae_cli.common.errors import UserError
from favae_cli.config.models import LibraryModelConfig, PrivateModelConfig
from favae_cli.models.joint_vae import JointLoss, JointVAE, common_size, shared_size
from favae_cli.views.vae import VaeView

MODELS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "mvae": (MVAE, MVAEConfig, {"warmup": 0}),
    "mmvae": (MMVAE, MMVAEConfig, {"loss": "iwae_looser"}),
    "mmvaeplus": (MMVAEPlus, MMVAEPlusConfig, {"loss": "iwae_looser"}),
    "cmvae": (CMVAE, CMVAEConfig, {"loss": "iwae_looser"}),
    "crmvae": (CRMVAE, CRMVAEConfig, {}),
    "jmvae": (JMVAE, JMVAEConfig, {"warmup": 0}),
    "dmvae": (DMVAE, DMVAEConfig, {}),
    "mopoe": (MoPoE, MoPoEConfig, {}),
    "mvtcae": (MVTCAE, MVTCAEConfig, {}),
}
"""By name: the model, its config, and what of it is not left to the user."""
MIXTURES = ("mmvae", "mmvaeplus", "cmvae")
"""Those in which every view's z decodes all views, and whose loss is of a whole batch."""


class _Encoder(BaseEncoder):  # type: ignore[misc]
    """A view's encoder; the first `shared` dimensions are of the shared latent variable, the rest private."""

    def __init__(self, view: VaeView, shared: int) -> None:
        super().__init__()
        self.network, self.latent_dim, self._infer = view.encoder, shared, view.inference

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_variance = self._infer(x)
        shared = self.latent_dim
        # Clones: some models write into what they are given.
        return ModelOutput(
            embedding=mean[:, :shared].clone(),
            log_covariance=log_variance[:, :shared].clone(),
            style_embedding=mean[:, shared:],
            style_log_covariance=log_variance[:, shared:],
        )


class _Decoder(BaseDecoder):  # type: ignore[misc]
    """A view's decoder, before the output activation, which `VaeView.log_likelihood` applies."""

    def __init__(self, view: VaeView) -> None:
        super().__init__()
        self.network, self._generate = view.decoder, view.generative

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self._generate(z))


class LibraryVAE(JointVAE):
    """One model of the package.

    Args:
        settings: the model's section.
        views: two or more.
        generator: of initial weights that no view has.

    Raises:
        UserError: the views' latent sizes differ, or leave no room for private parts.
    """

    def __init__(self, settings: LibraryModelConfig, views: dict[str, VaeView], generator: torch.Generator) -> None:
        super().__init__(views)
        self.name = settings.name
        self.complete = self.name == "jmvae"
        model, config, fixed = MODELS[self.name]
        size = common_size(self.name, views)
        arguments = {**settings.model_dump(exclude={"name", "private"}), **fixed}
        if isinstance(settings, PrivateModelConfig):
            size = shared_size(self.name, settings.private, views)
            private = dict.fromkeys(map(_key, views), settings.private)
            arguments["modalities_specific_dim"] = private if self.name == "dmvae" else settings.private
        with _seeded(int(torch.randint(2**63 - 1, (), generator=generator)), torch.device("cpu")):
            self.net = model(
                config(n_modalities=len(views), latent_dim=size, **arguments),
                {_key(name): _Encoder(view, size) for name, view in views.items()},
                {_key(name): _Decoder(view) for name, view in views.items()},
            )
        self.net.recon_log_probs = {_key(name): self._log_prob(name) for name in views}
        self._fits: dict[str, list[Tensor]] = {}
        self.networks = nn.ModuleDict({"joint": self.runtime.place(self.net)})
        for name, view in views.items():
            if view.starts_linear:  # else there are no units to keep
                self.networks[f"of_{name}"] = nn.ModuleDict(
                    {key: view.networks[key] for key in ("likelihood", "inputs")}
                )

    def _log_prob(self, name: str) -> Callable[[Tensor, Tensor], Tensor]:
        view = self.views[name]

        def log_prob(output: Tensor, x: Tensor) -> Tensor:
            """(B,) log p(x | z), or (K, B) of K outputs a sample; kept aside, too."""
            draws = output.reshape(-1, *x.shape)
            fit = torch.stack([view.log_likelihood(x, draw) for draw in draws])
            self._fits[name].append(fit.detach())
            return fit if output.ndim > x.ndim else fit[0]

        return log_prob

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """A seed: the library takes its numbers from torch's own generators."""
        return {"seed": torch.randint(2**63 - 1, (), generator=generator)}

    def seeded(self, drawn: Mapping[str, Tensor]) -> AbstractContextManager[None]:
        """The package draws from torch's own generators."""
        return _seeded(int(drawn["seed"]), self.runtime.device)

    def loss_of(
        self, batch: Mapping[str, Tensor], present: Mapping[str, Tensor], drawn: Mapping[str, Tensor]
    ) -> JointLoss:
        """Of all views; what each of them says is kept aside, so that the log has a log-likelihood and a KL of its own.

        Raises:
            UserError: the package finds the loss no longer finite.
        """
        data = {_key(name): batch[name] for name in self.views}
        masks = {_key(name): present[name] for name in self.views}
        given = MultimodalBaseDataset(data) if self.complete else IncompleteDataset(data, masks)
        self._fits = {name: [] for name in self.views}
        try:
            output = self.net(given)
        except AssertionError as error:  # how mvtcae takes a NaN
            raise UserError("trainer.learning_rate: the joint loss is no longer finite; try a smaller one") from error
        log_likelihood = self._log_likelihood(present)
        kl = self._divergence(output, log_likelihood).detach().expand(len(log_likelihood))
        summed = self.name in (*MIXTURES, "crmvae")
        cost = output.loss / len(log_likelihood) if summed else output.loss
        return JointLoss(log_likelihood, kl, cost)

    def _log_likelihood(self, present: Mapping[str, Tensor]) -> Tensor:
        """(B,) of the last batch: at the first draw of z, which is joint; in a mixture, the mean over its experts."""
        here = {name: present[name].float() for name in self.views if self._fits[name]}
        experts = torch.stack(list(here.values()))
        if self.name not in MIXTURES:
            experts = torch.ones_like(experts[:1])
        fits = [torch.stack([here[name] * self._fits[name][i].mean(0) for name in here]) for i in range(len(experts))]
        return (experts * torch.stack(fits).sum(1)).sum(0) / experts.sum(0)

    def _divergence(self, output: Any, log_likelihood: Tensor) -> Tensor:
        """What the model's joint ELBO is less than its log-likelihood, by what each model tells of itself."""
        told, count = output.metrics, len(log_likelihood)
        match self.name:
            case "mvae":
                return told["kld" + "_".join(sorted(self.net.encoders))]
            case "mopoe" | "crmvae":
                return told["joint_divergence"]
            case "mvtcae":
                return told["joint_divergence"] / count
            case "jmvae":
                return told["elbo"] + log_likelihood.mean()
            case "dmvae":
                return told["joint"] + log_likelihood.mean()
            case _:
                return output.loss / count + log_likelihood.mean()

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        """The mean of the variable that the package shares among the views."""
        return np.concatenate([shared for shared, _ in self._posterior(view, stored)])

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        """Through the shared variable; where views have private ones besides, that of `target` is its prior's."""
        z = [np.concatenate([shared, private[target]], axis=1) for shared, private in self._posterior(source, stored)]
        return self.views[target].decode(np.concatenate(z))

    @torch.inference_mode()
    def _posterior(self, source: str, stored: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Batch by batch, the mean of the shared latent variable and, by view, of the private one; (B, D) each."""
        self.net.eval()
        for part in self.views[source].parts(len(stored)):
            x = self.views[source].batch(stored[part])
            # Some models look at all views, if only to forget the others.
            data = {_key(name): x if name == source else _nothing(view, len(x)) for name, view in self.views.items()}
            found = self.net.encode(MultimodalBaseDataset(data), _key(source), return_mean=True)
            private = {} if found.one_latent_space else found.modalities_z
            yield (
                found.z.cpu().numpy(),
                {name: private.get(_key(name), found.z[:, :0]).cpu().numpy() for name in self.views},
            )


def _key(view: str) -> str:
    """The view's name in the library, apart from the names of ModuleDict's own attributes."""
    return f"of_{view}"


def _nothing(view: VaeView, count: int) -> Tensor:
    """A batch of `count` black images, or of zeros, in the memory of one."""
    blank = np.zeros((1, *view.shape), np.uint8 if len(view.shape) == 3 else np.float32)
    return view.batch(blank).expand(count, *[-1] * len(view.shape))


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """For a while, give torch's global generators, which the library draws from, this seed.

    Arguments of distributions are not checked meanwhile: what is not finite shall come out as such in the loss.
    """
    checks = Distribution._validate_args
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        Distribution.set_default_validate_args(False)
        try:
            yield
        finally:
            Distribution.set_default_validate_args(checks)
