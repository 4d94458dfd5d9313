"""The VAE's two terms against torch.distributions, and what must not change when its embedding is rescaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from favae_cli.config.views import ConvArch, MlpArch
from favae_cli.config.views import VaeViewConfig as Section
from favae_cli.machine.runtime import BATCH, Runtime
from favae_cli.views import FrozenView, VaeView
from favae_cli.views.likelihoods import Gaussian
from favae_cli.views.objective import KLTerm, gaussian_kl
from favae_cli.views.standardise import Standard

Distribution = Literal["gaussian", "bernoulli"]

IMAGE, TABLE = (8, 6, 3), (5,)
LATENT = 4
VARIANCE = 0.03
PLAIN = Runtime(torch.device("cpu"))


def vae(likelihood: Distribution = "gaussian", shape: tuple[int, ...] = IMAGE, seed: int = 0) -> VaeView:
    arch = MlpArch(name="mlp", hidden=[16], leak=0.1)
    section = Section(
        type="vae",
        arch=arch,
        latent=LATENT,
        likelihood=likelihood,
        variance=VARIANCE,
        start="random",
        beta=None,
        data=None,
    )
    return VaeView(section, shape, PLAIN, torch.Generator().manual_seed(seed))


def conv_vae(seed: int, latent: int = 32) -> VaeView:
    arch = ConvArch(name="conv", channels=[16, 32, 64], kernel=4, stride=2, padding=1, batch_norm=True, leak=0.01)
    section = Section(
        type="vae", arch=arch, latent=latent, likelihood="gaussian", variance=0.01, start="random", beta=None, data=None
    )
    return VaeView(section, (16, 16, 3), PLAIN, torch.Generator().manual_seed(seed))


def images(count: int, shape: tuple[int, ...] = IMAGE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def noise(count: int, latent: int = LATENT, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed))


def random(draw: Callable[..., torch.Tensor], *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return draw(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_a_batch_of_images_has_its_channels_first_and_lies_between_0_and_1() -> None:
    stored = images(3)
    x = vae().batch(stored)
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x.numpy(), stored.transpose(0, 3, 1, 2) / 255, rtol=1e-6)


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
def test_gaussian_likelihood(shape: tuple[int, ...]) -> None:
    view = vae(shape=shape)
    x, output = random(torch.rand, 7, *shape), 3 * random(torch.randn, 7, *shape)
    # Pixels lie in [0, 1]; the columns of a table lie anywhere.
    mean = torch.sigmoid(output) if shape == IMAGE else output
    expected = Normal(mean, VARIANCE**0.5).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(view.log_likelihood(x, output), expected)


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
def test_bernoulli_likelihood_also_of_grey_values(shape: tuple[int, ...]) -> None:
    view = vae("bernoulli", shape)
    x, output = random(torch.rand, 7, *shape), 3 * random(torch.randn, 7, *shape)
    expected = Bernoulli(logits=output, validate_args=False).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(view.log_likelihood(x, output), expected)


@pytest.mark.parametrize("precision", [1.0, 0.2, 40.0])
def test_kl(precision: float) -> None:
    mean, log_variance, prior_mean = random(torch.randn, 3, 6, LATENT, dtype=torch.float64)
    posterior, prior = Normal(mean, (log_variance / 2).exp()), Normal(prior_mean, precision**-0.5)
    expected = kl_divergence(posterior, prior).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance, prior_mean, precision), expected)


def test_the_loss_is_likelihood_at_the_draw_and_kl_to_the_given_prior() -> None:
    view = vae()
    x, drawn = view.batch(images(5)), noise(5)
    prior_mean, precision = noise(5, seed=1), 2.5
    loss = view.loss(x, drawn, prior_mean, precision)
    mean, log_variance = view.inference(x)
    deviation = (log_variance / 2).exp()
    output = view.generative(mean + deviation * drawn)
    torch.testing.assert_close(loss.log_likelihood, view.log_likelihood(x, output))
    expected = kl_divergence(Normal(mean, deviation), Normal(prior_mean, precision**-0.5)).sum(1)
    torch.testing.assert_close(loss.kl, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(loss.objective(KLTerm(4.0), 3), (4 * loss.kl - loss.log_likelihood).mean())
    view.config = view.config.model_copy(update={"beta": 0.25})
    own = view.loss(x, drawn, prior_mean, precision)
    torch.testing.assert_close(own.objective(KLTerm(4.0), 3), (loss.kl - loss.log_likelihood).mean())
    growing = KLTerm(4.0, capacity=100.0, growth=2)
    expected = 4 * (loss.kl.mean() - 50).abs() - loss.log_likelihood.mean()
    torch.testing.assert_close(loss.objective(growing, 1), expected)


def test_each_sample_takes_its_own_row_of_the_noise() -> None:
    view = vae()
    view.networks.eval()
    x, drawn, prior_mean = view.batch(np.repeat(images(1), 4, axis=0)), noise(4), torch.zeros(4, LATENT)
    together = view.loss(x, drawn, prior_mean, 1.0).log_likelihood
    assert len(set(together.tolist())) == 4
    for i in range(4):
        alone = view.loss(x[i : i + 1], drawn[i : i + 1], prior_mean[:1], 1.0).log_likelihood
        torch.testing.assert_close(together[i : i + 1], alone)


def test_fed_samples_are_decoded_from_the_mean_of_their_prior_and_the_others_from_their_draw() -> None:
    view, count, fed = vae(), 5, 2
    x, drawn, prior_mean = view.batch(images(count)), noise(count), noise(count, seed=1)
    plain, some = (view.loss(x, drawn, prior_mean, 2.5, part) for part in (0, fed))
    from_prior = view.log_likelihood(x, view.generative(prior_mean))
    torch.testing.assert_close(some.log_likelihood[:fed], from_prior[:fed])
    torch.testing.assert_close(some.log_likelihood[fed:], plain.log_likelihood[fed:])
    assert (some.log_likelihood[:fed] - plain.log_likelihood[:fed]).abs().min() > 1e-3
    assert torch.equal(some.kl, plain.kl)
    torch.testing.assert_close(view.loss(x, drawn, prior_mean, 2.5, count).log_likelihood, from_prior)


def test_the_likelihood_of_fed_samples_teaches_the_decoder_and_not_the_encoder() -> None:
    view, count, fed = vae(), 5, 2
    x, drawn, prior_mean = view.batch(images(count)), noise(count), noise(count, seed=1)

    def gradient(terms: torch.Tensor, networks: torch.nn.Module) -> torch.Tensor:
        found = torch.autograd.grad(terms.sum(), list(networks.parameters()), retain_graph=True, allow_unused=True)
        return torch.cat([torch.zeros(1) if part is None else part.flatten() for part in found])

    loss = view.loss(x, drawn, prior_mean, 2.5, fed)
    assert not gradient(loss.log_likelihood[:fed], view.encoder).any()
    assert gradient(loss.log_likelihood[:fed], view.decoder).any()
    assert gradient(loss.kl[:fed], view.encoder).any()
    others = view.loss(x[fed:], drawn[fed:], prior_mean[fed:], 2.5).log_likelihood
    torch.testing.assert_close(gradient(loss.log_likelihood, view.encoder), gradient(others, view.encoder))


# How the KL enters the objective


def test_the_penalty_is_the_distance_from_a_capacity_that_grows_and_stays() -> None:
    term, kl = KLTerm(3.0, capacity=10.0, growth=4), torch.tensor([4.0, 8.0])
    asked = {0: 18.0, 1: 10.5, 2: 3.0, 2.4: 0.0, 3: 4.5, 4: 12.0, 5: 12.0, 400: 12.0}
    for epochs, expected in asked.items():
        assert term.penalty(kl, epochs).item() == pytest.approx(expected, abs=1e-5)


nats = st.lists(st.floats(0, 1e3, width=32), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(kl=nats, beta=st.floats(0, 100), growth=st.integers(1, 50), epochs=st.floats(0, 100))
def test_without_a_capacity_the_penalty_is_beta_times_the_mean_kl(
    kl: list[float], beta: float, growth: int, epochs: float
) -> None:
    found = KLTerm(beta, growth=growth).penalty(torch.tensor(kl), epochs)
    assert found.item() == pytest.approx(beta * np.mean(kl), rel=1e-5)
    assert KLTerm(beta).penalty(torch.tensor(kl), epochs) == found


@settings(max_examples=50, deadline=None)
@given(kl=nats, capacity=st.floats(0.1, 1e3), growth=st.integers(1, 50), epochs=st.floats(0, 100))
def test_the_penalty_draws_the_kl_towards_the_capacity_from_both_sides(
    kl: list[float], capacity: float, growth: int, epochs: float
) -> None:
    values = torch.tensor(kl, dtype=torch.float64, requires_grad=True)
    term = KLTerm(2.0, capacity, growth)
    aim = capacity if epochs >= growth else capacity * epochs / growth
    penalty = term.penalty(values, epochs)
    assert penalty.item() == pytest.approx(2 * abs(np.mean(kl) - aim), abs=1e-6)
    penalty.backward()
    towards = np.sign(values.detach().mean().item() - aim)
    if abs(values.detach().mean().item() - aim) > 1e-6:
        np.testing.assert_allclose(values.grad, 2 * towards / len(kl))


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
@pytest.mark.parametrize("count", [0, 3, BATCH + 1])
def test_encoding_and_decoding_keep_shapes_in_any_number_of_batches(shape: tuple[int, ...], count: int) -> None:
    view = vae(shape=shape)
    stored = images(count, shape) if shape == IMAGE else np.ones((count, *shape), np.float32)
    encoded = view.encode(stored)
    assert encoded.mean.shape == encoded.variance.shape == (count, LATENT)
    assert (encoded.variance > 0).all()
    decoded = view.decode(encoded.mean)
    assert decoded.shape == (count, *shape)
    if count:
        last = view.encode(stored[-1:])
        np.testing.assert_allclose(encoded.mean[-1:], last.mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(encoded.variance[-1:], last.variance, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(decoded[-1:], view.decode(last.mean), rtol=1e-4, atol=1e-5)


def test_decoded_images_lie_between_0_and_1_and_decoded_tables_anywhere() -> None:
    far = np.full((2, LATENT), 300.0)
    decoded = vae().decode(far)
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert np.abs(vae(shape=TABLE).decode(far)).max() > 1


# Units, and what a deviation is made of


def linear(columns: int, latent: int) -> VaeView:
    """A vector view whose decoder is z -> W z, in units of their own."""
    arch = MlpArch(name="mlp", hidden=[], leak=0.0)
    section = Section(
        type="vae",
        arch=arch,
        latent=latent,
        likelihood="gaussian",
        variance=VARIANCE,
        start="random",
        beta=None,
        data=None,
    )
    view = VaeView(section, (columns,), PLAIN, torch.Generator().manual_seed(0))
    view.fit(np.random.default_rng(0).normal(7, 20, (50, columns)).astype(np.float32))
    return view


def standard_of(view: VaeView) -> Standard:
    assert isinstance(view.likelihood, Gaussian)
    return view.likelihood.standard


def test_the_deviation_adds_the_noise_of_the_data_to_what_is_uncertain_of_z() -> None:
    columns, latent = 40, 60
    view = linear(columns, latent)
    rng = np.random.default_rng(1)
    mean, variance = rng.standard_normal((5, latent)), rng.random((5, latent))
    standard, weight = standard_of(view), view.decoder.stem.weight.detach().numpy()
    expected = standard.scale.numpy() ** 2 * (VARIANCE + variance @ np.square(weight).T)
    found = view.deviation(mean, variance)
    # By few draws, so that it is their average that is near.
    np.testing.assert_allclose((found**2 / expected).mean(), 1, atol=0.1)
    assert 0.6 < (found / np.sqrt(expected)).min() < (found / np.sqrt(expected)).max() < 1.5
    certain = view.deviation(mean, np.zeros_like(variance))
    np.testing.assert_allclose(certain, np.tile(standard.scale * VARIANCE**0.5, (5, 1)), rtol=1e-5)


def test_a_sample_has_the_same_deviation_in_any_company() -> None:
    view = linear(6, LATENT)
    mean, variance = np.random.default_rng(0).random((2, BATCH + 3, LATENT))
    found = view.deviation(mean, variance)
    np.testing.assert_allclose(view.deviation(mean[-2:], variance[-2:]), found[-2:], rtol=1e-5)


def test_a_vector_is_decoded_in_its_own_units() -> None:
    view = linear(3, LATENT)
    standard = standard_of(view)
    np.testing.assert_allclose(view.decode(np.zeros((1, LATENT)))[0], standard.mean, rtol=1e-5)
    z = np.eye(LATENT)
    moved = (view.decode(z) - view.decode(0 * z)) / standard.scale.numpy()
    np.testing.assert_allclose(moved, view.decoder.stem.weight.detach().T, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_an_image_view_keeps_its_networks_and_nothing_else(likelihood: Distribution) -> None:
    view = vae(likelihood)
    before = {name: value.clone() for name, value in view.networks.state_dict().items()}
    view.fit(images(9))
    after = view.networks.state_dict()
    assert list(before) == list(after)
    assert all(name.startswith(("encoder.", "decoder.")) for name in after)
    assert all(torch.equal(before[name], value) for name, value in after.items())


@pytest.mark.parametrize(("size", "colours"), [(8, 1), (8, 4), (96, 3), pytest.param(256, 2, marks=pytest.mark.slow)])
def test_images_of_any_size_and_any_channels_are_learned(size: int, colours: int) -> None:
    depth = size.bit_length() - 2
    arch = ConvArch(name="conv", channels=[4] * depth, kernel=4, stride=2, padding=1, batch_norm=True, leak=0.01)
    section = Section(
        type="vae", arch=arch, latent=2, likelihood="gaussian", variance=0.05, start="random", beta=None, data=None
    )
    view = VaeView(section, (size, size, colours), PLAIN, torch.Generator().manual_seed(0))
    x = view.batch(images(4, view.shape) // 8)  # dark
    optimizer = torch.optim.Adam(view.networks.parameters(), 1e-2)
    fits = []
    for _ in range(8):
        loss = view.loss(x, torch.zeros(4, 2), torch.zeros(4, 2), 1.0)
        fits.append(loss.log_likelihood.mean().item())
        optimizer.zero_grad()
        loss.objective(KLTerm(1.0), 0).backward()
        optimizer.step()
    assert fits[-1] > fits[0]
    assert view.decode(view.encode(images(4, view.shape)).mean).shape == (4, *view.shape)


def test_encoding_leaves_the_running_averages_of_batch_norm_alone() -> None:
    view = conv_vae(0)
    before = {name: value.clone() for name, value in view.networks.state_dict().items()}
    view.networks.train()
    view.decode(view.encode(images(5, view.shape)).mean)
    for name, value in view.networks.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_rescaled_embedding_decodes_to_the_same_data() -> None:
    view = conv_vae(0)
    stored, drawn = images(5, view.shape), noise(5, view.size)
    # A log-variance head away from its start at zero, as after training.
    torch.nn.init.normal_(view.encoder.head.weight, std=0.02, generator=torch.Generator().manual_seed(1))
    before, decoded = view.encode(stored), view.decode(view.encode(stored).mean)
    prior = torch.zeros(5, view.size)
    loss = view.loss(view.batch(stored), drawn, prior, 2.0)
    view.scale_embedding(3.0)
    after = view.encode(stored)
    np.testing.assert_allclose(after.mean, 3 * before.mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after.variance, 9 * before.variance, rtol=1e-4)
    np.testing.assert_allclose(view.decode(after.mean), decoded, atol=1e-5)
    # With the prior's precision brought to the same scale the whole objective stays.
    same = view.loss(view.batch(stored), drawn, prior, 2.0 / 9)
    torch.testing.assert_close(same.log_likelihood, loss.log_likelihood, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(same.kl, loss.kl, rtol=1e-4, atol=1e-3)


def test_same_generator_same_weights() -> None:
    weights = [torch.cat([p.flatten() for p in vae(seed=seed).networks.parameters()]) for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("seed", range(6))
def test_training_starts_without_an_explosion(seed: int) -> None:
    view = conv_vae(seed, latent=100)
    x = view.batch(images(32, view.shape, seed))
    optimizer = torch.optim.Adam(view.networks.parameters(), 1e-3)
    generator = torch.Generator().manual_seed(seed)
    _, log_variance = view.inference(x)
    assert torch.equal(log_variance, torch.zeros_like(log_variance))
    for _ in range(6):
        loss = view.loss(x, torch.randn(32, 100, generator=generator), torch.zeros(32, 100), 1.0)
        assert loss.kl.detach().max() < 1e4
        optimizer.zero_grad()
        loss.objective(KLTerm(1.0), 0).backward()
        optimizer.step()
        assert all(bool(torch.isfinite(parameter).all()) for parameter in view.networks.parameters())


def test_a_frozen_view_encodes_like_the_view_it_came_from_and_is_not_trained() -> None:
    trained = vae()
    frozen = FrozenView(trained.config, IMAGE, PLAIN)
    frozen.networks.load_state_dict(trained.networks.state_dict())
    stored = images(3)
    assert np.array_equal(frozen.encode(stored).mean, trained.encode(stored).mean)
    assert (frozen.trainable, trained.trainable) == (False, True)
