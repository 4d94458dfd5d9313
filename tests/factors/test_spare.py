"""Factors that are there by noise alone: one that the bound is higher without, and those of single noisy columns."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from favae_cli.factors import FactorModel, Moments, fit
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.ordinal import CumulativeLogit, first_thresholds
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.spare import spare_factors

IN_BOTH, IN_A, IN_B = (1, 1), (1, 0), (0, 1)


def planted(
    seed: int, count: int, sizes: dict[str, int], use: list[tuple[int, int]], noise: float, spread: float
) -> dict[str, np.ndarray]:
    """Two views of factors that each uses or not, the noise of their columns log-normal around `noise`."""
    rng = np.random.default_rng(seed)
    latent, tables = rng.standard_normal((count, len(use))), {}
    for place, (name, size) in enumerate(sizes.items()):
        weights = rng.standard_normal((len(use), size)) * np.array(use)[:, [place]]
        deviation = noise * np.exp(spread * rng.standard_normal(size))
        tables[name] = latent @ weights + deviation * rng.standard_normal((count, size))
    return tables


def used(model: FactorModel) -> list[tuple[int, int]]:
    return sorted(zip(*(np.asarray(part, int).tolist() for part in model.active.values()), strict=True))


@pytest.mark.slow
def test_a_direction_of_noise_is_no_factor_as_the_bound_is_higher_without_it() -> None:
    use = [IN_BOTH, IN_A, IN_B]
    moments = Moments.from_arrays(planted(1, 4000, {"a": 20, "b": 25}, use, 3.0, 0.0))
    stuck, free = (fit(moments, 8, 1, plain=plain) for plain in (True, False))
    assert stuck.factors == 4
    assert spare_factors(stuck).sum() == 1
    assert used(free) == sorted(use)
    assert not spare_factors(free).any()
    assert free.bound[-1] > stuck.bound[-1] + 10


def beside_levels() -> Embeddings:
    """Numbers with holes, bits and levels of the same factors."""
    tables = planted(0, 150, {"a": 8, "b": 10}, [IN_BOTH, IN_BOTH, IN_A], 1.0, 0.0)
    tables["a"][np.random.default_rng(1).random(tables["a"].shape) < 0.2] = np.nan
    levels = np.clip(np.round(tables["b"][:, :5]), -2, 2) + 2
    thresholds = [first_thresholds(np.bincount(column.astype(int), minlength=5)) for column in levels.T]
    local = {
        "a": RealEmbedding(tables["a"]),
        "bits": binary((tables["b"][:, 5:] > 0) * 1.0),
        "levels": PseudoData(levels, CumulativeLogit(thresholds)),
    }
    return Embeddings({}, {}, local, tuple(local))


def test_factors_that_stay_are_asked_for_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def used_most(model: FactorModel) -> np.ndarray:
        asked.append(model.factors)
        found: np.ndarray = np.arange(model.factors) == np.argmax(sum(model.relevance.values()))
        return found

    bounds = []
    for spare in (lambda model: np.zeros(model.factors, bool), used_most):
        monkeypatch.setattr(import_module("favae_cli.factors.fit"), "spare_factors", spare)
        embeddings = beside_levels()
        bounds.append(fit(embeddings.moments(), 8, local=embeddings, rotate_every=1, sweeps=60).bound)
    assert len(asked) > 10
    assert len(set(asked)) < len(asked) / 2  # all, or nearly all, were refused
    np.testing.assert_allclose(bounds[1], bounds[0], rtol=1e-8)


def test_a_factor_is_weighed_against_the_model_as_it_is_and_not_as_a_sweep_found_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Early sweeps gain more than a weak factor is worth."""
    rng = np.random.default_rng(1)
    latent, weights = rng.standard_normal((300, 4)), rng.standard_normal((4, 20)) * [[1.0], [1.0], [1.0], [0.3]]
    moments = Moments.from_arrays({"a": latent @ weights + rng.standard_normal((300, 20))})

    def weakest(model: FactorModel) -> np.ndarray:
        found: np.ndarray = np.arange(model.factors) == np.argmin(sum(model.relevance.values()))
        return found

    bounds = []
    for spare in (lambda model: np.zeros(model.factors, bool), weakest):
        monkeypatch.setattr(import_module("favae_cli.factors.fit"), "spare_factors", spare)
        bounds.append(fit(moments, 4, sweeps=3, rotate_every=2).bound)
    assert bounds[0][2] - bounds[0][1] > 40
    assert bounds[1][2] >= bounds[0][2]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noisy_columns_are_no_factors(seed: int) -> None:
    use = [IN_BOTH, IN_BOTH, IN_A, IN_B]
    tables = planted(seed, 1500, {"a": 30, "b": 20}, use, 1.0, 1.0)
    local = {name: RealEmbedding((x - x.mean(axis=0)) / x.std(axis=0)) for name, x in tables.items()}
    embeddings = Embeddings({}, {}, local, tuple(local))
    model = fit(embeddings.moments(), 10, seed, local=embeddings, sweeps=300)
    assert model.factors == len(use)
    assert used(model) == sorted(use)


def test_the_first_scales_are_those_of_the_noise_and_change_no_unit() -> None:
    rng = np.random.default_rng(0)
    latent, deviation = rng.standard_normal((4000, 2)), np.repeat([0.3, 3.0], 20)
    x = latent @ rng.standard_normal((2, 40)) + deviation * rng.standard_normal((4000, 40))
    x = np.where(np.arange(40) == 7, 0.0, x)  # a constant column
    local = RealEmbedding(x)
    embeddings = Embeddings({}, {}, {"a": local}, ("a",))
    moments = embeddings.begin(embeddings.moments())
    free = np.arange(40) != 7
    assert local.scale[7] == 1
    assert np.log(local.scale[free]).sum() == pytest.approx(0, abs=1e-9)
    assert np.log((local.scale * deviation)[free]).std() < 0.25 * np.log(deviation[free]).std()
    np.testing.assert_allclose(local.mean, local.scale * x)
    np.testing.assert_allclose(moments.of_view("a")[1], (local.scale * x).sum(axis=0), atol=1e-9)


@pytest.mark.slow
def test_the_better_of_two_starts_is_gone_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scales by what is unique to a column help if that is its noise, and harm if others nearly tell the column."""
    noisy = planted(0, 1500, {"a": 30, "b": 20}, [IN_BOTH, IN_BOTH, IN_A, IN_B], 1.0, 1.0)
    cells = {"cells": load_breast_cancer().data}  # radius, perimeter and area
    gains = []
    for tables in (noisy, cells):
        tables = {name: (x - x.mean(axis=0)) / x.std(axis=0) for name, x in tables.items()}
        bounds = []
        for chosen in (True, False):
            embeddings = Embeddings({}, {}, {name: RealEmbedding(x) for name, x in tables.items()}, tuple(tables))
            if not chosen:
                monkeypatch.setattr(embeddings, "begin", lambda moments: moments)
            bounds.append(fit(embeddings.moments(), 10, local=embeddings, sweeps=40).bound[-1])
        gains.append(bounds[0] - bounds[1])
    assert gains[0] > 50
    assert gains[1] > -1
