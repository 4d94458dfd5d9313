"""Gaussians of an embedding by attributes: what is found of planted ones, and where samples go from one to another."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from favae_cli.factors.class_gaussians import ClassGaussians, class_gaussians, power, transport

SIZE = 8


def drawn(count: int, seed: int = 0, turning: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """z and two attributes; the first shifts z and makes its first dimension wider, the second shifts alone."""
    rng = np.random.default_rng(seed)
    attributes = (rng.random((count, 2)) < [0.5, 0.3]).astype(float)
    rest = rng.standard_normal((count, SIZE))
    rest[:, 0] *= 1 + turning * attributes[:, 0]
    rest = rest @ (np.eye(SIZE) + 0.2 * np.random.default_rng(9).standard_normal((SIZE, SIZE)))
    return 3 + rest + attributes @ np.eye(2, SIZE, 2), attributes


def found(count: int = 40_000, seed: int = 0, turning: float = 0.8) -> ClassGaussians:
    z, attributes = drawn(count, seed, turning)
    return class_gaussians(z, attributes, 4 * attributes - 2)


def test_mean_and_covariance_with_and_without_an_attribute_are_those_of_its_samples() -> None:
    gaussians = found()
    z, attributes = drawn(200_000, 1)
    for column, value in product((0, 1), (0, 1)):
        own = z[attributes[:, column] == value]
        np.testing.assert_allclose(gaussians.mean(column, value), own.mean(axis=0), atol=0.08)
        np.testing.assert_allclose(gaussians.covariance(column, value), np.cov(own.T), atol=0.15)


def test_of_chance_alone_no_covariance_is_made() -> None:
    for seed in range(5):
        assert sum(np.square(excess).sum() for excess in found(400, seed, turning=0.0).excess) < 0.2
    assert np.abs(found(400).excess[0]).max() > 0.5


def test_of_what_differs_between_covariances_noise_leaves_what_it_is_best_to_believe() -> None:
    """Of all multiples of what is found, itself is about the nearest to what was planted, on average."""
    rng = np.random.default_rng(0)
    attributes = (np.arange(1600) < 800).astype(float)[:, None]
    planted, parts = np.zeros((64, 64)), []
    planted[0, 0] = 1.2
    for _ in range(6):
        z = rng.standard_normal((1600, 64))
        z[:, 0] *= np.sqrt(1 + 1.2 * (attributes[:, 0] - 0.5))
        gaussians = class_gaussians(z, attributes, np.zeros_like(attributes))
        parts.append((gaussians.directions[0] * gaussians.excess[0]) @ gaussians.directions[0].T)
    multiples = np.linspace(0.5, 1.5, 21)
    errors = [np.mean([np.square(planted - multiple * part).sum() for part in parts]) for multiple in multiples]
    assert multiples[np.argmin(errors)] == pytest.approx(1, abs=0.2)


def test_of_an_attribute_that_fewer_have_than_z_has_dimensions_only_what_is_there_is_found() -> None:
    rng = np.random.default_rng(0)
    attributes = (np.arange(700) < 35).astype(float)[:, None]
    noise = rng.standard_normal((700, 128))
    planted = noise.copy()
    planted[:, 0] *= 1 + 2 * attributes[:, 0]
    of_noise, of_planted = (class_gaussians(z, attributes, np.zeros_like(attributes)) for z in (noise, planted))
    assert of_noise.excess[0].tolist() == []
    assert len(of_planted.excess[0]) == 1
    assert np.abs(of_planted.directions[0][0, 0]) > 0.7


@pytest.mark.slow
def test_samples_that_are_moved_lie_as_those_with_what_is_wanted() -> None:
    gaussians, (z, attributes) = found(), drawn(50_000, 2)
    there = gaussians.moved(z, attributes, np.ones_like(attributes))
    own = z[(attributes == 1).all(axis=1)]
    for before in ([0.0, 0], [0, 1], [1, 1]):
        moved = there[(attributes == before).all(axis=1)]
        np.testing.assert_allclose(moved.mean(axis=0), own.mean(axis=0), atol=0.1)
        np.testing.assert_allclose(np.cov(moved.T), np.cov(own.T), atol=0.3)
        assert np.abs(np.cov(z[(attributes == [0, 0]).all(axis=1)].T) - np.cov(own.T)).max() > 1
    stay = gaussians.moved(z, attributes, attributes)
    np.testing.assert_allclose(stay, z)
    np.testing.assert_allclose(gaussians.moved(there, np.ones_like(attributes), attributes), z, atol=1e-8)


def test_what_an_attribute_changes_may_hang_on_another() -> None:
    """The first adds to the second dimension, twice as much where the second attribute is there."""
    rng = np.random.default_rng(0)
    attributes = (rng.random((40_000, 2)) < 0.5).astype(float)
    z = rng.standard_normal((len(attributes), SIZE)) * 0.3
    z[:, 0] += 3 * attributes[:, 1]
    z[:, 1] += attributes[:, 0] * (1 + attributes[:, 1])
    gaussians = class_gaussians(z, attributes, np.zeros_like(attributes))
    wanted = attributes.copy()
    wanted[:, 0] = 1
    gone = (gaussians.moved(z, attributes, wanted) - z)[:, 1]
    for other, expected in ((0, 1.0), (1, 2.0)):
        rows = (attributes == [0, other]).all(axis=1)
        assert gone[rows].mean() == pytest.approx(expected, abs=0.15)


def test_no_direction_has_less_than_the_least_variance() -> None:
    gaussians = replace(found(), directions=(np.eye(SIZE)[:, :1],) * 2, excess=(np.array([-3.0]), np.array([1.0])))
    inverse = power(gaussians.covariance(0), -0.5)
    within = inverse @ gaussians.covariance(0, 1) @ inverse
    np.testing.assert_allclose(np.linalg.eigvalsh(within), [0.05] + [1.0] * (SIZE - 1))


def test_draws_of_another_gaussian_are_carried_and_shaped() -> None:
    gaussians, rng = found(), np.random.default_rng(0)
    spread = np.diag(rng.uniform(0.1, 3, SIZE))
    draws = rng.multivariate_normal(np.full(SIZE, -1.0), spread, 100_000)
    combination = np.array([1.0, 0.0])
    carried = gaussians.carried(draws, np.full(SIZE, -1.0), spread, combination)
    np.testing.assert_allclose(np.cov(carried.T), gaussians.within, atol=0.1)
    shaped = gaussians.shaped(carried, np.tile(combination, (len(draws), 1)))
    z, attributes = drawn(200_000, 1)
    own = z[(attributes == combination).all(axis=1)]
    for made in (carried, shaped):
        np.testing.assert_allclose(made.mean(axis=0), own.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(shaped.T), np.cov(own.T), atol=0.3)
    assert np.abs(np.cov(carried.T) - np.cov(own.T)).max() > 0.5


def test_transport_keeps_what_varies_a_millionth_as_much() -> None:
    source = np.diag([1.0, 2e-5])
    np.testing.assert_allclose(transport(source, source), np.eye(2), atol=1e-8)
    np.testing.assert_allclose(transport(source, source @ np.diag([4, 9])), np.diag([2, 3]), atol=1e-8)


def test_no_map_between_two_gaussians_moves_less() -> None:
    rng = np.random.default_rng(0)
    source, target = (a @ a.T + np.eye(SIZE) for a in rng.standard_normal((2, SIZE, SIZE)))
    best = transport(source, target)
    np.testing.assert_allclose(best @ source @ best, target, atol=1e-8)

    def distance(matrix: np.ndarray) -> float:
        rest = matrix - np.eye(SIZE)
        return float(np.trace(rest @ source @ rest.T))

    for _ in range(20):
        turn = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0]
        other = power(target, 0.5) @ turn @ power(source, -0.5)
        np.testing.assert_allclose(other @ source @ other.T, target, atol=1e-6)
        assert distance(other) > distance(best)


def test_an_attribute_that_is_not_known_says_nothing() -> None:
    z, attributes = drawn(20_000)
    holes = attributes.copy()
    holes[np.random.default_rng(5).random(holes.shape) < 0.2] = np.nan
    whole, partly = (class_gaussians(z, table, np.zeros_like(table)) for table in (attributes, holes))
    np.testing.assert_allclose(partly.slopes, whole.slopes, atol=0.05)
    np.testing.assert_allclose(partly.rates, [0.5, 0.3], atol=0.02)


def test_an_attribute_that_all_have_and_fewer_samples_than_dimensions_are_no_matter() -> None:
    z, attributes = drawn(6)
    attributes[:, 1] = 1
    gaussians = class_gaussians(z, attributes, np.zeros_like(attributes))
    assert np.isfinite(gaussians.covariance(0, 1)).all()
    np.testing.assert_allclose(gaussians.slopes[1], 0)
    wanted = np.stack([1 - attributes[:, 0], attributes[:, 1]], axis=1)
    assert np.isfinite(gaussians.moved(z, attributes, wanted)).all()


@pytest.mark.parametrize(("apart", "of_others"), [(6.0, False), (0.5, True)])
def test_sure_is_what_half_of_the_samples_of_a_class_are_and_hardly_any_other(apart: float, of_others: bool) -> None:
    rng = np.random.default_rng(0)
    attributes = (rng.random((5000, 1)) < 0.4).astype(float)
    logits = rng.standard_normal((5000, 1)) + apart * (attributes - 0.5)
    sure = class_gaussians(rng.standard_normal((5000, 2)), attributes, logits).sure[1, 0]
    having = logits[attributes == 1]
    passing = (logits[attributes == 0] > sure).mean()
    assert passing <= 0.0101
    assert ((having > sure).mean() == pytest.approx(0.5, abs=0.01)) != of_others
    assert (passing > 0.005) == of_others


def test_about_half_of_the_samples_are_as_sure_of_all_their_attributes_at_once() -> None:
    rng = np.random.default_rng(0)
    attributes = (rng.random((20_000, 12)) < 0.4).astype(float)
    logits = rng.standard_normal(attributes.shape) + 2 * (attributes - 0.5)
    gaussians = class_gaussians(rng.standard_normal((len(attributes), 2)), attributes, logits)
    lacking, having = gaussians.sure_of_all
    passing = np.where(attributes == 1, logits > having, -logits > lacking).all(axis=1)
    assert passing.mean() == pytest.approx(0.5, abs=0.02)
    alone = class_gaussians(np.zeros((len(attributes), 2)), attributes[:, :1], logits[:, :1])
    own = [np.median(sign * logits[attributes[:, 0] == value, 0]) for value, sign in ((0, -1), (1, 1))]
    np.testing.assert_allclose(alone.sure_of_all[:, 0], own)
