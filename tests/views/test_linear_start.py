"""The linear path begins at the optimum of the linear VAE, and stays what it is in any units of z."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis

from favae_cli.config.views import MlpArch, VaeViewConfig
from favae_cli.machine.runtime import Runtime
from favae_cli.nets import linear_path
from favae_cli.views import VaeView
from favae_cli.views.likelihoods import Gaussian, PixelGaussian
from favae_cli.views.objective import KLTerm

SAMPLES, NOISE, LATENT = 400, 0.02, 5
SIDE = 4
STAND_OUT = 3  # components of the images that stand out of the noise


def images(seed: int = 0) -> np.ndarray:
    """(R, 4, 4, 1) uint8, of three strong directions and little else."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(np.random.default_rng(1).standard_normal((SIDE**2, STAND_OUT)))[0].T
    flat = 0.5 + rng.standard_normal((SAMPLES, STAND_OUT)) * [0.5, 0.4, 0.3] @ directions
    flat += 0.05 * rng.standard_normal(flat.shape)
    return np.clip(np.rint(255 * flat), 0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE, 1)


def vectors(seed: int = 0) -> np.ndarray:
    """(R, 6) of two strong directions, in units of their own."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((SAMPLES, 2)) @ np.random.default_rng(1).standard_normal((2, 6))
    noisy = mixed + 0.3 * rng.standard_normal(mixed.shape)
    return (noisy * [1, 5, 0.1, 1, 1, 1] + [0, 200, -1, 0, 0, 0]).astype(np.float32)


def uneven() -> np.ndarray:
    """(R, 6) of two directions, from hardly any noise to as much noise as signal."""
    rng = np.random.default_rng(3)
    mixed = rng.standard_normal((SAMPLES, 2)) @ np.linalg.qr(rng.standard_normal((6, 2)))[0].T * np.sqrt(6)
    return (mixed + np.linspace(0.2, 1.2, 6) * rng.standard_normal(mixed.shape)).astype(np.float32)


def variances(view: VaeView) -> np.ndarray:
    """Of the likelihood, a learned one's (D,)."""
    assert isinstance(view.likelihood, Gaussian | PixelGaussian)
    noise = view.likelihood.noise
    at = torch.zeros(view.shape[-1:]) if noise.fixed else torch.zeros_like(noise.log_variance)
    return noise.variance(at).detach().numpy().ravel()


def started(values: np.ndarray, variance: float | str = NOISE, seed: int = 0, **changes: Any) -> VaeView:
    arch = MlpArch(name="mlp", hidden=[8], leak=0.01)
    keys: dict[str, Any] = {
        "arch": arch,
        "latent": LATENT,
        "beta": None,
        "likelihood": "gaussian",
        "variance": variance,
    }
    keys |= {"start": "linear"} | changes
    section = VaeViewConfig(type="vae", data=None, **keys)
    view = VaeView(section, values.shape[1:], Runtime(torch.device("cpu")), torch.Generator().manual_seed(seed))
    view.fit(values)
    return view


def seen(view: VaeView, values: np.ndarray) -> np.ndarray:
    """float64 (R, P): what the likelihood is of."""
    return view.features(view.batch(values)).flatten(1).double().numpy()


def elbo(view: VaeView, values: np.ndarray) -> torch.Tensor:
    """Of the mean sample; exact for squares, as the points +-sqrt(D) e_d have the moments of the noise."""
    x, size = view.batch(values), view.size
    terms = []
    for point in np.sqrt(size) * torch.cat([torch.eye(size), -torch.eye(size)]):
        loss = view.loss(x, point.expand(len(x), size), torch.zeros(len(x), size), 1.0)
        terms.append((loss.log_likelihood - loss.kl).mean())
    return torch.stack(terms).mean()


def highest(x: np.ndarray, latent: int, noise: float) -> float:
    """The highest log-likelihood, a sample, of x ~ N(m, W W^T + noise I), W of so many columns."""
    variances, directions = np.linalg.eigh(np.cov(x.T, bias=True))
    kept = np.argsort(variances)[-latent:]
    stretch = np.maximum(variances[kept] - noise, 0)
    covariance = directions[:, kept] * stretch @ directions[:, kept].T + noise * np.eye(x.shape[1])
    return float(multivariate_normal(x.mean(0), covariance).logpdf(x).mean())


@pytest.mark.parametrize("make", [images, vectors])
def test_the_elbo_before_the_first_step_is_the_highest_likelihood_of_a_linear_model(
    make: Callable[[], np.ndarray],
) -> None:
    """For the linear Gaussian model it is the marginal likelihood itself; whoever works it out needs no VAE."""
    values = make()
    view = started(values)
    view.networks.eval()
    with torch.no_grad():
        assert float(elbo(view, values)) == pytest.approx(highest(seen(view, values), LATENT, NOISE), abs=1e-3)


@pytest.mark.parametrize("make", [images, vectors])
def test_there_the_gradient_of_the_linear_path_is_zero(make: Callable[[], np.ndarray]) -> None:
    """And of the elbo's other terms: half as large a step away from it, it is not."""
    values = make()

    def steepest(moved: float) -> float:
        view = started(values)
        path = [view.encoder.linear.weight, view.encoder.linear.offset, view.encoder.linear.log_variance]
        path += [view.decoder.linear.weight, view.decoder.linear.offset]
        for values_of in path:
            values_of.mul_(1 + moved).requires_grad_()
        elbo(view, values).backward()
        return max(float(values_of.grad.abs().max()) for values_of in path)

    assert steepest(0.0) < 0.01 * steepest(0.01)


def test_a_variance_for_all_begins_at_what_the_components_leave() -> None:
    """In closed form (Tipping and Bishop, 1999): the mean variance of the directions that are left out."""
    values = images()
    view = started(values, "learned", latent=2)
    x = seen(view, values)
    left = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[:-2].mean()
    np.testing.assert_allclose(variances(view), left, rtol=1e-3)
    with torch.no_grad():
        assert float(elbo(view, values)) == pytest.approx(highest(x, 2, left), abs=1e-3)


def test_one_for_each_column_begins_at_its_own_noise() -> None:
    """As maximum likelihood has it, that another library climbs to; where all columns share one it would be off."""
    values = uneven()
    view = started(values, "learned", latent=2)
    expected = FactorAnalysis(2, tol=1e-6, max_iter=5000).fit(seen(view, values)).noise_variance_
    found = variances(view)
    np.testing.assert_allclose(found, expected, rtol=0.25, atol=0.035)
    assert found.max() > 4 * found.min()


def test_the_first_estimate_is_one_step_from_the_closed_form() -> None:
    x = seen(started(uneven(), "learned"), uneven())
    covariance = np.cov(x.T, bias=True)
    variances_of, directions = np.linalg.eigh(covariance)
    noise = variances_of[:-2].mean()
    explained = (directions[:, -2:] * (variances_of[-2:] - noise)) @ directions[:, -2:].T
    found = linear_path.spectrum(x.astype(np.float32), 2).residual()
    np.testing.assert_allclose(found, np.diag(covariance - explained), rtol=1e-4)
    assert found.mean() == pytest.approx(noise, rel=1e-4)


@pytest.mark.parametrize("latent", [6, 10])
def test_a_z_as_large_as_the_data_leaves_a_noise_that_can_be_told_from_it(latent: int) -> None:
    """With as many components as columns nothing would be left."""
    values = uneven()
    found = variances(started(values, "learned", latent=latent))
    np.testing.assert_allclose(found, variances(started(values, "learned", latent=3)))
    assert found.mean() > 0.05


def test_a_column_that_others_tell_has_some_variance_left_and_one_with_holes_no_less() -> None:
    values = uneven()
    twice = np.concatenate([values, values[:, :2], np.full((SAMPLES, 1), 7.0, np.float32)], axis=1)
    found = variances(started(twice, "learned", latent=2))
    assert np.isfinite(found).all()
    assert found.min() > 1e-4
    holes = values.copy()
    holes[::2, 2] = np.nan
    one, other = variances(started(values, "learned", latent=2)), variances(started(holes, "learned", latent=2))
    assert other[2] > 0.8 * one[2]


@pytest.mark.parametrize("likelihood", ["learned", 0.3])
def test_networks_that_begin_at_random_know_the_noise_too(likelihood: float | str) -> None:
    values = uneven()
    linear, random = (variances(started(values, likelihood, start=way)) for way in ("linear", "random"))
    np.testing.assert_allclose(linear, random)


@pytest.mark.slow
def test_a_few_columns_begun_at_their_noise_are_not_drowned_by_the_prior() -> None:
    """As they were with a variance of 1, the data's own: no dimension of z then is worth its nats."""
    values = uneven()

    def nats(variance: float | None) -> np.ndarray:
        view = started(values, "learned", start="random")
        if variance is not None:
            assert view.noise is not None
            view.noise.log_variance.data.fill_(np.log(variance))
        optimizer, generator = torch.optim.Adam(view.networks.parameters(), 2e-3), torch.Generator().manual_seed(0)
        x = view.batch(values)
        for _ in range(150):
            optimizer.zero_grad()
            noise = torch.randn(len(x), view.size, generator=generator)
            view.loss(x, noise, torch.zeros_like(noise), 1.0).objective(KLTerm(1.0), 0).backward()
            optimizer.step()
        found = view.encode(values)
        return 0.5 * (found.mean**2 + found.variance - 1 - np.log(found.variance)).mean(axis=0)

    assert nats(1.0).sum() < 1.0
    assert nats(None).sum() > 2.0


def test_what_does_not_stand_out_of_the_noise_is_left_to_the_prior() -> None:
    view = started(images())
    encoded = view.encode(images())
    used = encoded.variance.mean(0) < 0.999
    assert used.tolist() == [True] * STAND_OUT + [False] * (LATENT - STAND_OUT)
    assert not encoded.mean[:, ~used].any()
    np.testing.assert_allclose(encoded.mean.var(0) + encoded.variance.mean(0), 1, atol=1e-3)  # as the prior wants it


@pytest.mark.parametrize("columns", [1, 2, 6])
def test_more_dimensions_than_data_are_no_obstacle(columns: int) -> None:
    values = vectors()[:4, :columns]
    view = started(values, "learned", latent=10)
    assert np.isfinite(view.decode(view.encode(values).mean)).all()


@pytest.mark.parametrize("count", [1, 5])
def test_samples_that_do_not_differ_leave_z_to_the_prior(count: int) -> None:
    values = images()[:1].repeat(count, axis=0)
    view = started(values)
    encoded = view.encode(values)
    assert not encoded.mean.any()
    np.testing.assert_allclose(encoded.variance, 1)
    np.testing.assert_allclose(view.decode(encoded.mean), values / 255, atol=1e-6)


def test_holes_are_taken_for_the_mean_of_their_column() -> None:
    values = vectors()
    values[::3, 1], values[1::3, 4] = np.nan, np.nan
    filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    one, other = started(values), started(values)
    other.fit(values)
    np.testing.assert_allclose(one.encode(values).mean, other.encode(filled).mean, atol=1e-4)


@pytest.mark.parametrize("scale", [2.5, torch.tensor([0.5, 2.0, 1.0, 3.0, 0.1])])
def test_in_other_units_of_z_the_data_are_the_same(scale: float | torch.Tensor) -> None:
    view, values = started(images()), images(1)
    with torch.no_grad():  # the other layers have learned something
        for value in view.networks.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0)))
    before = view.encode(values)
    decoded = view.decode(before.mean)
    view.scale_embedding(scale)
    after = view.encode(values)
    np.testing.assert_allclose(after.mean, before.mean * np.asarray(scale), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after.variance, before.variance * np.asarray(scale) ** 2, rtol=1e-4)
    np.testing.assert_allclose(view.decode(after.mean), decoded, atol=1e-5)


def test_in_units_of_the_data_every_dimension_is_as_uncertain_as_the_others() -> None:
    view, values = started(images()), images()
    assert float(view.units.square().mean()) == pytest.approx(1)
    view.scale_embedding(view.units)
    variance = view.encode(values).variance
    np.testing.assert_allclose(variance, variance.mean(), rtol=1e-4)
    assert view.units is None
    # A step in z is as long as the one that it makes in the data, as far as that is not noise.
    steps = view.decoder.linear.weight.norm(dim=0)[:STAND_OUT]
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.1)


def test_large_images_are_seen_in_part_the_same_part_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_path, "SAMPLED", 50 * SIDE**2)
    some = linear_path.sampled(SAMPLES, SIDE**2)
    assert len(some) == 50
    assert (np.diff(some) > 0).all()
    assert some.tolist() == linear_path.sampled(SAMPLES, SIDE**2).tolist()
    assert linear_path.sampled(40, SIDE**2).tolist() == list(range(40))
    whole, part = started(images()), started(images()[some])
    assert torch.equal(whole.decoder.linear.weight, part.decoder.linear.weight)


def test_decoded_pixels_are_cut_to_what_can_be_shown_and_the_likelihood_is_of_what_was_not() -> None:
    view, values = started(images()), images()
    z = 30 * view.encode(values).mean
    decoded = view.decode(z)
    assert decoded.min() == 0
    assert decoded.max() == 1
    output = view.generative(torch.from_numpy(z))
    assert float(output.detach().max()) > 1
    x = view.batch(values)
    assert (view.log_likelihood(x, output) < view.log_likelihood(x, output.clamp(0, 1))).all()


def test_networks_that_are_linear_themselves_add_nothing_at_first() -> None:
    view = started(images(), arch=MlpArch(name="mlp", hidden=[], leak=0.0))
    with torch.no_grad():
        assert float(elbo(view, images())) == pytest.approx(highest(seen(view, images()), LATENT, NOISE), abs=1e-3)


def test_linear_is_refused_where_there_is_no_such_optimum() -> None:
    with pytest.raises(ValidationError, match="use random"):
        started(images(), start="linear", likelihood="bernoulli")
    assert started(images(), start=None, likelihood="bernoulli").encoder.linear is None
    assert started(images(), start=None).encoder.linear is not None


def test_a_random_start_has_no_linear_path() -> None:
    view = started(images(), start="random")
    assert not [name for name in view.networks.state_dict() if "linear" in name]
    assert view.units is None


def test_data_that_do_not_vary_begin_at_their_mean(recwarn: pytest.WarningsRecorder) -> None:
    values = np.full((12, SIDE, SIDE, 1), 51, np.uint8)
    view = started(values)
    assert np.allclose(view.decode(view.encode(values).mean), 0.2)
    assert not recwarn
