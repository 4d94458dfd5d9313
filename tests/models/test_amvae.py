"""AMVAE: its bound by importance sampling, the views that it sees, and what it finds out about planted pairs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from favae_cli.common.errors import UserError
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.models.amvae import AMVAE, some_of
from favae_cli.views.objective import KLTerm

Joint = Callable[..., AMVAE]
MakeBatch = Callable[[JointVAE, Dataset], tuple[dict[str, Tensor], dict[str, Tensor]]]
FLAT = (
    "views.face.variance=1000",
    "views.cartoon.variance=1000",
)  # a likelihood so wide that p(z | x) is near the prior


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def log_weights(model: AMVAE, batch: dict[str, Tensor], seen: list[bool], draws: int) -> Tensor:
    """(draws, B) log p(x, s, p) - log q(s, p), of the views that are seen, for samples that have all."""
    inferred = {name: view.inference(batch[name]) for name, view in model.views.items()}
    count = len(batch["face"])
    mean, log_variance = model.fused(inferred, torch.tensor([seen]).float().expand(count, -1))
    q, prior = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    shared = q.sample((draws,))
    weights = (prior.log_prob(shared) - q.log_prob(shared)).sum(2)
    for is_seen, (name, view) in zip(seen, model.views.items(), strict=True):
        own, spread = (part[:, model.shared :] for part in inferred[name])
        p = Normal(own, (spread / 2).exp()) if is_seen else Normal(torch.zeros_like(own), 1.0)
        private = p.sample((draws,))
        weights = weights + (prior.log_prob(private) - p.log_prob(private)).sum(2)
        z = torch.cat([shared, private], 2).flatten(0, 1)
        x = batch[name].repeat(draws, 1, 1, 1)
        weights = weights + view.log_likelihood(x, view.generative(z)).view(draws, count)
    return weights


@pytest.mark.parametrize("seen", [[True, True], [True, False], [False, True]])
@torch.no_grad()
def test_whatever_it_sees_it_bounds_the_same_log_likelihood(
    seen: list[bool], joint: Joint, pairs: Dataset, make_batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = joint("amvae", *FLAT)
    model.networks.eval()
    for view in model.views.values():
        view.encoder.head.weight.normal_(0, 0.02)  # near the prior, or the weights would vary too much
    model.fusion.weight[model.shared :].normal_(0, 0.1)  # as after a while, its variances too tell what is seen
    batch = {name: x[:5] for name, x in make_batch(model, pairs)[0].items()}
    draws = 2000
    weights = log_weights(model, batch, seen, draws)
    monkeypatch.setattr("favae_cli.models.amvae.some_of", lambda here, number, order: torch.tensor([seen]) & here)
    again = {name: x.repeat(draws, 1, 1, 1) for name, x in batch.items()}  # every sample, with noise of its own
    everyone = {name: torch.ones(5 * draws, dtype=torch.bool) for name in batch}
    loss = model.loss(again, everyone, seeded())
    elbo = (loss.log_likelihood - loss.kl).view(draws, 5).mean(0)
    torch.testing.assert_close(elbo, weights.mean(0), atol=0.1, rtol=0)

    everything = log_weights(model, batch, [True, True], draws)
    evidence, same = (found.logsumexp(0) - math.log(draws) for found in (weights, everything))
    torch.testing.assert_close(evidence, same, atol=0.2, rtol=0)  # log p(x), from another q
    assert (elbo < evidence).all()


def test_every_number_of_views_is_seen_as_often_and_none_that_is_missing() -> None:
    here = torch.tensor([[True, True, True], [True, False, True], [False, True, False]]).repeat_interleave(6000, 0)
    generator = seeded()
    seen = some_of(
        here, torch.rand(len(here), 1, generator=generator), torch.rand(len(here), 3, generator=generator)
    ).view(3, 6000, 3)
    assert not seen[1, :, 1].any()
    assert not seen[2, :, [0, 2]].any()
    for row, has in enumerate((3, 2, 1)):
        numbers = seen[row].sum(1).bincount(minlength=4) / 6000
        wanted = torch.tensor([0.0] + [1 / has] * has + [0.0] * (3 - has))
        torch.testing.assert_close(numbers, wanted, atol=0.03, rtol=0)
    torch.testing.assert_close(seen[0].float().mean(0), torch.full((3,), 2 / 3), atol=0.03, rtol=0)


def test_beta_weighs_every_kl(joint: Joint, pairs: Dataset, make_batch: MakeBatch) -> None:
    model = joint("amvae", "model.beta=3")
    loss = model.loss(*make_batch(model, pairs), seeded())
    expected = 3 * loss.kl.mean() - loss.log_likelihood.mean()
    assert loss.objective(KLTerm(99.0), 1.0).item() == pytest.approx(expected.item())


def test_a_translation_takes_the_shared_part_of_the_source_and_nothing_private(joint: Joint, pairs: Dataset) -> None:
    model = joint("amvae")
    stored = pairs.views["face"].values[:5]
    encoded = model.views["face"].encode(stored)
    mean, variance = encoded.mean, encoded.variance
    inputs = np.concatenate([mean[:, :4], np.log(variance)[:, :4], np.zeros((5, 8)), np.tile([1.0, 0.0], (5, 1))], 1)
    weight = model.fusion.weight.detach().numpy()
    shared = (inputs @ weight.T)[:, :4]
    np.testing.assert_allclose(model.embed("face", stored), shared, rtol=1e-3, atol=1e-5)
    expected = model.views["cartoon"].decode(np.concatenate([shared, np.zeros((5, 2))], axis=1))
    np.testing.assert_allclose(model.translate("face", "cartoon", stored), expected, rtol=1e-4, atol=1e-5)
    own = model.views["face"].decode(np.concatenate([shared, mean[:, 4:]], axis=1))
    np.testing.assert_allclose(model.translate("face", "face", stored), own, rtol=1e-4, atol=1e-5)


def test_private_parts_must_leave_room_for_the_shared_one(joint: Joint) -> None:
    with pytest.raises(
        UserError, match=r"^model\.private: must be less than the latent size of the views \(6\), got 6$"
    ):
        joint("amvae", "model.private=6")
    with pytest.raises(UserError, match=r"^views\.cartoon\.latent: must be 6, as views\.face\.latent; model=amvae"):
        joint("amvae", "views.cartoon.latent=7")
