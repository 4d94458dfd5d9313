"""Binary views: what a bound with one curvature finds of planted logistic models, and what it foretells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.bernoulli import binary, probability
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.real import RealEmbedding

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

TRAIN, TEST = slice(0, 1500), slice(1500, 4500)


def gaussian_mean(function: Callable[[np.ndarray], np.ndarray], mean: float, variance: float) -> float:
    """E f(z) for z ~ N(mean, variance), by adaptive integration."""
    spread = np.sqrt(variance)
    limits = mean - 10 * spread, mean + 10 * spread
    return quad(lambda z: function(z) * norm.pdf(z, mean, spread), *limits, points=[0.0], epsabs=1e-10)[0]


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (1.5, 0.2), (-3.0, 5.0), (0.7, 1e-12)])
def test_probability_is_the_mean_of_the_sigmoid(mean: float, variance: float) -> None:
    found = probability(np.array([[mean]]), np.array([[variance]]))
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(gaussian_mean(expit, mean, variance), abs=2e-4)


def test_probability_stays_within_zero_and_one() -> None:
    means = np.linspace(-60.0, 60.0, 2001)[:, None]
    found = probability(means, np.full_like(means, 0.5))
    assert found.min() >= 0.0
    assert found.max() <= 1.0


def labelled(seed: int, factors: int = 5, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """z (4500, 12) that factors drive, and labels whose logits are linear in the same factors."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((4500, factors))
    z = latent @ rng.standard_normal((factors, 12)) + 0.5 * rng.standard_normal((4500, 12))
    logits = latent @ (1.5 * rng.standard_normal((factors, labels))) - 0.5
    return z / z.std(), (rng.random(logits.shape) < expit(logits)).astype(float)


def fitted(z: np.ndarray, labels: np.ndarray, **options: Any) -> tuple[FactorModel, Embeddings]:
    embeddings = Embeddings({"z": z}, {}, {"labels": binary(labels)}, ("z", "labels"))
    return fit(embeddings.moments(), 20, local=embeddings, **options), embeddings


def auc_of_labels(model: FactorModel, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """By label, the AUC of p(label | z) through g."""
    found = probability(*model.predict("labels", *model.posterior({"z": z})))
    return np.array([roc_auc_score(truth, guess) for truth, guess in zip(labels.T, found.T, strict=True)])


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("missing", [pytest.param(0.0, marks=pytest.mark.slow), 0.3], ids=["complete", "incomplete"])
def test_planted_logistic_model_is_recovered(seed: int, missing: float) -> None:
    z, labels = labelled(seed)
    seen = labels[TRAIN].copy()
    rng = np.random.default_rng(seed)
    seen[rng.random(seen.shape) < missing] = np.nan
    seen[rng.random(len(seen)) < missing] = np.nan
    model, _ = fitted(z[TRAIN], seen, sweeps=100)
    auc = auc_of_labels(model, z[TEST], labels[TEST])
    for column, (known, truth) in enumerate(zip(seen.T, labels[TEST].T, strict=True)):
        there = ~np.isnan(known)
        direct = LogisticRegression().fit(z[TRAIN][there], known[there])
        assert auc[column] > roc_auc_score(truth, direct.decision_function(z[TEST])) - 0.01


def test_settled_embeddings_are_at_their_fixed_point() -> None:
    z, labels = labelled(0)
    labels[::3, 0] = np.nan
    model, _ = fitted(z[TRAIN], labels[TRAIN], sweeps=30)
    fresh = binary(labels[TEST])
    embeddings = Embeddings({"z": z[TEST]}, {}, {"labels": fresh}, ("z", "labels"))
    embeddings.settle(model, tolerance=1e-11, steps=2000)
    eta = embeddings.expect(model, "labels")
    seen = ~np.isnan(fresh.x)
    np.testing.assert_allclose(fresh.mean, eta + 4 * np.where(seen, np.nan_to_num(fresh.x) - expit(eta), 0), atol=1e-8)


def test_labels_alone_settle_to_the_side_they_say() -> None:
    """Conditional generation: with no other evidence, g moves so that the label becomes likely."""
    z, labels = labelled(1)
    model, _ = fitted(z[TRAIN], labels[TRAIN], sweeps=60)
    asked = np.array([[1.0, np.nan, 0.0], [0.0, np.nan, 1.0]])
    embeddings = Embeddings({}, {}, {"labels": binary(asked)}, ("labels",))
    embeddings.settle(model)
    chance = probability(*embeddings.predict(model, "labels"))
    assert chance[0, 0] > 0.5 > chance[1, 0]
    assert chance[1, 2] > 0.5 > chance[0, 2]


def rare(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two factors behind 80 columns, one in ten of whose entries is 1, and behind eight of numbers."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((count + 400, 2))
    logits = latent @ (1.2 * rng.standard_normal((2, 80))) - 3
    numbers = latent @ rng.standard_normal((2, 8)) + 0.4 * rng.standard_normal((len(latent), 8))
    return (rng.random(logits.shape) < expit(logits)).astype(float), numbers


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_rare_columns_tell_of_the_factors_and_keep_their_rate(seed: int) -> None:
    labels, numbers = rare(seed, 100)
    train, new = slice(100), slice(100, None)
    centre = np.log((labels[train].sum(axis=0) + 0.5) / ((1 - labels[train]).sum(axis=0) + 0.5))
    local = {"labels": binary(labels[train], centre), "numbers": RealEmbedding(numbers[train])}
    evidence = Embeddings({}, {}, local, ("labels", "numbers"))
    model = fit(evidence.moments(), 8, sweeps=80, local=evidence)

    given = Embeddings({}, {}, {"labels": binary(labels[new], centre)}, ("labels",))
    given.settle(model)
    found, truth = given.expect(model, "numbers") / local["numbers"].scale, numbers[new]
    ridge = RidgeCV(np.logspace(-1, 4, 20)).fit(labels[train], numbers[train]).predict(labels[new])
    assert r2_score(truth, found) > r2_score(truth, ridge)

    scaled = numbers[new] * local["numbers"].scale
    given = Embeddings({}, {}, {"numbers": RealEmbedding(scaled)}, ("numbers",))
    mean, variance = given.predict(model, "labels")
    chance = probability(centre + mean, variance)
    rates = labels[train].mean(axis=0)
    assert chance.mean() == pytest.approx(rates.mean(), abs=0.012)
    assert np.square(chance - labels[new]).mean() < 0.9 * np.square(rates - labels[new]).mean()


def test_a_column_without_a_single_one_is_foretold_as_rare() -> None:
    labels, _ = rare(0, 100)
    labels = labels[:100, :20]
    labels[:, 3] = 0
    centre = np.log((labels.sum(axis=0) + 0.5) / ((1 - labels).sum(axis=0) + 0.5))
    local = binary(labels, centre)
    evidence = Embeddings({}, {}, {"labels": local}, ("labels",))
    model = fit(evidence.moments(), 3, local=evidence, sweeps=60)
    mean, variance = evidence.predict(model, "labels")
    chance = probability(centre + mean, variance)
    assert 0 < chance[:, 3].mean() < 0.01


def test_samples_without_labels_or_without_z_are_kept_apart() -> None:
    z, labels = labelled(0)
    z, labels = z[:30].copy(), labels[:30].copy()
    z[:10], labels[10:20] = np.nan, np.nan
    embeddings = Embeddings({"z": z}, {}, {"labels": binary(labels)}, ("z", "labels"))
    counts = {pattern: sums.count for pattern, sums in embeddings.moments().patterns.items()}
    assert counts == {("labels",): 10, ("z",): 10, ("z", "labels"): 10}


def test_embeddings_without_local_views_are_their_moments(plant: Plant) -> None:
    arrays = plant(0, 50, {"a": 3, "b": 2}, 2, missing=0.3).arrays
    embeddings = Embeddings(arrays, {}, {}, ("a", "b"))
    model = fit(embeddings.moments(), 2, sweeps=20)
    mean = embeddings.latents(model)
    np.testing.assert_allclose(mean, model.posterior(arrays)[0], atol=1e-12)
    renewed, likelihood = embeddings.refresh(model)
    assert likelihood == {}
    assert renewed.patterns.keys() == embeddings.moments().patterns.keys()


def test_sample_without_any_view_keeps_the_prior(plant: Plant) -> None:
    arrays = plant(0, 50, {"a": 3, "b": 2}, 2).arrays
    model = fit(Embeddings(arrays, {}, {}, ("a", "b")).moments(), 2, sweeps=20)
    lacking = {view: table.copy() for view, table in arrays.items()}
    for table in lacking.values():
        table[7] = np.nan
    embeddings = Embeddings(lacking, {}, {}, ("a", "b"))
    assert embeddings.moments().count == 49
    np.testing.assert_array_equal(embeddings.latents(model)[7], 0.0)
    (covariance,) = (covariance for rows, covariance in embeddings.covariances(model) if 7 in rows)
    np.testing.assert_allclose(covariance, np.eye(model.factors))
    predicted, variance = embeddings.predict(model, "b")
    np.testing.assert_allclose(predicted[7], model.views["b"].bias)
    assert np.all(variance[7] > variance[8])


def test_prediction_for_every_sample_is_that_of_its_pattern(plant: Plant) -> None:
    arrays = plant(1, 50, {"a": 4, "b": 3, "c": 2}, 2, missing=0.3).arrays
    model = fit(Embeddings(arrays, {}, {}, ("a", "b", "c")).moments(), 2, sweeps=20)
    row = int(np.flatnonzero(np.isnan(arrays["b"]).all(axis=1) & ~np.isnan(arrays["a"]).any(axis=1))[0])
    there = {view: arrays[view][[row]] for view in arrays if not np.isnan(arrays[view][row]).any()}
    expected = model.predict("b", *model.posterior(there))
    found = Embeddings(arrays, {}, {}, ("a", "b", "c")).predict(model, "b")
    for whole, single in zip(found, expected, strict=True):
        np.testing.assert_allclose(whole[[row]], single, atol=1e-12)
