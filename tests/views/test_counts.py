"""Counts: rates that are learned, and how far the counts lie around them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from favae_cli.config.views import CountsViewConfig as Section
from favae_cli.config.views import MlpArch
from favae_cli.machine.runtime import Runtime
from favae_cli.views import CountsView
from favae_cli.views.objective import KLTerm

Distribution = Literal["poisson", "negative_binomial"]

COLUMNS, LATENT = 8, 2


def view(likelihood: Distribution, counts: np.ndarray) -> CountsView:
    arch = MlpArch(name="mlp", hidden=[16], leak=0.01)
    section = Section(type="counts", arch=arch, latent=LATENT, likelihood=likelihood, beta=None, data=None)
    made = CountsView(section, (COLUMNS,), Runtime(torch.device("cpu")), torch.Generator().manual_seed(0))
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
