"""JVA2E: its bound by Monte Carlo, whom its adversary's gradients help, and what it finds out about planted pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn import functional

from favae_cli.common.errors import UserError
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.models.jva2e import JVA2E

Joint = Callable[..., JVA2E]
MakeBatch = Callable[[JointVAE, Dataset], tuple[dict[str, Tensor], dict[str, Tensor]]]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def test_its_elbo_is_the_mean_over_whose_z_it_is(joint: Joint, pairs: Dataset, make_batch: MakeBatch) -> None:
    torch.manual_seed(0)
    model, draws = joint("jva2e", "views.face.variance=30", "views.cartoon.variance=30"), 2000
    model.networks.eval()
    batch, present = make_batch(model, pairs)
    batch, present = ({name: part[:6] for name, part in whole.items()} for whole in (batch, present))
    bounds = {}
    for name, view in model.views.items():
        mean, log_variance = view.inference(batch[name])
        q = Normal(mean, (log_variance / 2).exp())
        z = q.sample((draws,))
        weights = (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(2)
        for target, other in model.views.items():
            fit = other.log_likelihood(batch[target].repeat(draws, 1, 1, 1), other.generative(z.flatten(0, 1)))
            weights += fit.view(draws, 6) * present[target]
        bounds[name] = weights.mean(0)
    have = torch.stack([present[name].float() for name in bounds])
    expected = (have * torch.stack([*bounds.values()])).sum(0) / have.sum(0)
    again = {name: x.repeat(draws, 1, 1, 1) for name, x in batch.items()}  # every sample, with noise of its own
    loss = model.loss(again, {name: here.repeat(draws) for name, here in present.items()}, seeded())
    elbo = (loss.log_likelihood - loss.kl).view(draws, 6).mean(0)
    torch.testing.assert_close(elbo, expected, atol=0.15, rtol=0)


def test_the_adversary_learns_and_the_encoders_leave_it_undecided(joint: Joint) -> None:
    model = joint("jva2e")
    model.adversary.eval()
    whose = torch.arange(2).repeat_interleave(20)
    z = torch.randn(40, 6, generator=seeded()) + whose[:, None]
    z.requires_grad_()
    learned, undone = model.told_apart(z)
    assert learned.sum().item() == pytest.approx(
        functional.cross_entropy(model.adversary(z), whose).item() * 40, rel=1e-4
    )
    p = model.adversary(z).softmax(1)
    expected = (0.5 * (0.5 / p).log()).sum(1)  # KL from even probabilities
    torch.testing.assert_close(undone, expected, atol=1e-5, rtol=1e-4)

    weights = [*model.adversary.parameters()]
    assert torch.autograd.grad(learned.sum(), z, retain_graph=True, allow_unused=True) == (None,)
    assert all(g is None for g in torch.autograd.grad(undone.sum(), weights, retain_graph=True, allow_unused=True))
    (of_z,) = torch.autograd.grad(undone.sum(), z)
    of_weights = torch.autograd.grad(learned.sum(), weights)
    with torch.no_grad():  # a step down each gradient: z leaves it less decided, and it tells z better
        assert model.told_apart(z - 0.1 * of_z)[1].sum() < undone.sum() - 1e-4
        for value, gradient in zip(weights, of_weights, strict=True):
            value.sub_(0.001 * gradient)
        assert model.told_apart(z)[0].sum() < learned.sum() - 1e-4


@pytest.mark.slow
def test_views_that_lie_apart_come_together(joint: Joint) -> None:
    model = joint("jva2e")
    z = torch.randn(100, 6, generator=seeded())
    z[50:, 0] += 3
    z.requires_grad_()
    optimiser = torch.optim.Adam([z, *model.adversary.parameters()], 0.02)
    distances = []
    for _ in range(400):
        distances.append((z[50:].mean(0) - z[:50].mean(0)).norm().item())
        learned, undone = model.told_apart(z)
        optimiser.zero_grad()
        (learned.mean() + 10 * undone.mean()).backward()
        optimiser.step()
    assert distances[0] > 2.5
    assert np.mean(distances[-50:]) < 0.8


def test_it_begins_with_the_same_adversary_for_the_same_seed(joint: Joint) -> None:
    states = []
    for disturbance, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(disturbance)
        states.append(joint("jva2e", f"seed={seed}").adversary.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not all(torch.equal(value, states[2][name]) for name, value in states[0].items())


def test_a_translation_decodes_the_mean_of_the_source(joint: Joint, pairs: Dataset) -> None:
    model = joint("jva2e")
    stored = pairs.views["face"].values[:5]
    mean = model.views["face"].encode(stored).mean
    np.testing.assert_array_equal(model.embed("face", stored), mean)
    expected = model.views["cartoon"].decode(mean)
    np.testing.assert_array_equal(model.translate("face", "cartoon", stored), expected)


def test_the_views_have_one_latent_size(joint: Joint) -> None:
    with pytest.raises(UserError, match=r"^views\.cartoon\.latent: must be 6, as views\.face\.latent; model=jva2e"):
        joint("jva2e", "views.cartoon.latent=7")
