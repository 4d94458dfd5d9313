"""Holes of every kind of data, filled from all that is known of the sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.config.data_base import Kind
from favae_cli.data import Dataset, ViewData
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.written import Written
from favae_cli.machine.runtime import Runtime
from favae_cli.queries.filled_tables import filled_table, missing_entries, variables
from favae_cli.queries.impute import Made, made_of
from favae_cli.queries.samples import Samples
from favae_cli.training.trained_run import empty_view, load_run
from favae_cli.views import Encoded

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
    assert set(table.columns) == {"id", *COLUMNS} | beside
    assert table["id"].tolist() == holes["id"].tolist()
    assert not table.isna().any(axis=None)
    for name in COLUMNS:
        known = holes[name].notna()
        if name in NUMBERS:
            assert table.loc[known, name].tolist() == holes.loc[known, name].tolist()
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
    wide = table.set_index("id")
    for row in entries.to_dict("records"):
        key, column = row["key"], row["column"]
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
    np.testing.assert_array_equal(found["value"][..., 0][seen], known[seen])
    assert (found["std"][..., 0][seen] == 0).all()
    assert np.isfinite(found["std"][..., 0][np.isfinite(found["value"][..., 0])]).all()
    assert np.isfinite(found["value"][..., 0][within]).all()
    assert np.isnan(found["value"][..., 0][~within & ~whole[:, None]]).all()
    assert np.isfinite(found["value"][whole][:, 0]).all()
    complete = [key for key, row in zip(names, mixed_tables[1].iloc[:, 8:13].notna().all(axis=1), strict=True) if row]
    assert not set(complete) & set(found["key"])


def test_a_hole_of_a_sequence_is_filled_however_short_the_decoder_takes_it_to_be(mixed_run: Path) -> None:
    run = load_run(mixed_run, Runtime(torch.device("cpu")))
    run.factors.views["course"].networks["decoder"].get_parameter("body.readout.bias").data[-1] = -50.0
    course = np.full((2, 5, 1), np.nan)
    course[0, [0, 3]] = 1.0  # it goes on to the fourth step; of the other sequence nothing is known
    views = {name: empty_view(view, 2) for name, view in run.views.items()} | {
        "course": masked_view(course, ["course"])
    }
    samples = Samples(Dataset("new", np.array(["a", "b"]), views, {}), np.arange(2))
    found = made_of(run.factors, samples, Encoded(np.zeros((2, 4)), np.ones((2, 4))), "course")
    assert found.missing[0, :, 0].tolist() == [False, True, True, False, False]
    assert found.deviation is not None
    for made_of_it in (found.value, found.deviation):
        assert np.isfinite(made_of_it[0, 1:3]).all()
        assert np.isfinite(made_of_it[1, :, 0]).tolist() == [True, False, False, False, False]


@pytest.mark.slow
def test_new_rows_may_show_fewer_categories_and_shorter_sequences(
    using: Using, mixed_run: Path, tmp_path: Path, mixed_tables: Tables
) -> None:
    def filled_in(rows: pd.DataFrame) -> tuple[Path, pd.DataFrame]:
        rows.to_csv(tmp_path / "mixed.csv", index=False)
        output = f"output={tmp_path / 'new.csv'}", "overwrite=true"
        folder = using("task=impute", *output, f"+data.root={tmp_path}", run=mixed_run)
        return folder, pd.read_csv(tmp_path / "new.csv")

    holes = mixed_tables[1]
    rows = holes[holes["colour"] != "green"].drop(columns="day4")
    folder, table = filled_in(rows)
    known = rows["colour"].notna().to_numpy()
    assert table.loc[known, "colour"].tolist() == rows["colour"][known].tolist()
    assert table.loc[~known, "colour"].isin(["blue", "green", "red"]).all()
    assert np.load(folder / "course.npz")["value"].shape[1:] == (5, 1)

    purple = rows.assign(colour=rows["colour"].replace("red", "purple"))
    told = "^data: view labels: column colour has 'purple', which the run has not seen; it knows blue, green, red$"
    with pytest.raises(UserError, match=told):
        filled_in(purple)
    with pytest.raises(UserError, match=r"^data: view course: has 6 steps, but the run was trained with 5$"):
        filled_in(holes.assign(day5=holes["day4"]))


def test_a_split_alone_can_be_filled(using: Using, mixed_run: Path, tmp_path: Path, mixed_tables: Tables) -> None:
    using("task=impute", f"output={tmp_path / 'few.csv'}", "split=validation", "count=7", run=mixed_run)
    table = pd.read_csv(tmp_path / "few.csv")
    assert len(table) == 7
    assert set(table["id"]) < set(mixed_tables[1]["id"])


def test_another_kind_of_file_is_refused(using: Using, mixed_run: Path) -> None:
    with pytest.raises(UserError, match=r"^output: must end in \.csv or \.parquet, got filled\.xlsx"):
        using("task=impute", "output=filled.xlsx", run=mixed_run)


def test_an_output_that_is_there_stays_unless_it_may_be_replaced(using: Using, mixed_run: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("all that I have\n")
    (tmp_path / "folder.csv").mkdir()
    few = "task=impute", "split=validation", "count=7"
    with pytest.raises(UserError, match=r"^output: .*mine\.csv is there already; overwrite=true replaces it$"):
        using(*few, f"output={table}", run=mixed_run)
    with pytest.raises(UserError, match=r"^output: .*folder\.csv is a folder; name a file in it$"):
        using(*few, f"output={tmp_path / 'folder.csv'}", "overwrite=true", run=mixed_run)
    assert table.read_text() == "all that I have\n"
    assert not [*tmp_path.glob("used-*")], "it is said before anything is computed"
    using(*few, f"output={table}", "overwrite=true", run=mixed_run)
    assert len(pd.read_csv(table)) == 7


def made(view: str, known: list[list[float]], value: list[list[float]]) -> Made:
    stored = np.array(known)
    unsure = np.full(stored.shape, np.nan)
    return Made(view, stored, np.isnan(stored), np.array(value), None, None, lambda level: (unsure, unsure))


def data(columns: tuple[str, ...], kind: Kind, groups: tuple[int, ...] = ()) -> ViewData:
    return ViewData(np.zeros((0, len(columns)), np.float32), np.zeros(0, np.int64), columns, groups, kind)


def test_columns_of_one_name_stand_with_their_view_and_an_unknown_deviation_is_empty() -> None:
    nan = np.nan
    left = variables(made("left", [[1.0], [nan]], [[0.0], [2.5]]), data(("age",), "real"))
    right = variables(made("right", [[nan, 1], [0, 1]], [[0.2, 0], [0, 0]]), data(("age", "smokes"), "binary"))
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


def test_what_is_known_is_written_as_the_file_has_it() -> None:
    nan = np.nan
    numbers = made("numbers", [[34, 7, 0.1], [51, nan, 0.2]], [[0, 0, 0], [0, 7.4, 0]])
    bits = made("bits", [[0, 1, 1], [1, nan, 0]], [[0, 0, 0], [0, 0.2, 0]])
    dtypes = tuple(map(np.dtype, (np.int64, np.int64, np.float32)))
    ways: tuple[Written, ...] = (np.dtype(bool), ("no", "yes"), np.dtype(np.int8))
    found = [
        *variables(numbers, replace(data(("age", "visits", "dose"), "real"), written=dtypes)),
        *variables(bits, replace(data(("died", "smokes", "male"), "binary"), written=ways)),
    ]
    table = filled_table(found, ["a", "b"], "patient")
    assert table.columns[0] == "patient"
    assert table["age"].dtype == np.int64
    assert table["visits"].tolist() == [7, 7.4]  # a guess is no whole number
    assert table["dose"].dtype == np.float32
    assert table["died"].tolist() == [False, True]
    assert table["smokes"].tolist() == ["yes", "no"]
    assert table["male"].tolist() == [1, 0]


def test_a_doubt_does_not_overwrite_a_column_of_its_name() -> None:
    columns = ("a_std", "a", "b_std", "b")
    found = [
        part
        for view in ("left", "right")
        for part in variables(
            made(view, [[1, 2, 3, 4]], [[0] * 4]), data(columns[: 4 if view == "left" else 2], "real")
        )
    ]
    row = filled_table(found, ["s"]).iloc[0].to_dict()
    assert len(row) == 1 + 2 * len(found)
    for view in ("left", "right"):
        assert (row[f"{view}/a_std"], row[f"{view}/{view}/a_std"], row[f"{view}/a"]) == (1, 0, 2)
    assert (row["b_std"], row["left/b_std"], row["b"]) == (3, 0, 4)


def test_a_missing_variable_of_categories_is_one_entry() -> None:
    nan = np.nan
    known: list[list[float]] = [[0, 1, 1, 0, 0], [nan, nan, 0, 0, 1]]
    value: list[list[float]] = [[0.5, 0.5, 0, 0, 0], [0.3, 0.7, 0.2, 0.2, 0.6]]
    found = list(variables(made("v", known, value), data(("a=x", "a=y", "b=1", "b=2", "b=3"), "categorical", (2, 3))))
    assert missing_entries(found, ["p", "q"]).to_numpy().tolist() == [["q", "v", "a", "y", 0.7]]
    assert filled_table(found, ["p", "q"]).to_numpy().tolist() == [["p", "y", 1.0, "1", 1.0], ["q", "y", 0.7, "3", 1.0]]
