"""Task predict: new samples, whatever is known of them, and the same numbers as in Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from favae_cli import FAVAE
from favae_cli.common.errors import UserError

Using = Callable[..., Path]
Tables = tuple[pd.DataFrame, pd.DataFrame]
NUMBERS, BITS, LABELS = ["small", "large", "price"], ["new", "sold"], ["colour", "size"]


@pytest.fixture
def people(mixed_tables: Tables) -> pd.DataFrame:
    """Samples of which all is known, under names that the run has not seen."""
    table = mixed_tables[0].iloc[:25].copy()
    return table.assign(id=[f"new {number}" for number in range(25)])


def predicted(using: Using, run: Path, *overrides: str) -> pd.DataFrame:
    return pd.read_csv(using("task=predict", *overrides, run=run) / "predicted.csv").set_index("id")


@pytest.mark.parametrize("label", ["absent", "empty", "known once"])
def test_a_label_need_not_be_known(
    label: str, using: Using, mixed_run: Path, people: pd.DataFrame, tmp_path: Path
) -> None:
    new = people.drop(columns="colour") if label == "absent" else people.assign(colour="")
    if label == "known once":
        new.loc[24, "colour"] = "blue"
    new.to_csv(tmp_path / "new.csv", index=False)
    table = predicted(using, mixed_run, f"input={tmp_path / 'new.csv'}")
    assert table.index.tolist() == people["id"].tolist()
    unknown = slice(None) if label != "known once" else slice(0, 24)
    right = table["colour"].to_numpy()[unknown] == people["colour"].to_numpy()[unknown]
    assert right.mean() > 0.7
    each = table[["colour=blue", "colour=green", "colour=red"]]
    np.testing.assert_allclose(each.sum(axis=1), 1)
    np.testing.assert_allclose(each.max(axis=1), table["colour_probability"])
    if label == "known once":
        assert table["colour"].iloc[24] == "blue"
        assert table["colour_probability"].iloc[24] == 1


@pytest.mark.parametrize("rows", [1, 25])
def test_the_numbers_are_those_of_python(
    rows: int, using: Using, mixed_run: Path, people: pd.DataFrame, tmp_path: Path
) -> None:
    new = people.iloc[:rows].drop(columns=["price", "colour", "sold"])
    new.to_csv(tmp_path / "new.csv", index=False)
    table = predicted(using, mixed_run, f"input={tmp_path / 'new.csv'}")
    X = {
        "numbers": new.reindex(columns=NUMBERS).astype(float),
        "bits": new.reindex(columns=BITS).astype(float),
        "labels": new.reindex(columns=LABELS).astype(object),
        "course": new[[f"day{day}" for day in range(5)]].to_numpy(float),
        "remark": new["remark"].tolist(),
    }
    model = FAVAE.load(mixed_run, device="cpu")
    value, deviation = model.predict(X, to=["numbers", "bits", "labels"], return_std=True)
    np.testing.assert_allclose(table["price"], value["numbers"][:, 2], rtol=1e-5)
    np.testing.assert_allclose(table["price_std"], deviation["numbers"][:, 2], rtol=1e-5)
    np.testing.assert_allclose(table["price_upper"] - table["price"], 1.6448536 * table["price_std"], rtol=1e-5)
    np.testing.assert_allclose(table["price"] - table["price_lower"], 1.6448536 * table["price_std"], rtol=1e-5)
    np.testing.assert_allclose(
        table["sold_probability"], np.maximum(value["bits"][:, 1], 1 - value["bits"][:, 1]), rtol=1e-5
    )
    np.testing.assert_allclose(table["colour=red"], value["labels"][:, 2], rtol=1e-5, atol=1e-9)
    scores = pd.read_csv(next(tmp_path.glob("used-*")) / "factors.csv").set_index("id")
    np.testing.assert_allclose(scores.filter(regex=r"\d$"), model.transform(X), rtol=1e-5, atol=1e-7)


def test_some_views_in_any_order_of_columns_are_enough(
    using: Using, mixed_run: Path, people: pd.DataFrame, tmp_path: Path
) -> None:
    people[["price", "small", "id"]].to_csv(tmp_path / "some.csv", index=False, sep=";")
    table = predicted(using, mixed_run, f"input={tmp_path / 'some.csv'}", "interval=0.5")
    assert table["price"].tolist() == people["price"].tolist()
    assert (table["large_std"] > 0).all()
    assert set(LABELS) | set(BITS) | {"remark"} <= set(table.columns)
    inside = (table["large_lower"].to_numpy() < people["large"]) & (people["large"] < table["large_upper"].to_numpy())
    assert 0.2 < inside.mean() < 0.9


def test_files_are_joined_by_their_samples(using: Using, mixed_run: Path, people: pd.DataFrame, tmp_path: Path) -> None:
    people[["id", *NUMBERS]].iloc[:20].to_csv(tmp_path / "numbers.csv", index=False)
    people[["id", *BITS]].iloc[5:].sample(frac=1, random_state=0).to_parquet(tmp_path / "bits.parquet")
    both = f"input=[{tmp_path / 'numbers.csv'},{tmp_path / 'bits.parquet'}]"
    table = predicted(using, mixed_run, both).loc[people["id"]]
    assert table["price"].iloc[:20].tolist() == people["price"].iloc[:20].tolist()
    assert (table["price_std"] > 0).tolist() == [False] * 20 + [True] * 5
    assert (table["sold_probability"] < 1).tolist() == [True] * 5 + [False] * 20


@pytest.mark.slow
def test_many_samples_are_predicted_some_at_a_time(
    using: Using, mixed_run: Path, people: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.drop(columns="price").assign(day1=np.nan).to_csv(tmp_path / "new.csv", index=False)
    asked = ("task=predict", f"input={tmp_path / 'new.csv'}")
    whole = using(*asked, run=mixed_run)
    monkeypatch.setattr("favae_cli.tasks.trained_run.predict.AT_A_TIME", 10)
    parts = using(*asked, run=mixed_run)
    for name in ("predicted.csv", "factors.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(parts / name), pd.read_csv(whole / name), rtol=1e-5)
    keys = [np.load(parts / name)["key"] for name in ("course.npz", "course-11.npz", "course-21.npz")]
    assert np.concatenate(keys).tolist() == np.load(whole / "course.npz")["key"].tolist()


def test_what_is_asked_for_is_written_where_it_is_asked_for(
    using: Using, mixed_run: Path, people: pd.DataFrame, tmp_path: Path
) -> None:
    people.drop(columns=LABELS).to_csv(tmp_path / "new.csv", index=False)
    asked = ("task=predict", f"input={tmp_path / 'new.csv'}", "to=[colour,bits]", f"output={tmp_path / 'out.parquet'}")
    using(*asked, run=mixed_run)
    columns = pd.read_parquet(tmp_path / "out.parquet").columns
    assert [name for name in columns if "=" not in name and "_" not in name] == ["id", "colour", "new", "sold"]
    with pytest.raises(UserError, match=r"output: .*out\.parquet is there already; overwrite=true replaces it"):
        using(*asked, run=mixed_run)


def test_an_output_that_cannot_be_made_is_refused_before_anything_is_read(
    using: Using, mixed_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("id,price\na,much\n")
    with pytest.raises(UserError, match=r"^output: a \.h5ad file is made as a copy of one.*; name it \.h5mu$"):
        using("task=predict", f"input={tmp_path / 'new.csv'}", f"output={tmp_path / 'out.h5ad'}", run=mixed_run)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no such file": ({"input": "none.csv"}, r"input: there is no file or folder"),
    "nothing of the run": ({"table": "id,weigth\na,1\n"}, r"input: .*new\.csv has no column of the run's views"),
    "no number": (
        {"table": "id,price\na,much\n"},
        r"data\.views\.numbers\.columns: column 'price' holds 'much' in row 1",
    ),
    "a category that is new": (
        {"table": "id,size\na,XL\n"},
        "input: view labels: column size has 'XL', which the run has not",
    ),
    "a sample twice": ({"table": "id,price\na,1\na,2\n"}, "data.key: 'a' names several samples"),
    "a step too few": (
        {"table": "id,day0,day1,day2,day4\na,1,2,3,4\n"},
        "has 4 columns for the 5 steps of course; leave one",
    ),
    "no such target": (
        {"table": "id,price\na,1\n", "to": "[colur]"},
        "to: the run has no view or column 'colur'; did you mean",
    ),
    "two files of one view": ({"table": "id,price\na,1\n", "twice": True}, "both have columns of numbers; give one"),
    "nothing to join by": ({"table": "price\n1\n", "twice": True}, r"has no column 'id', to join its samples"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_line(mistake: str, using: Using, mixed_run: Path, tmp_path: Path) -> None:
    made, told = MISTAKES[mistake]
    names = [str(tmp_path / name) for name in (["new.csv", "more.csv"] if made.get("twice") else ["new.csv"])]
    for name in names if "table" in made else ():
        Path(name).write_text(str(made["table"]))
    asked = [f"input=[{','.join(names)}]" if "table" in made else f"input={tmp_path / 'none.csv'}"]
    if "to" in made:
        asked.append(f"to={made['to']}")
    with pytest.raises(UserError, match=told) as refused:
        using("task=predict", *asked, run=mixed_run)
    assert "\n" not in str(refused.value)


def test_a_run_of_drawn_data_has_no_new_samples(using: Using, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,price\na,1\n")
    with pytest.raises(UserError, match=r"run: .* was trained on data=avatars; predict takes runs of own files"):
        using("task=predict", f"input={tmp_path / 'new.csv'}")
