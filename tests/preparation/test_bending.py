"""Whether numbers bend: neighbours against lines."""

from __future__ import annotations

import numpy as np

from favae_cli.data import Dataset, ViewData
from favae_cli.preparation.bending import straight, told


def circle(rows: int) -> np.ndarray:
    """(N, 4) of which two columns tell the place on a circle, and lines tell nothing."""
    turn = np.random.default_rng(0).uniform(0, 2 * np.pi, rows)
    return np.stack([np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)], axis=1)


def plane(rows: int) -> np.ndarray:
    """(N, 6) of two factors and noise."""
    draw = np.random.default_rng(0)
    return draw.normal(size=(rows, 2)) @ draw.normal(size=(2, 6)) + draw.normal(size=(rows, 6))


def test_neighbours_tell_what_bends_and_lines_what_does_not() -> None:
    bent, flat = told(circle(800)), told(plane(800))
    assert bent.bends
    assert abs(bent.by_lines) < 0.05
    assert bent.by_neighbours > 0.3
    assert not flat.bends
    assert flat.by_lines > flat.by_neighbours


def test_neither_units_nor_gaps_nor_constant_columns_change_that() -> None:
    table = np.concatenate([1e6 + 1e-3 * circle(800), np.full((800, 2), 7.0), np.full((800, 1), np.nan)], axis=1)
    table[np.random.default_rng(1).random(table.shape) < 0.02] = np.nan
    assert told(table).bends


def test_nothing_is_said_of_a_column_or_of_a_few_rows() -> None:
    assert told(circle(800)[:, :1]) == told(circle(20)) == (0, 0)


def test_check_warns_of_networks_for_what_lines_tell() -> None:
    rows = np.arange(400)
    views = {name: ViewData(values, rows) for name, values in (("flat", plane(400)), ("bent", circle(400)))}
    split = {"train": rows[:300], "validation": rows[300:350], "test": rows[350:]}
    data = Dataset("drawn", rows.astype(str), views, split)
    (line,) = straight(data, {"flat", "bent"})
    assert line.startswith("views.flat: type real tells as much without a network, and sooner: lines tell 0.")
