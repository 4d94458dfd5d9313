"""Views count as noisy as embeddings of new samples are, whatever training samples agreed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from favae_cli.factors import FactorModel, Gamma, ViewFactors
from favae_cli.models.noise_of_new import LEAST, noise_of_new

Known = Callable[[np.ndarray, np.ndarray, float], ViewFactors]
NOISE = {"a": 0.5, "b": 0.1}  # variance of new samples


@pytest.fixture
def by_heart(known_factors: Known) -> FactorModel:
    """Two views of four factors that training samples know to a thousandth; a third that is never seen here."""
    rng = np.random.default_rng(0)
    parts = {name: known_factors(rng.normal(size=(6, 4)), rng.normal(size=6), 1000.0) for name in ("a", "b", "c")}
    return FactorModel({name: replace(part, weights_cov=1e-6 * np.eye(4)) for name, part in parts.items()})


def new_samples(factors: FactorModel, count: int = 3000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(count, factors.factors))
    return {
        name: factors.views[name].expected(latent) + np.sqrt(variance) * rng.normal(size=(count, 6))
        for name, variance in NOISE.items()
    }


def variances(factors: FactorModel) -> dict[str, float]:
    return {name: view.noise_variance for name, view in factors.views.items()}


def test_the_noise_is_that_of_new_samples(by_heart: FactorModel) -> None:
    """Of a linear Gaussian model, the noise with which it foretells best is the true one."""
    found = noise_of_new(by_heart, new_samples(by_heart))
    assert variances(found) == pytest.approx(NOISE | {"c": 0.001}, rel=0.3)
    assert np.array_equal(found.views["a"].weights, by_heart.views["a"].weights)


def test_new_samples_with_less_noise_than_was_found_change_nothing(by_heart: FactorModel) -> None:
    loud = {name: replace(view, noise=Gamma(1.0, np.array(2.0))) for name, view in by_heart.views.items()}
    assert variances(noise_of_new(FactorModel(loud), new_samples(by_heart))) == pytest.approx(
        {"a": 2.0, "b": 2.0, "c": 2.0}
    )


def test_a_view_that_tells_nothing_of_the_others_here_still_tells_of_a_table(known_factors: Known) -> None:
    """A factor of a and y, another of b; that b hangs a little on the first is chance."""
    rng = np.random.default_rng(0)
    first, second, chance = np.zeros((3, 6, 2))
    first[:, 0], second[:, 1], chance[:, 0] = 1.0, 1.0, 0.1
    weights = {"a": first, "b": second + chance, "y": first}
    factors = FactorModel({name: known_factors(part, np.zeros(6), 5.0) for name, part in weights.items()})
    latent = rng.normal(size=(500, 2))
    z = {name: latent @ part.T + rng.normal(size=(500, 6)) / 5**0.5 for name, part in (weights | {"b": second}).items()}
    found = noise_of_new(factors, {name: z[name] for name in ("a", "b")})
    assert variances(factors)["a"] < variances(found)["a"] <= found.views["a"].variance.mean()
    assert found.views["a"].stands_out.tolist() == [True, False]
    told = found.views["y"].expected(found.posterior({"a": z["a"]})[0])
    assert np.square(z["y"] - told).sum() < 0.3 * np.square(z["y"]).sum()


def test_a_few_samples_do_not_tell(by_heart: FactorModel) -> None:
    known = noise_of_new(by_heart, new_samples(by_heart, LEAST))
    assert variances(known)["a"] > variances(by_heart)["a"]
    few = new_samples(by_heart, LEAST + 10)
    few["a"][: LEAST // 2], few["b"][-20:] = np.nan, np.nan  # 15 have both
    assert variances(noise_of_new(by_heart, few)) == variances(by_heart)


def test_samples_that_lack_a_view_do_not_count(by_heart: FactorModel) -> None:
    whole = new_samples(by_heart)
    half = {name: np.concatenate([table, np.full((50, 6), np.nan)]) for name, table in whole.items()}
    half["a"][-50:] = 7.0
    assert variances(noise_of_new(by_heart, half)) == variances(noise_of_new(by_heart, whole))


@pytest.mark.parametrize("seen", [["a"], []])
def test_where_nothing_can_be_foretold_nothing_changes(by_heart: FactorModel, seen: list[str]) -> None:
    tables = {name: new_samples(by_heart)[name] for name in seen}
    assert variances(noise_of_new(by_heart, tables)) == variances(by_heart)
    apart = new_samples(by_heart, 10)
    apart["a"][:5], apart["b"][5:] = np.nan, np.nan
    assert variances(noise_of_new(by_heart, apart)) == variances(by_heart)


def test_processes_that_share_the_samples_find_the_same(by_heart: FactorModel) -> None:
    """Each asks for sums of what both have; here both have the same."""
    tables = new_samples(by_heart)
    twice = noise_of_new(by_heart, tables, gather=lambda part: [part, part])
    assert variances(twice) == pytest.approx(variances(noise_of_new(by_heart, tables)), rel=1e-9)
    part = new_samples(by_heart, LEAST - 10)  # too few for one alone
    assert variances(noise_of_new(by_heart, part)) == variances(by_heart)
    assert variances(noise_of_new(by_heart, part, gather=lambda part: [part, part]))["a"] > variances(by_heart)["a"]
