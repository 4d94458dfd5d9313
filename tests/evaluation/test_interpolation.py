"""Ways between two samples: where they begin and end, and that they are straight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation import interpolation
from favae_cli.evaluation.interpolation import interpolation_pictures
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.interpolate import between, path
from favae_cli.reporting.grids import image_grid

STEPS = 5
points = arrays(float, 3, elements=st.floats(-100, 100))


@settings(max_examples=50, deadline=None)
@given(start=points, end=points, steps=st.integers(2, 12))
def test_a_path_goes_from_end_to_end_in_equal_steps(start: np.ndarray, end: np.ndarray, steps: int) -> None:
    way = path(start, end, steps)
    assert way.shape == (steps, 3)
    np.testing.assert_array_equal(way[[0, -1]], [start, end])
    np.testing.assert_allclose(np.diff(way, axis=0), np.tile((end - start) / (steps - 1), (steps - 1, 1)), atol=1e-9)


@pytest.fixture
def ends(paired_data: Dataset) -> np.ndarray:
    return paired_data.views["photo"].gather(paired_data.having("test", "photo")[[0, -1]])


def test_in_z_the_way_leads_from_one_reconstruction_to_the_other(paired: FAVAE, ends: np.ndarray) -> None:
    found = between(paired, "photo", ends, STEPS)["z"]
    assert list(found) == ["photo"]  # z of one view says nothing to another
    np.testing.assert_allclose(found["photo"][[0, -1]], ends / 255, rtol=1e-5)
    # The decoder of these views is the identity: equal steps in z are equal steps in the image.
    steps = np.diff(found["photo"], axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps.mean(axis=0), steps.shape), atol=1e-6)


def test_in_g_the_way_leads_between_what_the_view_says_of_g_and_is_decoded_by_every_view(
    paired: FAVAE, ends: np.ndarray
) -> None:
    found = between(paired, "photo", ends, STEPS)["g"]
    assert list(found) == ["photo", "sketch"]
    latent, _ = paired.joined.posterior({"photo": ends.reshape(2, -1) / 255})
    for name, images in found.items():
        part = paired.joined.views[name]
        expected = latent @ part.weights.T + part.bias
        np.testing.assert_allclose(images[[0, -1]].reshape(2, -1), expected, rtol=1e-5, atol=1e-6)
        steps = np.diff(images, axis=0)
        np.testing.assert_allclose(steps, np.broadcast_to(steps.mean(axis=0), steps.shape), atol=1e-6)
        assert np.abs(steps).max() > 1e-3


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[list[np.ndarray]], list[str]]]:
    """Rows and labels of every grid."""
    grids: list[tuple[list[list[np.ndarray]], list[str]]] = []

    def noted(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str]) -> Figure:
        grids.append(([list(row) for row in rows], list(labels)))
        return image_grid(rows, labels)

    monkeypatch.setattr(interpolation, "image_grid", noted)
    return grids


def test_a_picture_has_a_row_for_each_space_and_view_between_the_real_images(
    paired: FAVAE, paired_data: Dataset, drawn: list[tuple[list[list[np.ndarray]], list[str]]]
) -> None:
    pictures = interpolation_pictures(paired, paired_data, "test", STEPS)
    assert list(pictures) == ["interpolation_photo", "interpolation_sketch"]
    assert all(isinstance(figure, Figure) for figure in pictures.values())
    for name, (rows, labels) in zip(("photo", "sketch"), drawn, strict=True):
        other = {"photo": "sketch", "sketch": "photo"}[name]
        assert sorted(labels) == sorted(
            [f"in z, decoded to {name}", f"in g, decoded to {name}", f"in g, decoded to {other}"]
        )
        real = paired_data.views[name].gather(paired_data.having("test", name)[[0, -1]]) / 255
        for row, label in zip(rows, labels, strict=True):
            assert len(row) == STEPS + 2
            if label.endswith(name):
                np.testing.assert_allclose([row[0], row[-1]], real, rtol=1e-6)
            else:  # of another view there is nothing real to show
                assert np.ptp([row[0], row[-1]]) == 0


def test_between_fewer_than_two_samples_there_is_no_way(paired: FAVAE, paired_data: Dataset) -> None:
    sketch = paired_data.views["sketch"]
    row = sketch.row.copy()
    row[paired_data.having("test", "sketch")[1:]] = -1
    data = replace(paired_data, views={**paired_data.views, "sketch": ViewData(sketch.values, row)})
    assert list(interpolation_pictures(paired, data, "test", STEPS)) == ["interpolation_photo"]
