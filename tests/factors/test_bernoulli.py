"""Binary views: the Jaakkola-Jordan bound, its fixed point, and planted logistic models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, log_expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from favae_cli.factors import FactorModel, bernoulli, fit
from favae_cli.factors.bernoulli import BernoulliEmbedding, curvature, probability
from favae_cli.factors.bound import bound_terms
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.missing_entries import CHUNK
from favae_cli.factors.updates import update_latents

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

TRAIN, TEST = slice(0, 1500), slice(1500, 4500)


def gaussian_mean(function: Callable[[np.ndarray], np.ndarray], mean: float, variance: float) -> float:
    """E f(z) for z ~ N(mean, variance), by adaptive integration."""
    spread = np.sqrt(variance)
    limits = mean - 10 * spread, mean + 10 * spread
    return quad(lambda z: function(z) * norm.pdf(z, mean, spread), *limits, points=[0.0], epsabs=1e-10)[0]


def test_curvature_is_smooth_through_zero() -> None:
    assert curvature(np.array(0.0)) == 0.125
    xi = np.array([1e-6, 9e-5, 1.1e-4, 0.5, 3.0, 40.0])
    np.testing.assert_allclose(curvature(xi), np.tanh(xi / 2) / (4 * xi), rtol=1e-9)
    np.testing.assert_array_equal(curvature(-xi), curvature(xi))


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.0, 0.3), (-1.5, 4.0), (5.0, 0.01)])
def test_likelihood_term_is_a_lower_bound(label: float, mean: float, variance: float) -> None:
    embedding = BernoulliEmbedding(np.array([[label]]))
    embedding.mean[:], embedding.variance[:] = mean, variance
    true = gaussian_mean(lambda z: log_expit((2 * label - 1) * z), mean, variance)
    bound = embedding.log_likelihood()
    assert bound <= true
    assert bound == pytest.approx(true, abs=0.15 * variance)


def test_missing_entries_follow_the_prior_and_count_nothing() -> None:
    embedding = BernoulliEmbedding(np.array([[1.0, np.nan]]))
    embedding.update(np.array([0]), np.array([[0.5, -2.0]]), precision=4.0)
    assert embedding.mean[0, 1] == -2.0
    assert embedding.variance[0, 1] == 0.25
    alone = BernoulliEmbedding(np.array([[1.0]]))
    alone.update(np.array([0]), np.array([[0.5]]), precision=4.0)
    assert embedding.log_likelihood() == alone.log_likelihood()


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
    embeddings = Embeddings({"z": z}, {}, {"labels": BernoulliEmbedding(labels)}, ("z", "labels"))
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
    model, _ = fitted(z[TRAIN], seen, sweeps=200)
    auc = auc_of_labels(model, z[TEST], labels[TEST])
    for column, (known, truth) in enumerate(zip(seen.T, labels[TEST].T, strict=True)):
        there = ~np.isnan(known)
        direct = LogisticRegression().fit(z[TRAIN][there], known[there])
        assert auc[column] > roc_auc_score(truth, direct.decision_function(z[TEST])) - 0.01


def test_settled_embeddings_are_at_their_fixed_point() -> None:
    z, labels = labelled(0)
    labels[::3, 0] = np.nan
    model, _ = fitted(z[TRAIN], labels[TRAIN], sweeps=30)
    fresh = BernoulliEmbedding(labels[TEST])
    embeddings = Embeddings({"z": z[TEST]}, {}, {"labels": fresh}, ("z", "labels"))
    embeddings.settle(model, tolerance=1e-11)
    latent = embeddings.latents(model)
    view = model.views["labels"]
    seen = ~np.isnan(fresh.x)
    xi = np.sqrt(fresh.mean**2 + fresh.variance)
    variance = 1 / (view.tau + 2 * curvature(xi) * seen)
    pull = np.where(seen, fresh.x - 0.5, 0.0) + view.tau * (latent @ view.weights.T + view.bias)
    np.testing.assert_allclose(fresh.variance, variance, atol=1e-9)
    np.testing.assert_allclose(fresh.mean, variance * pull, atol=1e-9)


def test_labels_alone_settle_to_the_side_they_say() -> None:
    """Conditional generation: with no other evidence, g moves so that the label becomes likely."""
    z, labels = labelled(1)
    model, _ = fitted(z[TRAIN], labels[TRAIN], sweeps=60)
    asked = np.array([[1.0, np.nan, 0.0], [0.0, np.nan, 1.0]])
    embeddings = Embeddings({}, {}, {"labels": BernoulliEmbedding(asked)}, ("labels",))
    embeddings.settle(model)
    chance = probability(*embeddings.predict(model, "labels"))
    assert chance[0, 0] > 0.5 > chance[1, 0]
    assert chance[1, 2] > 0.5 > chance[0, 2]


def test_stretch_gains_exactly_what_the_bound_gains() -> None:
    """What z, W, b and tau say of each other stays; only the likelihood and the priors' KL may change."""
    z, labels = labelled(2)
    labels[::4, 1] = np.nan
    model, embeddings = fitted(z[TRAIN], labels[TRAIN], sweeps=8, rotate_every=0, prune=False)

    def terms(model: FactorModel) -> dict[str, float]:
        latents = update_latents(model, embeddings.moments())
        return bound_terms(model, latents) | {"x": embeddings.local["labels"].log_likelihood()}

    before = terms(model)
    stretched = embeddings.stretch(model)
    after = terms(stretched)
    gained = {name: after[name] - before[name] for name in before}
    likelihood_and_priors = ("x", "b/labels", "alpha/labels", "tau/labels")
    promised = sum(gained[name] for name in likelihood_and_priors)
    assert promised > 0.1
    assert sum(gained.values()) == pytest.approx(promised, abs=1e-6)


def test_stretch_finds_the_best_scale() -> None:
    z, labels = labelled(2)
    model, embeddings = fitted(z[TRAIN], labels[TRAIN], sweeps=8, rotate_every=0, prune=False)
    once = embeddings.stretch(model)
    again = embeddings.stretch(once)
    assert once.views["labels"].tau != pytest.approx(model.views["labels"].tau, rel=0.02)
    assert again.views["labels"].tau == pytest.approx(once.views["labels"].tau, rel=5e-3)


def test_samples_without_labels_or_without_z_are_kept_apart() -> None:
    z, labels = labelled(0)
    z, labels = z[:30].copy(), labels[:30].copy()
    z[:10], labels[10:20] = np.nan, np.nan
    embeddings = Embeddings({"z": z}, {}, {"labels": BernoulliEmbedding(labels)}, ("z", "labels"))
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


def test_how_many_samples_are_solved_for_at_a_time_does_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, prior, coupling = 1.0 * (rng.random((50, 3)) < 0.4), rng.standard_normal((50, 3)), 0.2 * np.eye(3) + 0.1
    found = []
    for numbers in (CHUNK, 4 * coupling.size):
        monkeypatch.setattr(bernoulli, "CHUNK", numbers)
        embedding = BernoulliEmbedding(x)
        embedding.update(np.arange(1, 50), prior[1:], 1.5, coupling)
        found.append(embedding.mean)
    whole, parts = found
    np.testing.assert_array_equal(whole, parts)
