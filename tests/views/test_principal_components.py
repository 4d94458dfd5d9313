"""Data in the basis of their principal components: nothing is lost, and factor analysis does not notice."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.factors import FactorModel, Moments, fit
from favae_cli.views import LinearView

IMAGE, TABLE = (3, 2, 2), (12,)
COUNT, PIXELS = 200, 12


@pytest.fixture
def stored() -> np.ndarray:
    """uint8 images whose pixels vary together in four ways, and each a little by itself."""
    rng = np.random.default_rng(0)
    together = rng.standard_normal((COUNT, 4)) @ rng.standard_normal((4, PIXELS)) * np.array([2.0, 1.0, 0.5, 0.3] * 3)
    values = 127 + 18 * (together + 0.3 * rng.standard_normal((COUNT, PIXELS)))
    return np.clip(values, 0, 255).astype(np.uint8).reshape(COUNT, *IMAGE)


def fitted(values: np.ndarray, size: int = PIXELS) -> LinearView:
    view = LinearView(values.shape[1:], size)
    view.fit(values)
    return view


def table(stored: np.ndarray) -> np.ndarray:
    return stored.reshape(len(stored), -1).astype(np.float32) / 255


@pytest.mark.parametrize("size", [3, PIXELS])
def test_the_embedding_is_an_orthonormal_rotation_of_the_centred_data_on_one_scale(
    stored: np.ndarray, size: int
) -> None:
    view, flat = fitted(stored, size), table(stored)
    # Encoding is affine: what it does to the axes is its matrix.
    origin = np.zeros((1, PIXELS), np.float32)
    axes = fitted(flat, size)
    matrix = axes.encode(np.eye(PIXELS, dtype=np.float32)).mean - axes.encode(origin).mean
    gram = matrix.T @ matrix
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(size), atol=1e-4 * gram[0, 0])
    z = view.encode(stored)
    assert z.variance is None
    assert z.mean.shape == (COUNT, size)
    np.testing.assert_allclose(z.mean.mean(axis=0), 0, atol=1e-5)
    assert z.mean.var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_components_kept_are_those_that_leave_the_least_error(stored: np.ndarray, size: int) -> None:
    flat = table(stored)
    view = fitted(flat, size)
    spread = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    error = np.square(view.decode(view.encode(flat).mean) - flat).sum()
    assert error == pytest.approx(np.square(spread[size:]).sum(), rel=1e-3)


def test_with_all_components_the_data_come_back(stored: np.ndarray) -> None:
    image, flat = fitted(stored), table(stored)
    np.testing.assert_allclose(image.decode(image.encode(stored).mean), stored / 255, atol=1e-5)
    # Of so few samples, one component fewer than there are holds everything.
    few = fitted(stored[:5], 4)
    np.testing.assert_allclose(few.decode(few.encode(stored[:5]).mean), stored[:5] / 255, atol=1e-5)
    wide = 50 * flat - 20
    view = fitted(wide)
    np.testing.assert_allclose(view.decode(view.encode(wide).mean), wide, atol=1e-3)


def test_stored_images_are_read_as_the_table_of_their_pixels_between_0_and_1(stored: np.ndarray) -> None:
    image, flat = fitted(stored), table(stored)
    columns = fitted(flat)
    np.testing.assert_allclose(np.abs(image.encode(stored).mean), np.abs(columns.encode(flat).mean), atol=1e-3)
    assert image.decode(np.zeros((2, PIXELS))).shape == (2, *IMAGE)
    assert columns.decode(np.zeros((2, PIXELS))).shape == (2, *TABLE)


def test_decoded_images_lie_between_0_and_1_and_decoded_tables_anywhere(stored: np.ndarray) -> None:
    far = 100 * np.eye(PIXELS)
    decoded = fitted(stored).decode(far)
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert np.abs(fitted(table(stored)).decode(far)).max() > 1


def test_its_networks_hold_all_that_was_fitted(stored: np.ndarray) -> None:
    view, other = fitted(stored), LinearView(IMAGE, PIXELS)
    other.networks.load_state_dict(view.networks.state_dict())
    assert np.array_equal(other.encode(stored).mean, view.encode(stored).mean)
    assert np.array_equal(other.decode(np.eye(PIXELS)), view.decode(np.eye(PIXELS)))
    assert not view.trainable
    assert list(view.networks.parameters()) == []


@pytest.mark.slow
def test_factor_analysis_of_it_is_factor_analysis_of_the_standardised_data(stored: np.ndarray) -> None:
    """The model's noise is isotropic, and so are its priors over the rows of W and over b: any basis is as good."""
    view, flat = fitted(stored), table(stored).astype(float)
    z = view.encode(stored).mean.astype(float)
    scale = np.sqrt(flat.var(axis=0).sum() / z.var(axis=0).sum())
    rng = np.random.default_rng(1)
    beside = flat @ rng.standard_normal((PIXELS, 3)) + 0.1 * rng.standard_normal((COUNT, 3))

    def fit_to(pixels: np.ndarray) -> FactorModel:
        return fit(
            Moments.from_arrays({"pixels": pixels, "beside": beside}), factors=6, seed=0, sweeps=150, tolerance=0.001
        )

    rotated, plain = fit_to(z), fit_to((flat - flat.mean(axis=0)) / scale)
    assert rotated.factors == plain.factors
    assert rotated.bound[-1] == pytest.approx(plain.bound[-1], rel=1e-6)
    for name in ("pixels", "beside"):
        assert rotated.views[name].tau == pytest.approx(plain.views[name].tau, rel=1e-3)
    predicted, expected = (m.predict("pixels", *m.posterior({"beside": beside}))[0] for m in (rotated, plain))
    expected = np.clip(scale * expected + flat.mean(axis=0), 0, 1)
    np.testing.assert_allclose(view.decode(predicted).reshape(COUNT, -1), expected, atol=1e-3)
