"""Sweeps that begin ahead: fewer of them, to no lower a bound, and nothing is left of a step that went too far."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.momentum import Momentum
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.spectral_start import spectral_start


def nearly_told() -> Embeddings:
    """Columns of little noise, which sweeps take long to learn, and bits beside them."""
    table = load_breast_cancer().data[:200, :12]
    holes = np.random.default_rng(0).random(table.shape) < 0.1
    x = np.where(holes, np.nan, (table - table.mean(axis=0)) / table.std(axis=0))
    return Embeddings({}, {}, {"x": RealEmbedding(x[:, :10]), "y": binary((x[:, 10:] > 0) * 1.0)}, ("x", "y"))


def fitted(plain: bool = False) -> FactorModel:
    evidence = nearly_told()
    return fit(evidence.moments(), 6, local=evidence, sweeps=400, tolerance=0.01, plain=plain)


def test_fewer_sweeps_come_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted()
    monkeypatch.setattr(Momentum, "ahead", lambda self, model: None)
    plain = fitted()
    assert np.all(np.diff(model.bound) >= -1e-9 * np.abs(model.bound[:-1]))
    assert len(model.bound) < len(plain.bound)
    assert model.bound[-1] > plain.bound[-1] - 1


def test_a_plain_fit_is_that_of_sweeps_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fitted(plain=True)
    monkeypatch.setattr(Momentum, "ahead", lambda self, model: None)
    monkeypatch.setattr(import_module("favae_cli.factors.fit"), "spare_factors", lambda m: np.zeros(m.factors, bool))
    assert plain.bound == fitted().bound


def test_a_step_is_undone_as_if_it_had_never_been(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = nearly_told()
    first = spectral_start(evidence.moments(), 3, noise=evidence.noise)
    evidence.refresh(first)
    momentum, local = Momentum(evidence), evidence.local
    assert momentum.ahead(first) is None
    grown = np.linspace(0.9, 1.1, 10)
    evidence.rescale({"x": grown})
    second = first.select(np.arange(3))
    second.views["x"] = second.views["x"].stretched(grown)
    assert momentum.ahead(second) is None  # the first share is 0
    before = {name: view.mean.copy() for name, view in local.items()}
    third = second.select(np.arange(3))
    third.views["y"] = second.views["y"].stretched(np.full(2, 2.0))
    further = momentum.ahead(third)
    assert further is not None
    np.testing.assert_allclose(further.views["x"].weights, third.views["x"].weights)
    np.testing.assert_allclose(further.views["y"].weights, third.views["y"].weights * 1.125)  # a quarter of the step
    evidence.refresh(further)
    momentum.back()
    np.testing.assert_array_equal(local["y"].mean, before["y"])
    seen = ~local["x"].missing
    np.testing.assert_allclose(local["x"].mean[seen], before["x"][seen])
    np.testing.assert_allclose(evidence.scales["x"], grown)
