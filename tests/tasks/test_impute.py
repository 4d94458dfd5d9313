"""Holes of every kind of data, filled from all that is known of the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from favae_cli.data import ViewData
from favae_cli.errors import UserError
from favae_cli.tasks.use.filled import Made, filled_table, missing_entries, variables

Using = Callable[..., Path]
Tables = tuple[pd.DataFrame, pd.DataFrame]
NUMBERS, BITS, LABELS = ("small", "large", "price"), ("new", "sold"), ("colour", "size")
COLUMNS = (*NUMBERS, *BITS, *LABELS, "remark")


@pytest.fixture
def filled(using: Using, mixed_run: Path, tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """What was written, and the table with its holes filled."""
    file = tmp_path / "new" / "filled.parquet"
    made = using("task=impute", f"output={file}", "format=parquet", run=mixed_run)
    return made, pd.read_parquet(file)


def test_the_filled_table_has_every_sample_and_what_was_known_is_as_it_was(
    filled: tuple[Path, pd.DataFrame], mixed_tables: Tables
) -> None:
    _, table = filled
    holes = mixed_tables[1]
    beside = {f"{name}_std" for name in NUMBERS} | {f"{name}_probability" for name in (*BITS, *LABELS)}
    assert set(table.columns) == {"key", *COLUMNS} | beside
    assert table["key"].tolist() == holes["id"].tolist()
    assert not table.isna().any(axis=None)
    for name in COLUMNS:
        known = holes[name].notna()
        if name in NUMBERS:
            np.testing.assert_allclose(table.loc[known, name], holes.loc[known, name].astype(float), rtol=1e-6)
            assert (table.loc[known, f"{name}_std"] == 0).all()
            assert (table.loc[~known, f"{name}_std"] > 0).all()
        else:
            assert table.loc[known, name].tolist() == holes.loc[known, name].tolist()
            if name != "remark":
                assert (table.loc[known, f"{name}_probability"] == 1).all()
                assert table.loc[~known, f"{name}_probability"].between(1 / 3, 1, inclusive="neither").all()


def test_holes_are_filled_with_what_was_there_and_the_doubt_is_of_its_order(
    filled: tuple[Path, pd.DataFrame], mixed_tables: Tables
) -> None:
    _, table = filled
    truth, holes = mixed_tables
    z = []
    for name in NUMBERS:
        hole = holes[name].isna()
        error = table.loc[hole, name] - truth.loc[hole, name]
        assert np.sqrt((error**2).mean()) < 0.75 * truth[name].std()  # of the column's mean it would be 1
        z += (error / table.loc[hole, f"{name}_std"]).tolist()
    assert 0.6 < np.mean(np.abs(z) < 1.645) < 0.97  # 90 % intervals, of a model that hardly saw its sequences
    right, sure = [], []
    for name in (*BITS, *LABELS):
        hole = holes[name].isna()
        right += (table.loc[hole, name] == truth.loc[hole, name]).tolist()
        sure += table.loc[hole, f"{name}_probability"].tolist()
    assert np.mean(right) > 0.75
    assert abs(np.mean(right) - np.mean(sure)) < 0.2


def test_every_missing_entry_has_a_row(filled: tuple[Path, pd.DataFrame], mixed_tables: Tables) -> None:
    folder, table = filled
    holes = mixed_tables[1].set_index("id")[list(COLUMNS)].isna()
    entries = pd.read_parquet(folder / "imputed.parquet")
    assert set(zip(entries["key"], entries["column"], strict=True)) == set(holes.stack()[lambda hole: hole].index)
    assert len(entries) == holes.to_numpy().sum()
    by_entry = entries.set_index(["key", "column"])
    wide = table.set_index("key")
    for (key, column), row in by_entry.iterrows():
        if column in NUMBERS:
            assert row["value"] == pytest.approx(wide.loc[key, column], rel=1e-5)
            assert row["std"] == pytest.approx(wide.loc[key, f"{column}_std"])
        elif column in BITS:
            assert (row["value"] > 0.5) == wide.loc[key, column]
            assert row["logit_std"] > 0
        elif column in LABELS:
            assert row["category"] == wide.loc[key, column]
            assert row["probability"] == pytest.approx(wide.loc[key, f"{column}_probability"])
        else:
            assert row["text"] == wide.loc[key, "remark"]


def test_sequences_are_filled_up_to_their_end(filled: tuple[Path, pd.DataFrame], mixed_tables: Tables) -> None:
    known = mixed_tables[1][[f"day{day}" for day in range(5)]].to_numpy(float)
    found = np.load(filled[0] / "course.npz")
    names = mixed_tables[1]["id"].tolist()
    rows = np.array([names.index(key) for key in found["key"]])
    known = known[rows]
    whole = np.isnan(known).all(axis=1)
    assert whole.sum() == len(names) // 10
    last = np.where(whole, -1, 4 - (~np.isnan(known[:, ::-1])).argmax(axis=1))
    within = np.arange(5) <= last[:, None]
    seen = ~np.isnan(known)
    np.testing.assert_allclose(found["value"][..., 0][seen], known[seen], rtol=1e-5)
    assert (found["std"][..., 0][seen] == 0).all()
    assert np.isfinite(found["std"][..., 0][np.isfinite(found["value"][..., 0])]).all()
    assert np.isnan(found["value"][..., 0][~within & ~whole[:, None]]).all()
    assert np.isfinite(found["value"][whole][:, 0]).all()
    complete = [key for key, row in zip(names, mixed_tables[1].iloc[:, 8:13].notna().all(axis=1), strict=True) if row]
    assert not set(complete) & set(found["key"])


def test_a_split_alone_can_be_filled(using: Using, mixed_run: Path, tmp_path: Path, mixed_tables: Tables) -> None:
    using("task=impute", f"output={tmp_path / 'few.csv'}", "split=validation", "count=7", run=mixed_run)
    table = pd.read_csv(tmp_path / "few.csv")
    assert len(table) == 7
    assert set(table["key"]) < set(mixed_tables[1]["id"])


def test_another_kind_of_file_is_refused(using: Using, mixed_run: Path) -> None:
    with pytest.raises(UserError, match=r"^output: must end in \.csv or \.parquet, got filled\.xlsx"):
        using("task=impute", "output=filled.xlsx", run=mixed_run)


def made(view: str, known: list[list[float]], value: list[list[float]]) -> Made:
    stored = np.array(known)
    return Made(view, stored, np.isnan(stored), np.array(value), None)


def data(columns: tuple[str, ...], groups: tuple[int, ...] = ()) -> ViewData:
    return ViewData(np.zeros((0, len(columns)), np.float32), np.zeros(0, np.int64), columns, groups)


def test_columns_of_one_name_stand_with_their_view_and_an_unknown_deviation_is_empty() -> None:
    nan = np.nan
    left = variables(made("left", [[1.0], [nan]], [[0.0], [2.5]]), data(("age",)), binary=False)
    right = variables(made("right", [[nan, 1], [0, 1]], [[0.2, 0], [0, 0]]), data(("age", "smokes")), binary=True)
    found = [*left, *right]
    table = filled_table(found, ["a", "b"])
    assert table.columns.tolist() == [
        "key",
        "left/age",
        "left/age_std",
        "right/age",
        "right/age_probability",
        "smokes",
        "smokes_probability",
    ]
    assert table["left/age"].tolist() == [1, 2.5]
    assert table["left/age_std"].tolist()[0] == 0
    assert np.isnan(table["left/age_std"][1])
    assert table["right/age"].tolist() == [0, 0]
    assert table["right/age_probability"].tolist() == [0.8, 1]
    entries = missing_entries(found, ["a", "b"])
    assert entries[["key", "view", "column", "value"]].to_numpy().tolist() == [
        ["b", "left", "age", 2.5],
        ["a", "right", "age", 0.2],
    ]


def test_a_missing_variable_of_categories_is_one_entry() -> None:
    nan = np.nan
    known = [[0, 1, 1, 0, 0], [nan, nan, 0, 0, 1]]
    value = [[0.5, 0.5, 0, 0, 0], [0.3, 0.7, 0.2, 0.2, 0.6]]
    found = list(variables(made("v", known, value), data(("a=x", "a=y", "b=1", "b=2", "b=3"), (2, 3)), binary=False))
    assert missing_entries(found, ["p", "q"]).to_numpy().tolist() == [["q", "v", "a", "y", 0.7]]
    assert filled_table(found, ["p", "q"]).to_numpy().tolist() == [["p", "y", 1.0, "1", 1.0], ["q", "y", 0.7, "3", 1.0]]
