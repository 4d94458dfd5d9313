"""Coefficients of determination against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from favae_cli.common.pixels import unit
from favae_cli.evaluation.images import r2_per_image, r2_pooled

SHAPE = (6, 5, 3)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.random((7, *SHAPE))
    return images, np.clip(images + 0.2 * rng.standard_normal(images.shape), 0, 1)


def test_r2_of_each_image_is_around_its_own_mean(pair: tuple[np.ndarray, np.ndarray]) -> None:
    expected = [r2_score(image.ravel(), other.ravel()) for image, other in zip(*pair, strict=True)]
    np.testing.assert_allclose(r2_per_image(*pair), expected)


def test_pooled_r2_is_around_the_mean_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    flat = [images.reshape(len(images), -1) for images in pair]
    assert r2_pooled(*pair) == pytest.approx(r2_score(*flat, multioutput="variance_weighted"))
    mean = np.broadcast_to(pair[0].mean(axis=0), pair[0].shape)
    assert r2_pooled(pair[0], mean) == pytest.approx(0)


def test_an_image_of_one_colour_has_a_finite_score() -> None:
    flat = np.full((1, *SHAPE), 0.5)
    assert r2_per_image(flat, flat)[0] == 1
    assert np.isfinite(r2_per_image(flat, flat + 0.1)).all()


def test_stored_images_become_numbers_between_0_and_1() -> None:
    assert unit(np.array([0, 51, 255], np.uint8)).tolist() == pytest.approx([0, 0.2, 1])
