"""Which features a traversal shows, how they are named, and that a row changes its own feature alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from favae_cli.factors import FactorModel, ViewFactors
from favae_cli.queries.traverse import factor_name, most_relevant, most_used, traversed
from favae_cli.reporting.grids import traversal
from favae_cli.reporting.style import save

Known = Callable[[np.ndarray, np.ndarray, float], ViewFactors]


@pytest.fixture
def model(known_factors: Known) -> FactorModel:
    """Factor 0 of nobody, 1 of both views, 2 of face alone and its strongest, 3 of hair alone."""
    strength = {"face": [0.0, 1.0, 3.0, 0.0], "hair": [0.0, 1.0, 0.0, 2.0]}
    ones = np.ones((5, 4))
    return FactorModel({name: known_factors(ones * size, np.zeros(5), 1.0) for name, size in strength.items()})


def test_the_most_relevant_factors_of_a_view_come_first(model: FactorModel) -> None:
    assert most_relevant(model, "face", 2).tolist() == [2, 1]
    assert most_relevant(model, "hair", 2).tolist() == [3, 1]
    assert len(most_relevant(model, "face", 99)) == 4
    assert most_relevant(model, None, 3).tolist() == [2, 3, 1]  # 3 is all that hair has but what it shares


def test_the_dimensions_that_vary_most_come_first() -> None:
    mean = np.random.default_rng(0).standard_normal((500, 4)) * [0.1, 3.0, 1.0, 2.0] + [9.0, 0.0, 0.0, 0.0]
    assert most_used(mean, 3).tolist() == [1, 3, 2]


def test_a_factor_is_named_by_who_uses_it(model: FactorModel) -> None:
    names = [factor_name(model, factor, "face").split("\n") for factor in range(4)]
    assert [name[0] for name in names] == ["factor 0", "factor 1", "factor 2", "factor 3"]
    assert [name[1] for name in names] == ["unused", "shared face, hair", "private face", "private hair"]
    # Three times the weight explains nine times the variance.
    assert names[2][2] == f"relevance {model.relevance['face'][2]:.3f}"
    assert float(names[2][2].split()[1]) == pytest.approx(9 * float(names[1][2].split()[1]), rel=1e-2)


def test_a_row_changes_one_feature_by_equal_steps() -> None:
    centre = np.array([1.0, -2.0, 0.5])
    points = traversed(centre, [2, 0], np.array([3.0, 1.5]), 5)
    np.testing.assert_allclose(points[0, :, 2] - 0.5, [-3, -1.5, 0, 1.5, 3])
    np.testing.assert_allclose(points[1, :, 0] - 1.0, [-1.5, -0.75, 0, 0.75, 1.5])
    np.testing.assert_array_equal(points[:, 2], [centre, centre])
    np.testing.assert_array_equal(points[0, :, :2], np.tile(centre[:2], (5, 1)))
    np.testing.assert_array_equal(points[1, :, 1:], np.tile(centre[1:], (5, 1)))


def test_the_figure_has_a_row_for_each_feature_and_a_column_for_each_step(tmp_path: Path) -> None:
    points = traversed(np.full(2, 0.5), [0, 1], np.array([0.5, 0.5]), 3)
    asked = []

    def decode(z: np.ndarray) -> np.ndarray:
        """Red is the first feature, green the second."""
        asked.append(z)
        return np.tile(np.column_stack([z, np.zeros(len(z))])[:, None, None, :], (1, 4, 4, 1))

    save(traversal(points, decode, ["first", "second"]), tmp_path / "traversal.png")
    drawn = np.round(255 * imread(tmp_path / "traversal.png")[..., :3])
    assert np.concatenate(asked).shape == (6, 2)
    colours = [(0, 128), (128, 128), (255, 128), (128, 0), (128, 128), (128, 255)]
    places = []
    for red, green in dict.fromkeys(colours):
        where = np.argwhere((drawn == (red, green, 0)).all(axis=2))
        assert len(where), f"no image of red {red}, green {green}"
        places.append(where.mean(axis=0))
    left, middle, right, top, bottom = places
    assert left[0] == right[0] < top[0] == bottom[0]  # the first feature's row lies above the second's
    assert left[1] == top[1] < middle[1] < right[1] == bottom[1]
