"""Turns that leave an optimum of the rotation: they gain what they say, and unmix what a climb does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from favae_cli.factors import Gamma, ViewFactors, fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.rotation import _negative_gain
from favae_cli.factors.turns import turned

KINDS = ("abc", "ab", "ac", "bc", "a", "b", "c")
UNSURE = 1e-4  # variance of every weight


def view(weights: np.ndarray) -> ViewFactors:
    size, factors = weights.shape
    return ViewFactors(
        weights=weights,
        weights_cov=UNSURE * np.eye(factors),
        bias=np.zeros(size),
        bias_var=0.0,
        noise=Gamma(1.0, np.asarray(1.0)),
        ard=Gamma(1.0, np.ones(factors)),
        count=100,
        usage=np.full(factors, 100.0),
        variance=np.ones(size),
    )


def views_of(uses: list[str], mixed: np.ndarray, seed: int = 0) -> list[ViewFactors]:
    """Views a, b, c whose factors are those of `uses`, mixed by an orthogonal matrix."""
    rng = np.random.default_rng(seed)
    here = np.array([[name in use for use in uses] for name in "abc"])
    sizes = (12, 9, 7)
    return [view((rng.standard_normal((size, len(uses))) * row) @ mixed) for size, row in zip(sizes, here, strict=True)]


def gain(views: list[ViewFactors], rotation: np.ndarray) -> float:
    """What the rotation gains by its own objective, nats, where <g g^T> is N I."""
    count, factors = 50, len(rotation)
    rest = count * np.eye(factors), count, [each.gram for each in views], [each.size for each in views]
    return count * (_negative_gain(np.eye(factors), *rest)[0] - _negative_gain(rotation, *rest)[0])


def silent(views: list[ViewFactors], rotation: np.ndarray) -> list[str]:
    """For each factor the views that have weights for it, once turned."""
    norms = np.stack([np.linalg.norm(each.weights @ rotation, axis=0) for each in views])
    return sorted("".join(name for name, norm in zip("abc", column, strict=True) if norm > 0.3) for column in norms.T)


@pytest.mark.parametrize("seed", range(3))
def test_turns_are_a_rotation_that_gains(seed: int) -> None:
    mixed = np.linalg.qr(np.random.default_rng(seed).standard_normal((5, 5)))[0]
    views = views_of(["abc", "ab", "ac", "b", "c"], mixed, seed)
    found = turned(views)
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-12)
    assert np.linalg.det(found) == pytest.approx(1)
    assert gain(views, found) > 20
    again = [replace(each, weights=each.weights @ found) for each in views]
    np.testing.assert_array_equal(turned(again), np.eye(5))


def test_two_factors_mixed_half_and_half_are_told_apart() -> None:
    half = np.sqrt(0.5)
    views = views_of(["abc", "ac"], np.array([[half, -half], [half, half]]))
    assert silent(views, turned(views)) == ["abc", "ac"]


def test_three_factors_of_which_a_view_has_two_are_told_apart() -> None:
    """No turn of two of them takes one out of the view."""
    mixed = np.linalg.qr(np.array([[1.0, 0.4, 0.3], [1.0, -1.0, 0.3], [1.0, 0.3, -1.0]]))[0]
    views = views_of(["ab", "abc", "abc"], mixed)
    assert silent(views, np.eye(3)) == ["abc"] * 3
    assert silent(views, turned(views)) == ["ab", "abc", "abc"]


@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 1, 4))])
def test_who_uses_the_factors_of_three_views_is_found_though_the_noise_of_columns_is_very_unequal(seed: int) -> None:
    """Two factors of every kind; one view is missing for 30 %, and the noise of columns differs a hundredfold."""
    rng = np.random.default_rng(seed)
    uses = [kind for kind in KINDS for _ in range(2)]
    latent, local = rng.standard_normal((3000, len(uses))), {}
    for name, size in {"a": 45, "b": 35, "c": 16}.items():
        weights = rng.standard_normal((len(uses), size)) * np.array([name in use for use in uses])[:, None]
        x = latent @ weights + np.exp(rng.standard_normal(size)) * rng.standard_normal((3000, size))
        local[name] = (x - x.mean(axis=0)) / x.std(axis=0)
    local["b"][rng.random(3000) < 0.3] = np.nan
    embeddings = Embeddings({}, {}, {name: RealEmbedding(x) for name, x in local.items()}, tuple(local))
    model = fit(embeddings.moments(), 20, seed, local=embeddings)
    active = zip(*model.active.values(), strict=True)
    found = Counter("".join(name for name, uses_it in zip("abc", row, strict=True) if uses_it) for row in active)
    assert found == Counter(uses)
