"""Counts: rates that are learned, and how far the counts lie around them."""

from __future__ import annotations

import logging
from typing import Any, Literal

import numpy as np
import pytest
import torch

from favae_cli.config.views import CountsViewConfig as Section
from favae_cli.config.views import MlpArch
from favae_cli.machine.runtime import Runtime
from favae_cli.views import CountsView
from favae_cli.views.objective import KLTerm

Distribution = Literal["poisson", "negative_binomial", "zinb"]
Start = Literal["linear", "random"]

COLUMNS, LATENT = 8, 2


def view(likelihood: Distribution, counts: np.ndarray, start: Start = "random", latent: int = LATENT) -> CountsView:
    arch = MlpArch(name="mlp", hidden=[16], leak=0.01)
    keys: dict[str, Any] = {
        "arch": arch,
        "latent": latent,
        "likelihood": likelihood,
        "start": start,
        "beta": None,
        "data": None,
    }
    made = CountsView(
        Section(type="counts", **keys),
        counts.shape[1:],
        Runtime(torch.device("cpu")),
        torch.Generator().manual_seed(0),
    )
    made.fit(counts)
    return made


def planted(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates (N, 8) that follow one factor, from below one to thousands, and counts of them with holes."""
    rng = np.random.default_rng(seed)
    rates = np.exp(rng.standard_normal((count, 1)) * np.linspace(-1, 1, COLUMNS) + np.linspace(-1, 7, COLUMNS))
    counts = rng.poisson(rates).astype(np.float32)
    counts[rng.random(counts.shape) < 0.2] = np.nan
    return rates, counts


@pytest.mark.parametrize("likelihood", ["poisson", pytest.param("negative_binomial", marks=pytest.mark.slow)])
def test_trained_on_counts_with_holes_it_finds_the_rates_of_new_samples(
    likelihood: Distribution,
) -> None:
    counts, (rates, others) = planted(256, 0)[1], planted(256, 1)
    trained = view(likelihood, counts)
    optimizer, generator = torch.optim.Adam(trained.networks.parameters(), 1e-2), torch.Generator().manual_seed(0)
    for _ in range(150):
        noise = torch.randn(len(counts), LATENT, generator=generator)
        optimizer.zero_grad()
        trained.loss(trained.batch(counts), noise, torch.zeros_like(noise), 1.0).objective(KLTerm(1.0), 0).backward()
        torch.nn.utils.clip_grad_norm_(trained.networks.parameters(), 10.0)
        optimizer.step()
    found = trained.decode(trained.encode(others).mean)
    error, constant = (
        np.abs(np.log(guess) - np.log(rates)).mean(axis=0) for guess in (found, np.nanmean(counts, axis=0))
    )
    assert (error[4:] < 0.6 * constant[4:]).all()


def test_a_linear_start_which_takes_a_while_with_many_columns_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        view("zinb", planted(64, 0)[1], "linear")
    told = [record.getMessage() for record in caplog.records]
    assert told == ["64 samples of 8 counts: looking for a linear start in their logarithms"]


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial", "zinb"])
def test_a_column_that_no_training_sample_has_leaves_the_others_their_linear_start(likelihood: Distribution) -> None:
    counts = planted(64, 0)[1]
    counts[:, 2] = np.nan
    rates = view(likelihood, counts, "linear").decode(np.zeros((1, LATENT)))[0]
    assert np.isfinite(rates).all()
    others = np.arange(COLUMNS) != 2
    assert np.abs(np.log(rates / np.nanmean(np.where(others, counts, 1), axis=0)))[others].max() < 2


def test_around_a_certain_z_the_deviation_is_that_of_the_distribution() -> None:
    counts = planted(64, 0)[1]
    z, certain = np.random.default_rng(0).standard_normal((5, LATENT)), np.zeros((5, LATENT))
    poisson, binomial = view("poisson", counts), view("negative_binomial", counts)
    rates = poisson.decode(z)
    assert (rates > 0).all()
    np.testing.assert_allclose(poisson.deviation(z, certain), np.sqrt(rates), rtol=1e-4)
    with torch.no_grad():
        binomial.likelihood.get_parameter("log_theta").fill_(np.log(4.0))
    rates = binomial.decode(z)
    np.testing.assert_allclose(binomial.deviation(z, certain), np.sqrt(rates + rates**2 / 4), rtol=1e-4)


def deep(count: int, seed: int, lost: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates (N, 30) of three factors, one of them the depth of a sample; counts, some of them lost."""
    rng, of_columns = np.random.default_rng(seed), np.random.default_rng(99)
    loadings = 0.5 * of_columns.standard_normal((2, 30))
    depth, factors = 0.6 * rng.standard_normal((count, 1)), rng.standard_normal((count, 2))
    rates = np.exp(3 + of_columns.normal(0, 0.5, 30) + depth + factors @ loadings)
    return rates, np.where(rng.random(rates.shape) < lost, 0, rng.poisson(rates)).astype(np.float32)


@pytest.mark.parametrize(("likelihood", "lost"), [("negative_binomial", 0.0), ("zinb", 0.4)])
def test_begun_in_the_logarithms_it_knows_the_rates_of_new_samples_before_the_first_step(
    likelihood: Distribution, lost: float
) -> None:
    counts, (rates, others) = deep(200, 0, lost)[1], deep(100, 1, lost)
    begun = view(likelihood, counts, "linear", latent=4)
    made = begun.decode(begun.encode(others).mean)
    kept = 1 - lost
    error, constant = (
        np.abs(np.log(guess) - np.log(kept * rates)).mean() for guess in (made, np.nanmean(counts, axis=0))
    )
    assert error < 0.35 * constant
    assert np.corrcoef(made.sum(axis=1), rates.sum(axis=1))[0, 1] > 0.9  # depth is one of the factors
    random = view(likelihood, counts, "random", latent=4)
    assert not np.corrcoef(random.decode(random.encode(others).mean).sum(axis=1), rates.sum(axis=1))[0, 1] > 0.7


def test_lost_and_missing_counts_are_taken_for_what_the_others_let_expect() -> None:
    rates, counts = deep(300, 0, 0.4)
    counts[::5, 3] = np.nan
    begun = view("zinb", counts, "linear", latent=4)
    hidden = (counts == 0) | np.isnan(counts)
    seen = begun.features(begun.batch(counts)).numpy()
    truth = (np.log1p(rates) - begun.inputs.mean.numpy()) / begun.inputs.scale.numpy()
    left = np.square(seen - truth)[hidden].mean() / np.square(truth)[hidden].mean()
    assert left < 0.35  # 1: all at the mean of their columns


def test_a_sample_without_a_count_is_an_average_one() -> None:
    counts = deep(100, 0, 0.4)[1]
    begun = view("zinb", counts, "linear")
    nothing = np.full((1, 30), np.nan, np.float32)
    assert np.isfinite(begun.decode(begun.encode(nothing).mean)).all()


def test_begun_at_random_the_networks_have_the_tensors_of_earlier_versions() -> None:
    names = set(view("negative_binomial", planted(64, 0)[1]).networks.state_dict())
    expected = {"inputs.mean", "inputs.scale", "likelihood.offset", "likelihood.log_theta"}
    assert {name for name in names if not name.startswith(("encoder.", "decoder."))} == expected
    assert not [name for name in names if "linear" in name]
