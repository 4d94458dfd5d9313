"""What every type of view promises, on data that are whole and on data with holes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.views import InferredView, VaeView
from favae_cli.views.objective import KLTerm

Case = Any  # of conftest.py

PROBABILITIES = ("bernoulli", "categorical", "vector_bernoulli")
IN_UNITS = ("vector", "vector_learned", "gru", "conv1d", "real")


def an_embedding(case: Case, view: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of z of all samples, whichever way the view gives them."""
    if isinstance(view, InferredView):
        local = view.local(case.values)
        return local.mean, local.variance
    encoded = view.encode(case.values)
    return encoded.mean, encoded.variance


def elbo(view: VaeView, values: np.ndarray) -> float:
    """At the same draws whenever it is asked."""
    view.networks.eval()
    noise = torch.randn(len(values), view.size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        loss = view.loss(view.batch(values), noise, torch.zeros_like(noise), 1.0)
    return float((loss.log_likelihood - loss.kl).mean())


def train(view: VaeView, values: np.ndarray, steps: int) -> None:
    optimizer, generator = torch.optim.Adam(view.networks.parameters(), 1e-2), torch.Generator().manual_seed(0)
    view.networks.train()
    for _ in range(steps):
        noise = torch.randn(len(values), view.size, generator=generator)
        optimizer.zero_grad()
        view.loss(view.batch(values), noise, torch.zeros_like(noise), 1.0).objective(KLTerm(1.0), 0).backward()
        optimizer.step()


def test_a_text_weighs_its_kl_less_than_numbers_do_unless_it_is_told(case: Case) -> None:
    view = case.view()
    if isinstance(view, VaeView):
        assert view.beta == (0.1 if case.type == "text" else 1.0)
        view.config = view.config.model_copy(update={"beta": 0.0})
        assert view.beta == 0.0


def test_shapes(case: Case) -> None:
    view, count = case.view(), len(case.values)
    assert isinstance(view, InferredView) != hasattr(view, "encode")
    mean, variance = an_embedding(case, view)
    assert mean.shape == variance.shape == (count, view.size)
    assert np.isfinite(mean).all()
    assert (variance >= 0).all()
    decoded = view.decode(mean, variance)
    assert decoded.shape == (count, *case.data.shape)
    if case.type == "text":
        assert all(isinstance(text, str) for text in decoded)
        return
    # Only a sequence may end, and then for good.
    gone = np.isnan(decoded)
    assert not gone.any() or (case.type == "sequence" and not (gone[:, :-1] & ~gone[:, 1:]).any())
    if case.name in PROBABILITIES or case.name.startswith("image"):
        assert 0 <= decoded.min() <= decoded.max() <= 1


def test_deviations_are_there_where_the_data_have_units(case: Case) -> None:
    view = case.view()
    mean, variance = an_embedding(case, view)
    found = view.deviation(mean, variance)
    if case.name in PROBABILITIES or case.name.startswith("image") or case.type == "text":
        assert found is None
        return
    decoded = view.decode(mean, variance)
    assert found.shape == decoded.shape
    assert np.array_equal(np.isnan(found), np.isnan(decoded))
    # Where z is inferred and not encoded, there is nothing to know of an entry that is seen.
    least = 0 if isinstance(view, InferredView) else 1e-6
    assert np.nanmin(found) >= least
    wider = view.deviation(mean, variance + 4)
    assert np.nanmean(wider) > np.nanmean(found)
    assert np.array_equal(wider, view.deviation(mean, variance + 4), equal_nan=True)


def test_an_empty_set_of_samples_is_no_special_case(case: Case) -> None:
    view = case.view()
    if not isinstance(view, InferredView):
        assert view.encode(case.values[:0]).mean.shape == (0, view.size)
    assert view.decode(np.zeros((0, view.size), np.float32)).shape == (0, *case.data.shape)


def test_all_that_was_fitted_and_trained_is_in_its_networks(case: Case) -> None:
    view, other = case.view(), case.view(seed=1, values=case.values[:7])
    if isinstance(view, VaeView):
        train(view, case.values, 3)
    other.networks.load_state_dict(view.networks.state_dict())
    mean, variance = an_embedding(case, view)
    for found, expected in zip(an_embedding(case, other), (mean, variance), strict=True):
        assert np.array_equal(found, expected)
    same = [view.decode(mean, variance), view.deviation(mean, variance)]
    for found, expected in zip([other.decode(mean, variance), other.deviation(mean, variance)], same, strict=True):
        assert (found is None) == (expected is None)
        if expected is not None:
            assert np.array_equal(found, expected, equal_nan=expected.dtype != object)


def test_gradients_are_finite_and_reach_every_weight(vae_case: Case) -> None:
    view, values = vae_case.view(), vae_case.values
    # The log-variances do not depend on x until the head has learned, and what begins at zero lets nothing through.
    for weights in (view.encoder.head.weight, *(value for value in view.networks.parameters() if not value.any())):
        torch.nn.init.normal_(weights, std=0.1, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(len(values), view.size, generator=torch.Generator().manual_seed(0))
    loss = view.loss(view.batch(values), noise, torch.zeros_like(noise), 1.0)
    assert loss.log_likelihood.shape == loss.kl.shape == (len(values),)
    loss.objective(KLTerm(1.0), 0).backward()
    for name, parameter in view.networks.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_training_raises_the_elbo(vae_case: Case) -> None:
    view = vae_case.view()
    before = elbo(view, vae_case.values)
    train(view, vae_case.values, 20)
    gained = elbo(view, vae_case.values) - before
    # To the optimum for such data, nearly linear ones, there is nothing to add; some steps only cost a little noise.
    assert gained > (-2 if view.starts_linear else 1)


def test_what_is_missing_of_one_sample_changes_nothing_for_the_others(holed_case: Case) -> None:
    view, values = holed_case.view(), holed_case.values.copy()
    before, z = view.encode(values), torch.zeros(len(values), view.size)
    with torch.no_grad():
        terms = view.log_likelihood(view.batch(values), view.generative(z))
        values[0, 1:] = np.nan
        after = view.encode(values)
        fewer = view.log_likelihood(view.batch(values), view.generative(z))
    np.testing.assert_allclose(after.mean[1:], before.mean[1:], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(fewer[1:], terms[1:])
    assert not np.allclose(after.mean[0], before.mean[0])
    assert np.isfinite(after.mean).all()


def test_a_missing_entry_teaches_the_decoder_nothing(holed_case: Case) -> None:
    view = holed_case.view()
    x = view.batch(holed_case.values)
    z = torch.randn(len(x), view.size, generator=torch.Generator().manual_seed(0))
    output = view.generative(z).detach().requires_grad_()
    view.log_likelihood(x, output).sum().backward()
    gradient = output.grad[..., : x.shape[-1]]  # a sequence's length comes behind its channels
    assert torch.equal(gradient != 0, ~x.isnan())


def test_an_encoder_takes_a_missing_column_for_an_average_one(make_case: Callable[[str, bool], Case]) -> None:
    centres: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "vector": lambda x: x.mean(axis=0),
        "poisson": lambda x: np.expm1(np.log1p(x).mean(axis=0)),
    }
    for name, centre in centres.items():
        whole = make_case(name, True)
        view, values = whole.view(), whole.values[:3].copy()
        values[1, 2] = centre(whole.values.astype(float))[2]
        average = view.encode(values).mean
        values[1, 2] = np.nan
        np.testing.assert_allclose(view.encode(values).mean, average, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", IN_UNITS)
def test_other_units_give_the_same_embedding_and_the_same_answers_in_them(
    make_case: Callable[[str, bool], Case], name: str
) -> None:
    case = make_case(name, False)
    scale, shift = np.float32(250), np.float32(-40)
    view, other = case.view(), case.view(values=scale * case.values + shift)
    mean, variance = an_embedding(case, view)
    if not isinstance(view, InferredView):
        again = other.encode(scale * case.values + shift)
        np.testing.assert_allclose(again.mean, mean, rtol=1e-2, atol=1e-3)
    decoded = view.decode(mean, variance)
    np.testing.assert_allclose(other.decode(mean, variance), scale * decoded + shift, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(
        other.deviation(mean, variance), scale * view.deviation(mean, variance), rtol=1e-3, atol=1e-3
    )


def test_the_probabilities_of_a_category_sum_to_1(make_case: Callable[[str, bool], Case]) -> None:
    case = make_case("categorical", False)
    view = case.view()
    found = view.decode(*an_embedding(case, view))
    np.testing.assert_allclose(found[:, :3].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[:, 3:].sum(axis=1), 1, rtol=1e-5)


def test_what_the_decoder_is_fed_is_chosen_on_the_device(vae_case: Case) -> None:
    """The number of samples fed and the prior's precision may be tensors: the same loss as with plain numbers."""
    view = vae_case.view()
    x = view.batch(vae_case.values)
    noise = torch.randn(len(vae_case.values), view.size, generator=torch.Generator().manual_seed(0))
    prior_mean = noise.roll(1, 0)
    plain = view.loss(x, noise, prior_mean, 2.5, 3)
    told = view.loss(x, noise, prior_mean, *(torch.tensor(value, dtype=torch.float64) for value in (2.5, 3.0)))
    assert torch.equal(plain.kl, told.kl)
    assert torch.equal(plain.log_likelihood, told.log_likelihood)
