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
    assert bent is not None
    assert flat is not None
    assert bent.bends
    assert abs(bent.by_lines) < 0.05
    assert bent.by_neighbours > 0.3
    assert not flat.bends
    assert flat.by_lines > flat.by_neighbours


def test_neither_units_nor_gaps_nor_constant_columns_change_that() -> None:
    table = np.concatenate([1e6 + 1e-3 * circle(800), np.full((800, 2), 7.0), np.full((800, 1), np.nan)], axis=1)
    table[np.random.default_rng(1).random(table.shape) < 0.02] = np.nan
    found = told(table)
    assert found is not None
    assert found.bends


def test_nothing_is_said_of_a_column_or_of_a_few_rows_or_of_one_group() -> None:
    assert told(circle(800)[:, :1]) is told(circle(20)) is told(circle(800), np.full(800, "p1")) is None


def visits(patients: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 10) of columns that tell nothing of each other, almost alike in all rows of a patient, and whose they are."""
    draw = np.random.default_rng(0)
    whose = np.repeat(np.arange(patients), each)
    return draw.normal(size=(patients, 10))[whose] + 0.1 * draw.normal(size=(len(whose), 10)), whose


def test_rows_of_a_patient_do_not_tell_of_each_other() -> None:
    rows, whose = visits(patients=100, each=12)
    assert (alike := told(rows)) is not None
    assert alike.by_neighbours > 0.5
    assert (found := told(rows, whose.astype(str))) is not None
    assert found.by_neighbours < 0.05
    assert not found.bends


def test_check_warns_of_networks_for_what_lines_tell() -> None:
    rows = np.arange(400)
    views = {name: ViewData(values, rows) for name, values in (("flat", plane(400)), ("bent", circle(400)))}
    split = {"train": rows[:300], "validation": rows[300:350], "test": rows[350:]}
    data = Dataset("drawn", rows.astype(str), views, split)
    (line,) = straight(data, {"flat", "bent"})
    assert line.startswith("views.flat: type real tells as much without a network, and sooner: lines tell 0.")


def test_check_judges_by_the_validation_rows() -> None:
    values, whose = visits(patients=40, each=12)
    rows = np.arange(len(values))
    split = {"train": rows[whose < 30], "validation": rows[whose >= 30], "test": rows[:0]}
    data = Dataset("drawn", rows.astype(str), {"numbers": ViewData(values, rows)}, split)
    assert len([*straight(data, {"numbers"})]) == 1
    few = Dataset("drawn", rows.astype(str), data.views, split | {"validation": rows[:5]})
    assert [*straight(few, {"numbers"})] == []


def test_check_lets_a_network_save_time_of_very_many_columns() -> None:
    rows = np.arange(400)
    wide = np.repeat(plane(400), 200, axis=1)
    split = {"train": rows[:300], "validation": rows[300:350], "test": rows[350:]}
    views = {"wide": ViewData(wide, rows), "narrow": ViewData(wide[:, :900], rows)}
    (line,) = straight(Dataset("drawn", rows.astype(str), views, split), {"wide", "narrow"})
    assert line.startswith("views.narrow")
