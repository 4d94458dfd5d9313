"""The picture of a sweep, whatever was swept."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from favae_cli.reporting.style import save
from favae_cli.sweeps.figure import sweep_figure


def grid(keys: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """A run for every combination, as sweep.csv tells them: all text, with rising scores."""
    runs = [dict(zip(keys, map(str, values), strict=True)) for values in itertools.product(*keys.values())]
    return pd.DataFrame([run | {"score": str(i)} for i, run in enumerate(runs)])


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for shown in figure.legends for text in shown.get_texts()]


@pytest.mark.parametrize(
    ("values", "scale"),
    [((1, 2, 3), "linear"), ((1, 4, 16), "log"), ((0, 1, 30), "symlog"), ((-1, 100), "linear"), ((0, 5), "linear")],
)
def test_values_that_span_a_decade_get_a_logarithmic_axis(values: Sequence[int], scale: str) -> None:
    (axes,) = sweep_figure(grid({"model.beta": values}), "score").axes
    assert axes.get_xscale() == scale
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(value) for value in values]


def test_seeds_are_points_around_their_mean() -> None:
    runs = grid({"model.beta": [1, 2], "seed": [0, 1, 2]})
    (axes,) = sweep_figure(runs, "generate/accuracy").axes
    points, line = axes.lines
    np.testing.assert_array_equal(points.get_ydata(), range(6))
    np.testing.assert_array_equal(line.get_xydata(), [[1, 1], [2, 4]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("model.beta", "generate/accuracy")


def test_seeds_alone_are_shown_beside_each_other() -> None:
    (axes,) = sweep_figure(grid({"seed": [3, 5]}), "score").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["3", "5"]
    assert [text.get_text() for text in axes.texts] == ["mean 0.5"]


def test_a_second_key_is_a_line_a_value() -> None:
    figure = sweep_figure(grid({"model.factors": [20, 50], "model.beta": [1, 2, 4]}), "score")
    assert legend(figure) == ["model.factors=20", "model.factors=50"]
    lines = [line.get_xydata() for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    np.testing.assert_array_equal(lines, [[[1, 0], [2, 1], [4, 2]], [[1, 3], [2, 4], [4, 5]]])


def test_categories_stand_in_the_order_of_the_runs() -> None:
    figure = sweep_figure(grid({"arch": ["mlp", "conv"], "seed": [0, 1]}), "score")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["mlp", "conv"]
    points, means = axes.lines
    np.testing.assert_array_equal(points.get_xydata(), [[0, 0], [0, 1], [1, 2], [1, 3]])
    np.testing.assert_array_equal(means.get_xydata(), [[0, 0.5], [1, 2.5]])


def test_two_numbers_with_many_values_become_a_map_in_colour() -> None:
    figure = sweep_figure(grid({"a": range(1, 11), "b": range(10, 100, 10), "seed": [0, 1]}), "score")
    plane, bar = figure.axes
    (points,) = plane.collections
    assert len(np.asarray(points.get_offsets())) == 90
    np.testing.assert_array_equal(points.get_array()[:2], [0.5, 2.5])
    assert bar.get_ylabel() == "score"


def test_drawn_values_are_no_ticks_and_joined_by_no_line() -> None:
    runs = pd.DataFrame({"model.beta": ["1.23456", "30.98765", "7.65432"], "score": [1.0, 2.0, 3.0]})
    (axes,) = sweep_figure(runs, "score").axes
    assert len(axes.lines) == 1
    assert not {"1.23456", "7.65432"} & {label.get_text() for label in axes.get_xticklabels()}


def test_many_keys_get_a_panel_each() -> None:
    keys = {"a": range(4), "b": [1, 2], "c": ["x", "y"], "d": [1, 2], "fixed": [1]}
    figure = sweep_figure(grid(keys), "score")
    assert [axes.get_xlabel() for axes in figure.axes if axes.axison] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("keys", [{"a": [1]}, {"a": ["[8,16]"], "b": [True]}, {"a": ["x" * 200, "y" * 200]}])
def test_anything_can_be_drawn(keys: Mapping[str, Sequence[object]], tmp_path: Path) -> None:
    save(sweep_figure(grid(keys), "score"), tmp_path / "sweep.png")
