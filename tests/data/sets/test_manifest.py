"""A user's own table becomes views with masks, and every mistake in it is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.data import Dataset, load

EMOJI = Path(__file__).parents[4] / "shared" / "data" / "emoji"
ROWS = 20

Load = Callable[..., Dataset]


def image(column: str, **changes: Any) -> dict[str, Any]:
    return {"kind": "image", "column": column, "size": 8, "channels": 3, "crop": None} | changes


def binary(**changes: Any) -> dict[str, Any]:
    return {"kind": "binary", "columns": [], "binarise": {}, "empty": "missing"} | changes


@pytest.fixture
def table(tmp_path: Path) -> dict[str, list[str]]:
    """Twenty rows: two image columns, two columns of yes and no, one of categories, one of groups."""
    (tmp_path / "pictures").mkdir()
    for i in range(ROWS):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "pictures" / f"{i}.png")
    return {
        "id": [f"sample {i}" for i in range(ROWS)],
        "photo": [f"pictures/{i}.png" for i in range(ROWS)],
        "sketch": ["" if i % 4 == 0 else f"pictures/{ROWS - 1 - i}.png" for i in range(ROWS)],
        "smiles": ["yes" if i % 2 else "no" for i in range(ROWS)],
        "hat": [f"{i % 3 // 2}.0" if i > 10 else str(i % 3 // 2) for i in range(ROWS)],
        "hair": [("black", "red", "grey", "")[i % 4] for i in range(ROWS)],
        "person": [f"person {i // 2}" for i in range(ROWS)],
    }


@pytest.fixture
def run(load_manifest: Load, tmp_path: Path, table: dict[str, list[str]]) -> Load:
    """Writes the table and loads it under the shipped manifest config with the given changes."""

    def run(views: dict[str, Any], **changes: Any) -> Dataset:
        pd.DataFrame(table).to_csv(tmp_path / "table.csv", index=False)
        return load_manifest(views, **{"table": "table.csv"} | changes)

    return run


def test_views_masks_and_keys(run: Load) -> None:
    views = {"sketch": image("sketch"), "photo": image("photo"), "labels": binary(columns=["smiles", "hat"])}
    data = run(views, key="id")
    assert data.name == "table"
    assert list(data.views) == ["sketch", "photo", "labels"]
    assert data.keys[3] == "sample 3"
    assert data.views["photo"].gather(np.array([7, 2]))[:, 0, 0, 0].tolist() == [7, 2]
    sketch = data.views["sketch"]
    assert (~sketch.present).nonzero()[0].tolist() == [0, 4, 8, 12, 16]
    assert sketch.values.shape == (15, 8, 8, 3)
    assert sketch.gather(np.array([5]))[0, 0, 0, 0] == ROWS - 1 - 5
    labels = data.views["labels"]
    assert labels.columns == ("smiles", "hat")
    assert labels.values.dtype == np.float32
    assert labels.gather(np.arange(4)).tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]
    assert {name: indices.size for name, indices in data.split.items()} == {
        "train": 14,
        "validation": 2,
        "test": 4,
    }
    assert data.notes == ()


def test_parquet_is_read_as_csv_is(run: Load, table: dict[str, list[str]], tmp_path: Path) -> None:
    table["grade"] = ["" if i == 5 else str(i % 3) for i in range(ROWS)]
    frame = pd.DataFrame(table)
    frame["sketch"] = frame["sketch"].replace("", None)
    frame["smiles"] = frame["smiles"] == "yes"
    frame["grade"] = [None if i == 5 else i % 3 for i in range(ROWS)]  # pandas makes this 0.0, 1.0 and NaN
    frame.to_parquet(tmp_path / "table.parquet")
    labels = binary(columns=["smiles"], binarise={"grade": {"first": ["1"]}})
    views = {"sketch": image("sketch"), "labels": labels}
    from_csv, from_parquet = run(views, key="id"), run(views, key="id", table="table.parquet")
    for name in views:
        np.testing.assert_array_equal(from_csv.views[name].values, from_parquet.views[name].values)
        np.testing.assert_array_equal(from_csv.views[name].row, from_parquet.views[name].row)
    assert from_csv.keys.tolist() == from_parquet.keys.tolist()


def test_empty_binary_cells_are_missing(run: Load, table: dict[str, list[str]]) -> None:
    table["smiles"][2] = table["smiles"][3] = table["hat"][3] = ""
    labels = run({"photo": image("photo"), "labels": binary(columns=["smiles", "hat"])}).views["labels"]
    assert np.isnan(labels.gather(np.array([2]))).tolist() == [[True, False]]
    assert not labels.present[3]
    assert labels.values.shape == (ROWS - 1, 2)


@pytest.mark.parametrize(("empty", "fourth"), [("missing", [np.nan, np.nan]), ("zero", [0, 0])])
def test_categories_become_attributes(run: Load, empty: str, fourth: list[float]) -> None:
    hair = {"dark": ["black"], "coloured": ["red", "black"]}
    view = binary(columns=["smiles"], binarise={"hair": hair}, empty=empty)
    labels = run({"labels": view}).views["labels"]
    assert labels.columns == ("smiles", "dark", "coloured")
    first_four = labels.gather(np.arange(4))[:, 1:]
    np.testing.assert_array_equal(first_four, [[1, 1], [0, 1], [0, 0], fourth])


def test_what_is_said_of_single_columns_is_how_they_are_read(run: Load, table: dict[str, list[str]]) -> None:
    table["lab"] = ["-999.0" if i % 5 == 0 else f"{i / 2}" for i in range(ROWS)]
    table["seen"] = [f"{1 + i:02d}.02.2024" for i in range(ROWS)]
    table["mood"] = [("bad", "fine", "unknown")[i % 3] for i in range(ROWS)]
    table["town"] = ["Oslo" if i < 9 else "Rome" if i < 15 else f"village {i}" for i in range(ROWS)]
    views = {
        "numbers": {"kind": "real", "columns": ["lab", "seen"]},
        "mood": {"kind": "ordinal", "columns": ["mood"], "levels": {"mood": ["bad", "fine"]}},
        "town": {"kind": "categorical", "columns": ["town", "seen weekday"], "most": 3},
    }
    dates = {"seen": {"format": "%d.%m.%Y", "first": "01.02.2024", "parts": ["weekday"]}}
    data = run(views, missing_values={"lab": ["-999"], "mood": ["unknown"]}, dates=dates)
    lab, days = data.views["numbers"].values.T
    assert np.flatnonzero(np.isnan(lab)).tolist() == [0, 5, 10, 15]
    assert days.tolist() == list(range(ROWS))
    assert data.views["mood"].columns == ("mood=bad", "mood=fine")
    assert data.views["mood"].present.sum() == 14
    town = data.views["town"]
    assert town.columns[:3] == ("town=Oslo", "town=Rome", "town=other")
    assert town.values[:, :3].sum(axis=0).tolist() == [9, 6, 5]
    assert town.labels["town"][16] == "village 16", "it is written back as it was"
    assert town.columns[3:] == ("seen weekday=Fri", "seen weekday=Mon", "seen weekday=other")
    table["seen"][4] = "soon"
    with pytest.raises(UserError, match=r"column 'seen' holds 'soon' in row 5 of .*; use dates written as %d\.%m\.%Y"):
        run(views, missing_values={"lab": ["-999"], "mood": ["unknown"]}, dates=dates)


def test_use_picks_views_and_leaves_samples_without_them_out(run: Load) -> None:
    views = {"photo": image("photo"), "sketch": image("sketch")}
    whole, part = run(views, key="id"), run(views, key="id", use=["sketch"])
    assert list(part.views) == ["sketch"]
    assert len(part.keys) == 15
    assert part.views["sketch"].present.all()
    assert part.notes == ("5 of 20 samples left out, which lack sketch",)
    for name, indices in part.split.items():
        assert set(part.keys[indices]) <= set(whole.keys[whole.split[name]])
    assert sum(indices.size for indices in part.split.values()) == 15


def test_bad_images_are_skipped_by_name_or_stop_the_run(run: Load, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "6.png").write_text("no picture")
    (tmp_path / "pictures" / "9.png").unlink()
    views = {"photo": image("photo"), "labels": binary(columns=["smiles"])}
    data = run(views)
    assert (~data.views["photo"].present).nonzero()[0].tolist() == [6, 9]
    assert len(data.keys) == ROWS
    (note,) = data.notes
    assert note.startswith("photo: 2 of 20 images skipped")
    assert "6.png" in note
    assert "9.png" in note
    with pytest.raises(UserError, match=r"6\.png: not an image"):
        run(views, on_bad_image="stop")


def test_split_by_group_and_from_column(run: Load, table: dict[str, list[str]]) -> None:
    views = {"labels": binary(columns=["smiles"])}
    split = run(views, split={"by": "person"}).split
    people = [{table["person"][i] for i in indices} for indices in split.values()]
    assert sum(map(len, people)) == len(set(table["person"]))

    table["part"] = ["train", "train", "val", "test"] * 5
    split = run(views, split={"column": "part"}).split
    assert split["validation"].tolist() == [2, 6, 10, 14, 18]


def test_split_seed_or_the_runs_seed(run: Load) -> None:
    views = {"labels": binary(columns=["smiles"])}
    fixed, other, from_run = (run(views, split={"seed": seed}).split["test"].tolist() for seed in (0, 1, None))
    assert fixed != other
    assert from_run == fixed  # the run's seed is 0 here


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown image column": (
        {"views": {"face": image("phto")}},
        r"data\.views\.face\.column: no column 'phto'; did you mean photo\? there are hair, hat, id, person, photo",
    ),
    "unknown binary column": (
        {"views": {"labels": binary(columns=["beard"])}},
        r"data\.views\.labels\.columns: no column 'beard'",
    ),
    "unknown category column": (
        {"views": {"labels": binary(binarise={"hare": {"dark": ["black"]}})}},
        r"data\.views\.labels\.binarise: no column 'hare'; did you mean hair",
    ),
    "not binary": (
        {"views": {"labels": binary(columns=["hair"])}},
        r"data\.views\.labels\.columns: column 'hair' holds 'black' in row 1 .*use 0/1",
    ),
    "value that never occurs": (
        {"views": {"labels": binary(binarise={"hair": {"fair": ["blond"]}})}},
        r"binarise\.hair\.fair: 'blond' never occurs in column 'hair', which holds black, grey, red",
    ),
    "nothing but a constant attribute": (
        {"views": {"labels": binary(columns=[], binarise={"hair": {"any": ["black", "red", "grey"]}})}},
        r"data\.views\.labels: constant over the 14 training samples.*: any \(always 1\)",
    ),
    "two attributes of one name": (
        {"views": {"labels": binary(columns=["hat"], binarise={"hair": {"hat": ["red"]}})}},
        r"data\.views\.labels: several attributes are called 'hat'",
    ),
    "unknown key column": ({"key": "name"}, r"data\.key: no column 'name'"),
    "keys that repeat": ({"key": "person"}, r"data\.key: 'person 0' names several samples, rows 1, 2 of "),
    "unknown group column": ({"split": {"by": "family"}}, r"data\.split\.by: no column 'family'"),
    "missing root": (
        {"root": "/nowhere/at/all", "how_to_get": "ask around"},
        r"data\.root: there is no folder /nowhere/at/all; ask around",
    ),
    "missing table": ({"table": "list.csv"}, r"data\.table: there is no file .*list\.csv"),
    "image as table": ({"table": "pictures/0.png"}, r"0\.png: holds bytes that no text has"),
}


@pytest.mark.parametrize(("changes", "message"), CASES.values(), ids=CASES.keys())
def test_mistakes_are_named(run: Load, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(**{"views": {"photo": image("photo")}} | changes)


def test_samples_without_any_view_are_named(run: Load, table: dict[str, list[str]]) -> None:
    table["smiles"][4] = ""  # row 5 has no sketch either
    views = {"sketch": image("sketch"), "labels": binary(columns=["smiles"])}
    with pytest.raises(UserError, match=r"1 samples have no view at all, the first is 'sample 4' \(row 5\)"):
        run(views, key="id")


def test_rows_without_a_group_or_key_are_named(run: Load, table: dict[str, list[str]]) -> None:
    table["person"][6] = " "
    views = {"labels": binary(columns=["smiles"])}
    with pytest.raises(UserError, match=r"data\.split\.by: column 'person' is empty in row 7"):
        run(views, split={"by": "person"})
    with pytest.raises(UserError, match=r"data\.key: column 'person' is empty in row 7"):
        run(views, key="person")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table of text"),
        ("a,b\n", "the table has no row"),
        ("a,b\n1,2,3\n1,2,3\n", "more cells than its header"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read as a table of text.*line 3"),
    ],
)
def test_malformed_tables_are_named(run: Load, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"bad\.csv: .*{message}"):
        run({"labels": binary(columns=["a"])}, table="bad.csv")


@pytest.mark.slow
@pytest.mark.skipif(not EMOJI.is_dir(), reason="the emoji pairs are not here")
def test_emoji_pairs(shipped: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    config = shipped("emoji", root=str(EMOJI), use=["blob", "attributes"])
    config["split"]["by"] = "name"
    data = load(TypeAdapter[Any](DataConfig).validate_python(config), tmp_path, seed=0)
    assert len(data.keys) == 2039
    assert data.views["blob"].values.shape == (1671, 64, 64, 3)
    assert data.notes == ()
    attributes = data.views["attributes"]
    assert attributes.present.all()
    family = np.flatnonzero(data.keys == "1f468_200d_1f469_200d_1f466")  # man, woman, boy; default yellow
    assert dict(zip(attributes.columns, attributes.gather(family)[0].tolist(), strict=True)) == {
        "woman": 1,
        "man": 1,
        "light": 0,
        "medium_light": 0,
        "medium": 0,
        "medium_dark": 0,
        "dark": 0,
    }
    assert attributes.values[:, 2:].sum(axis=1).max() == 1
    assert data.split["test"].size == pytest.approx(0.2 * 2039, rel=0.05)
