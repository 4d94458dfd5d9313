"""Models of the package multivae: its numbers against ours, and what they find out about planted pairs."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from favae_cli.common.errors import UserError
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.views.objective import KLTerm

pytest.importorskip("multivae")

MODELS = ("mvae", "mmvae", "mmvaeplus", "cmvae", "crmvae", "jmvae", "dmvae", "mopoe", "mvtcae")
PRIVATE = ("dmvae", "mmvaeplus", "cmvae")
# One of each kind is enough in a hurry: a product of experts, a mixture, one with parts of its own, a joint encoder.
QUICK = ("mvae", "mmvae", "mmvaeplus", "jmvae")
Joint = Callable[..., JointVAE]
MakeBatch = Callable[[JointVAE, Dataset], tuple[dict[str, Tensor], dict[str, Tensor]]]


def each(*names: str) -> pytest.MarkDecorator:
    params = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]
    return pytest.mark.parametrize("name", params)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow
def test_it_learns_what_the_views_share(
    name: str,
    joint: Joint,
    pairs: Dataset,
    learn: Callable[..., list[float]],
    translation_r2: Callable[[JointVAE, Dataset], float],
) -> None:
    model = joint(name)
    objectives = learn(model, pairs, 40)
    assert objectives[-1] < objectives[0] - (150 if name == "crmvae" else 200)  # whose terms are means over posteriors
    assert translation_r2(model, pairs) > 0.1


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@each(*MODELS)
def test_gradients_reach_every_network(
    name: str, bf16: bool, joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    model = joint(name, bf16=bf16)
    loss = model.loss(*make_batch(model, pairs), seeded())
    assert loss.log_likelihood.shape == loss.kl.shape
    loss.objective(KLTerm(1.0), 1.0).backward()
    reached = 0
    for parameter, value in model.networks.named_parameters():
        if value.requires_grad and not (name == "jmvae" and "joint_encoder.encoders" in parameter):
            assert value.grad is not None, parameter
            assert value.grad.isfinite().all(), parameter
            assert value.grad.any(), parameter
            reached += 1
    assert reached >= 2 * 8  # weights and biases of two layers, of two networks, of two views


ELBO = {
    "mvae": ["model.use_subsampling=false"],
    "mmvae": [],
    "mmvaeplus": [],
    "cmvae": [],
    "jmvae": ["model.alpha=0"],
    "mopoe": [],
    "mvtcae": ["model.alpha=0"],
}


@each(*ELBO)
def test_without_its_extras_it_minimises_our_elbo(
    name: str, joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    model = joint(name, *ELBO[name])
    loss = model.loss(*make_batch(model, pairs), seeded())
    expected = loss.kl.mean() - loss.log_likelihood.mean()
    torch.testing.assert_close(loss.objective(KLTerm(99.0, 9.0), 0.0), expected, rtol=1e-5, atol=0)


def test_the_product_of_experts_by_hand(joint: Joint, pairs: Dataset, make_batch: MakeBatch) -> None:
    model = joint("mvae")
    batch, present = make_batch(model, pairs)
    for view in model.views.values():  # variances that differ
        torch.nn.init.normal_(view.encoder.head.bias, generator=seeded(1))
    precision, weighted = torch.ones(200, 6), torch.zeros(200, 6)
    for name, view in model.views.items():
        mean, log_variance = view.inference(batch[name])
        expert = present[name][:, None] * (-log_variance).exp()
        precision, weighted = precision + expert, weighted + expert * mean
    mean, variance = weighted / precision, 1 / precision
    kl = 0.5 * (variance + mean.square() - 1 - variance.log()).sum(1)
    assert model.loss(batch, present, seeded()).kl[0].item() == pytest.approx(kl.mean().item(), rel=1e-4)


@each(*MODELS)
def test_the_likelihood_is_ours_in_nats(name: str, joint: Joint, pairs: Dataset, make_batch: MakeBatch) -> None:
    """With decoders that know nothing, whatever z is: both views' Gaussian densities at their bias."""
    model = joint(name)
    batch, present = make_batch(model, pairs)
    expected = torch.zeros(len(batch["face"]))
    for view_name, view in model.views.items():
        last = [layer for layer in view.decoder.body.children() if isinstance(layer, torch.nn.Linear)][-1]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
        density = torch.distributions.Normal(0.5, float(view.config.variance) ** 0.5).log_prob(batch[view_name])
        expected += present[view_name] * density.flatten(1).sum(1)
    torch.testing.assert_close(model.loss(batch, present, seeded()).log_likelihood, expected, rtol=1e-5, atol=1e-3)


@each(*(name for name in MODELS if name != "jmvae"))
def test_a_missing_view_counts_for_nothing_whatever_stands_in_its_place(
    name: str, joint: Joint, incomplete_pairs: Dataset, make_batch: MakeBatch
) -> None:
    model = joint(name)
    batch, present = make_batch(model, incomplete_pairs)
    other = {key: torch.where(present[key][:, None, None, None], x, torch.rand_like(x)) for key, x in batch.items()}
    loss, same = (model.loss(part, present, seeded()) for part in (batch, other))
    torch.testing.assert_close(loss.log_likelihood, same.log_likelihood)
    torch.testing.assert_close(loss.kl, same.kl, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(loss.objective(KLTerm(1.0), 0.0), same.objective(KLTerm(1.0), 0.0))


@each(*(name for name in MODELS if name != "jmvae"))
def test_a_view_that_a_whole_batch_lacks_is_no_trouble(
    name: str, joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    model = joint(name)
    batch, present = make_batch(model, pairs)
    present["cartoon"] = torch.zeros_like(present["cartoon"])
    some = present["face"].nonzero()[:, 0]
    rest = {key: value[some] for key, value in batch.items()}, {key: value[some] for key, value in present.items()}
    loss = model.loss(*rest, seeded())
    assert torch.stack([loss.log_likelihood, loss.kl]).isfinite().all()
    assert loss.objective(KLTerm(1.0), 0.0).isfinite()


@each(*MODELS)
def test_its_draws_follow_the_generator_and_leave_the_global_one_alone(
    name: str, joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    losses = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(disturbance)
        model = joint(name)
        before = torch.get_rng_state()
        losses.append(model.loss(*make_batch(model, pairs), seeded(seed)).log_likelihood)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


@each(*MODELS)
def test_a_translation_decodes_the_posterior_mean_given_the_source_alone(
    name: str, joint: Joint, pairs: Dataset
) -> None:
    model = joint(name)
    stored = pairs.views["face"].values[:5]
    found = model.views["face"].encode(stored)
    shared = 4 if name in PRIVATE else 6
    # These two count the prior N(0, I) as one more expert.
    mean = found.mean / (1 + found.variance) if name in ("mvae", "dmvae") else found.mean
    np.testing.assert_allclose(model.embed("face", stored), mean[:, :shared], rtol=1e-4, atol=1e-6)
    away, home = mean.copy(), np.concatenate([mean[:, :shared], found.mean[:, shared:]], axis=1)
    away[:, shared:] = 0
    for target, z in (("cartoon", away), ("face", home)):
        expected = model.views[target].decode(z)
        np.testing.assert_allclose(model.translate("face", target, stored), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 3])
def test_more_draws_only_tighten_the_bound_of_the_mixture(
    samples: int, joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    model = joint("mmvae", f"model.K={samples}")
    batch = make_batch(model, pairs)
    bounds = [model.loss(*batch, seeded(seed)).objective(KLTerm(1.0), 0.0).item() for seed in range(8)]
    single = joint("mmvae")
    loose = [single.loss(*batch, seeded(seed)).objective(KLTerm(1.0), 0.0).item() for seed in range(8)]
    assert np.mean(bounds) <= np.mean(loose) + 1e-3
    assert (np.mean(bounds) < np.mean(loose) - 1) == (samples > 1)


def test_numbers_that_are_not_finite_are_told_as_the_learning_rate(
    joint: Joint, pairs: Dataset, make_batch: MakeBatch
) -> None:
    for name in MODELS:
        model = joint(name)
        batch = make_batch(model, pairs)
        torch.nn.init.constant_(model.views["face"].encoder.head.bias, torch.nan)
        if name == "mvtcae":
            with pytest.raises(UserError, match=r"^trainer\.learning_rate: the joint loss is no longer finite"):
                model.loss(*batch, seeded())
        else:
            assert not model.loss(*batch, seeded()).objective(KLTerm(1.0), 0.0).isfinite()


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("mopoe", ["views.cartoon.latent=7"], r"^views\.cartoon\.latent: must be 6, as views\.face\.latent; .* got 7$"),
        ("dmvae", ["model.private=6"], r"^model\.private: must be less than the latent size .* \(6\), got 6$"),
        ("mmvae", ["+model.beta=2"], r"^model\.beta: "),
        ("mvae", ["+model.use_subsamplin=false"], "did you mean use_subsampling"),
    ],
)
def test_mistakes_are_one_line(name: str, overrides: list[str], message: str, joint: Joint) -> None:
    with pytest.raises(UserError, match=message) as caught:
        joint(name, *overrides)
    assert len(str(caught.value).splitlines()) == 1


def test_without_the_package_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch, joint: Joint) -> None:
    monkeypatch.delitem(sys.modules, "favae_cli.models.multivae_package", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "multivae"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(pytest, "importorskip", lambda name: None)
    monkeypatch.setitem(sys.modules, "multivae", None)
    with pytest.raises(UserError) as caught:
        joint("mvae")
    assert str(caught.value) == "model=mvae: needs the package multivae; pip install 'favae-run[multivae]'"


def test_its_views_begin_linear_where_they_are_told_to(joint: Joint, pairs: Dataset) -> None:
    model = joint("mmvae", "views.face.start=linear", "views.cartoon.start=linear")
    for name, view in model.views.items():
        images = pairs.views[name].gather(pairs.having("train", name))
        view.fit(images)
        missed = model.translate(name, name, images) - images / 255
        assert (missed**2).sum() < 0.1 * (images / 255).var(axis=0).sum() * len(images)
    assert all(view.encoder.linear is None for view in joint("mmvae").views.values())
