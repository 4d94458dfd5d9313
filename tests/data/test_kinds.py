"""Each kind of view comes out of a user's file as it is meant, with its gaps, and its mistakes are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.config.own_files import CategoricalData
from favae_cli.data import Dataset, ViewData
from favae_cli.data.align_to_run import aligned
from favae_cli.data.cells import Cells
from favae_cli.data.files.table import Table
from favae_cli.data.images.cache import cached_images
from favae_cli.data.kinds import categorical
from favae_cli.data.kinds.categorical import MOST, one_hot
from favae_cli.data.kinds.numbers import column_numbers
from favae_cli.data.kinds.repeated import one_row_each
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.new_samples import new_samples
from favae_cli.data.sets.arrays import as_view

savez: Callable[..., None] = np.savez  # its own type takes any array for `allow_pickle`

ROWS = 20
NAN = np.nan

Run = Callable[..., Dataset]


@pytest.fixture
def columns() -> dict[str, list[str]]:
    """Twenty rows without a gap."""
    return {
        "id": [f"s{i}" for i in range(ROWS)],
        "age": [str(20 + i) for i in range(ROWS)],
        "mass": [f"{i * i / 4}" for i in range(ROWS)],
        "colour": [("red", "blue", "green")[i % 3] for i in range(ROWS)],
        "grade": [("2", "10", "1")[i % 3] for i in range(ROWS)],
        "pixel_0": [str(i % 5) for i in range(ROWS)],
        "pixel_1": [str(i // 5) for i in range(ROWS)],
        "pixel_2": [str(7 * i % 11) for i in range(ROWS)],
        "remark": [f"remark number {i}" for i in range(ROWS)],
    }


@pytest.fixture
def run(load_manifest: Run, columns: dict[str, list[str]], tmp_path: Path) -> Callable[..., ViewData]:
    """Writes the table, with the cells that are to be changed, and loads one view `x` of it."""

    def run(view: dict[str, Any], cells: Mapping[tuple[str, int], str] | None = None, **changes: Any) -> ViewData:
        for (name, row), cell in (cells or {}).items():
            columns[name][row] = cell
        pd.DataFrame(columns).to_csv(tmp_path / "table.csv", index=False)
        whole = {"kind": "text", "column": "id"}  # so that every sample has a view
        data = load_manifest({"x": view, "whole": whole}, **{"table": "table.csv", "key": "id"} | changes)
        assert data.keys.tolist() == columns["id"]
        return data.views["x"]

    return run


def numbers(kind: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "columns": [*names], **more}


@pytest.mark.parametrize("kind", ["real", "vector"])
def test_numbers(run: Callable[..., ViewData], kind: str) -> None:
    view = run(numbers(kind, "mass", "age"))
    assert view.columns == ("mass", "age")
    assert view.is_table
    assert view.values.dtype == np.float32
    np.testing.assert_array_equal(view.values, [[i * i / 4, 20 + i] for i in range(ROWS)])


@pytest.mark.parametrize("cell", ["", " ", "NA", "NaN", "nan", "null", "None", "?"])
def test_cells_that_say_missing(run: Callable[..., ViewData], cell: str) -> None:
    view = run(numbers("real", "age", "mass"), {("age", 3): cell, ("age", 4): cell, ("mass", 4): cell})
    assert np.flatnonzero(~view.present).tolist() == [4]
    np.testing.assert_array_equal(view.gather(np.array([2, 3, 5])), [[22, 1], [NAN, 2.25], [25, 6.25]])


def test_the_config_says_which_cells_are_missing(run: Callable[..., ViewData]) -> None:
    view = run(numbers("real", "age"), {("age", 3): "-99"}, missing=["", "-99"])
    assert np.flatnonzero(~view.present).tolist() == [3]
    with pytest.raises(UserError, match="holds '\\?' in row 3"):
        run(numbers("real", "age"), {("age", 2): "?"}, missing=["", "-99"])


def test_patterns_keep_the_order_of_the_file_and_spare_the_key(run: Callable[..., ViewData]) -> None:
    view = run(numbers("vector", "pixel_2", "pixel_*", "[ma]*"))
    assert view.columns == ("pixel_2", "pixel_0", "pixel_1", "age", "mass")
    np.testing.assert_array_equal(view.values[:, 0], [7 * i % 11 for i in range(ROWS)])
    assert run({"kind": "categorical", "columns": ["col*"]}).groups == (3,)
    with pytest.raises(UserError, match=r"data\.views\.x\.columns: no column 'i\*'"):
        run(numbers("real", "i*"))


def test_counts(run: Callable[..., ViewData]) -> None:
    view = run(numbers("counts", "pixel_*"), {("pixel_0", 6): "3.0", ("pixel_2", 6): ""})
    np.testing.assert_array_equal(view.gather(np.array([6])), [[3, 1, NAN]])
    for cell in ("-1", "1.5"):
        with pytest.raises(
            UserError, match=rf"column 'pixel_1' holds '{cell}' in row 9 of .*; use whole numbers from 0"
        ):
            run(numbers("counts", "pixel_*"), {("pixel_1", 8): cell})


def test_categories(run: Callable[..., ViewData]) -> None:
    view = run({"kind": "categorical", "columns": ["colour", "grade"]}, {("colour", 4): "NA"})
    assert view.columns == ("colour=blue", "colour=green", "colour=red", "grade=1", "grade=2", "grade=10")
    assert view.groups == (3, 3)
    np.testing.assert_array_equal(
        view.gather(np.array([0, 1, 2, 4])),
        [[0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0], [NAN, NAN, NAN, 0, 0, 1]],
    )
    assert not run({"kind": "categorical", "columns": ["colour"]}).present[4]


def test_levels_stand_in_the_order_that_is_given(run: Callable[..., ViewData]) -> None:
    view = run({"kind": "ordinal", "columns": ["colour"], "levels": ["red", "blue", "pink", "green"]})
    assert view.columns == ("colour=red", "colour=blue", "colour=pink", "colour=green")
    assert (view.kind, view.groups) == ("ordinal", (4,))
    np.testing.assert_array_equal(view.gather(np.array([0, 1])), [[1, 0, 0, 0], [0, 1, 0, 0]])
    assert run({"kind": "ordinal", "columns": ["grade"]}).columns == ("grade=1", "grade=2", "grade=10")
    with pytest.raises(UserError, match=r"x\.levels: column 'colour' has 'blue', which is no number; list the levels"):
        run({"kind": "ordinal", "columns": ["colour"]})
    with pytest.raises(UserError, match=r"x\.levels: column 'colour' has 'green', which is none of red, blue"):
        run({"kind": "ordinal", "columns": ["colour"], "levels": ["red", "blue"]})


@pytest.mark.parametrize(
    ("said", "order"),
    [
        (["Oct", "Apr", "Feb", "Dec"], ["Feb", "Apr", "Oct", "Dec"]),
        (["Sun", "Fri", "Mon"], ["Mon", "Fri", "Sun"]),
        (["May", "June", "April"], ["April", "June", "May"]),
        (["b", "10", "9", "a"], ["9", "10", "a", "b"]),
    ],
)
def test_categories_stand_in_the_order_of_the_calendar_or_of_numbers_and_words(
    said: list[str], order: list[str]
) -> None:
    assert one_hot({"x": np.array(said, object)}).columns == tuple(f"x={category}" for category in order)


def test_unknown_categories_are_others_only_where_rare_ones_are_merged() -> None:
    like = one_hot({"sex": np.array(["female", "male", "other"], object)})
    new = one_hot({"sex": np.array(["Male", "female"], object)})
    with pytest.raises(UserError, match=r"x: column sex has 'Male', which the run has not seen; it knows female, male"):
        aligned(new, like, "x")
    new = replace(new, labels={"sex": np.array(["Male", "female"], object)})
    assert aligned(new, like, "x").values.tolist() == [[0, 0, 1], [1, 0, 0]]
    cells = Cells.of("sex", np.array(["Male", "female"], object))
    assert as_view("sex", cells, "categorical", like).values.tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(UserError, match="column sex has 'Male', which the run has not seen"):
        as_view("sex", cells, "categorical", like, merges=False)


def test_new_samples_may_have_many_categories_of_which_the_rare_are_merged(tmp_path: Path) -> None:
    frame = pd.DataFrame({"town": [f"town {number}" for number in range(MOST + 1)]})
    new = Table(tmp_path / "new.csv", frame, new=True)
    view = CategoricalData.model_validate({"kind": "categorical", "columns": ["town"], "most": 20})
    assert categorical.read(new, view, "x").groups == (MOST + 1,)
    with pytest.raises(UserError, match=f"{MOST + 1} categories"):
        categorical.read(new, view.model_copy(update={"most": None}), "x")


@pytest.mark.parametrize("missing", [("",), ("", "-1")])
@pytest.mark.parametrize("values", [[1.5, NAN, -1.0, 0.1], [3, 1, -1, 2], np.array([0.1, 2, NAN, -1], np.float32)])
def test_numbers_of_a_file_are_those_of_its_cells(values: Any, missing: tuple[str, ...], tmp_path: Path) -> None:
    table = Table(tmp_path / "x.parquet", pd.DataFrame({"a": values}), missing=missing)
    (found,), (written,) = column_numbers(table, ["a"], "x")[0].T, column_numbers(table, ["a"], "x")[1]
    as_text = replace(table, frame=table.frame.astype(str).replace("nan", ""))
    np.testing.assert_array_equal(found, column_numbers(as_text, ["a"], "x")[0][:, 0])
    assert written == np.asarray(values).dtype
    with pytest.raises(UserError, match=r"column 'a' holds 'inf' in row 2"):
        column_numbers(Table(tmp_path / "x.parquet", pd.DataFrame({"a": [1.0, np.inf]})), ["a"], "x")


def test_a_mean_of_repeated_rows_that_looks_like_a_code_for_missing_stays(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "a", "b", "b"], "score": ["8", "10", "9", "7"]})
    table = Table(tmp_path / "visits.csv", frame, key="id", missing_values={"score": ["9"]})
    one = one_row_each(table, ["score"], "mean", None, "x")
    assert column_numbers(one, ["score"], "x")[0].tolist() == [[9], [7]]


def test_new_samples_are_looked_for_by_their_values_and_one_row_each_needs_no_time(
    shipped: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    lab = {"kind": "real", "table": "lab.csv", "columns": ["lab"], "repeated": "last", "time": "day"}
    dose = {"kind": "real", "table": "drugs.csv", "columns": ["dose"], "repeated": "last", "time": "day"}
    section = shipped("manifest", root=str(tmp_path), table=None, key="id", views={"lab": lab, "dose": dose})
    config = TypeAdapter[Any](DataConfig).validate_python(section)
    trained = {name: masked_view(np.zeros((1, 1)), [name]) for name in ("lab", "dose")}
    (tmp_path / "x.csv").write_text("id,day,lab\na,2,5\na,1,6\n")
    (tmp_path / "y.csv").write_text("id,day,dose\na,1,7\na,2,8\n")
    found = new_samples([tmp_path / "x.csv", tmp_path / "y.csv"], config, trained, tmp_path).views
    assert {name: view.values.tolist() for name, view in found.items()} == {"lab": [[5]], "dose": [[8]]}
    (tmp_path / "x.csv").write_text("id,lab\nb,4\na,5\n")
    data = new_samples([tmp_path / "x.csv"], config, trained, tmp_path)
    lab_of = dict(zip(data.keys.tolist(), data.views["lab"].gather(np.arange(2))[:, 0].tolist(), strict=True))
    assert lab_of == {"a": 5, "b": 4}
    (tmp_path / "x.csv").write_text("id,lab\na,4\na,5\n")
    with pytest.raises(UserError, match="time: no column 'day'"):
        new_samples([tmp_path / "x.csv"], config, trained, tmp_path)


def test_too_many_categories_are_texts(load_manifest: Run, tmp_path: Path) -> None:
    pd.DataFrame({"town": [f"town {i}" for i in range(101)]}).to_csv(tmp_path / "t.csv", index=False)
    message = r"data\.views\.x\.columns: column 'town' of .*t\.csv has 101 categories.*view of kind text"
    with pytest.raises(UserError, match=message):
        load_manifest({"x": {"kind": "categorical", "columns": ["town"]}}, table="t.csv")


def test_texts_are_any_but_the_empty_one(run: Callable[..., ViewData]) -> None:
    view = run({"kind": "text", "column": "remark"}, {("remark", 2): "", ("remark", 3): " NA ", ("remark", 4): "?"})
    assert view.is_text
    assert view.shape == ()
    assert np.flatnonzero(~view.present).tolist() == [2]
    assert view.gather(np.array([1, 3, 4])).tolist() == ["remark number 1", "NA", "?"]


def test_wide_sequences_end_where_their_cells_do(run: Callable[..., ViewData]) -> None:
    gaps = {("pixel_2", 3): "", ("pixel_1", 5): "", ("pixel_0", 8): "", ("pixel_1", 8): "", ("pixel_2", 8): ""}
    view = run(numbers("sequence", "pixel_*"), gaps)
    assert view.is_sequence
    assert view.shape == (3, 1)
    assert view.columns == ("x",)
    assert np.flatnonzero(~view.present).tolist() == [8]
    np.testing.assert_array_equal(view.gather(np.array([3, 5]))[..., 0], [[3, 0, NAN], [0, NAN, 2]])


STEPS = [
    ("s1", 2, 5, 50),
    ("s0", 1, 1, 10),
    ("s1", 1, 4, NAN),
    ("s0", 10, 3, 30),
    ("s0", 9, 2, 20),
    ("s2", 0, NAN, NAN),
]


@pytest.fixture
def steps(tmp_path: Path) -> pd.DataFrame:
    """A row a step: s0 has three, s1 two, s2 one without values, all others two."""
    rows = [*STEPS, *((f"s{i}", t, i + t, -i) for i in range(3, ROWS) for t in (0, 1))]
    return pd.DataFrame(rows, columns=["id", "second", "a", "b"])


@pytest.mark.parametrize("unit", ["numbers", "dates"])
def test_long_sequences_are_ordered_by_their_time(
    run: Callable[..., ViewData], steps: pd.DataFrame, tmp_path: Path, unit: str
) -> None:
    if unit == "dates":
        steps["second"] = [f"2024-01-01T00:00:{t:02}" for t in steps["second"]]
    steps.to_csv(tmp_path / "steps.csv", index=False)
    view = run(numbers("sequence", "a", "b", table="steps.csv", time="second"))
    assert view.columns == ("a", "b")
    assert view.shape == (3, 2)
    assert np.flatnonzero(~view.present).tolist() == [2]
    np.testing.assert_array_equal(
        view.gather(np.array([0, 1, 7])),
        [
            [[1, 10], [2, 20], [3, 30]],
            [[4, NAN], [5, 50], [NAN, NAN]],
            [[7, -7], [8, -7], [NAN, NAN]],
        ],
    )


def test_mistakes_in_long_sequences_are_named(
    run: Callable[..., ViewData], steps: pd.DataFrame, tmp_path: Path
) -> None:
    view = numbers("sequence", "a", "b", table="steps.csv", time="second")
    steps.assign(second=steps["second"].replace(10, 9)).to_csv(tmp_path / "steps.csv", index=False)
    message = r"data\.views\.x\.time: rows 4 and 5 of .*steps\.csv are both of 's0' at the same second"
    with pytest.raises(UserError, match=message):
        run(view)
    steps.assign(second=steps["second"].astype(str).replace("10", "later")).to_csv(tmp_path / "steps.csv", index=False)
    with pytest.raises(UserError, match=r"x\.time: column 'second' holds 'later' in row 4 .*a number, or a date"):
        run(view)
    steps.assign(id="").to_csv(tmp_path / "steps.csv", index=False)
    with pytest.raises(UserError, match=r"data\.key: column 'id' is empty in row 1 of .*steps\.csv"):
        run(view)


@pytest.fixture
def arrays(tmp_path: Path, columns: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Arrays of an .npz file, in the reverse order of the table's rows."""
    generator = np.random.default_rng(0)
    return {
        "id": np.array(columns["id"])[::-1],
        "label": np.arange(ROWS)[::-1] % 2,
        "spectrum": generator.normal(size=(ROWS, 4)),
        "reads": generator.poisson(3, (ROWS, 5)),
        "gait": generator.normal(size=(ROWS, 6, 2)),
        "grey": generator.integers(0, 256, (ROWS, 8, 8), dtype=np.uint8),
        "colour": generator.integers(0, 256, (ROWS, 8, 8, 3), dtype=np.uint8),
        "axis": np.arange(7),  # no row a sample, and no view asks for it
    }


@pytest.mark.parametrize(("kind", "name"), [("vector", "spectrum"), ("counts", "reads"), ("sequence", "gait")])
def test_arrays(
    run: Callable[..., ViewData], arrays: dict[str, np.ndarray], tmp_path: Path, kind: str, name: str
) -> None:
    arrays[name] = arrays[name].astype(float)
    arrays[name][2, 1], arrays[name][4] = NAN, NAN
    savez(tmp_path / "arrays.npz", **arrays)
    view = run({"kind": kind, "array": name, "table": "arrays.npz"})
    assert view.columns == tuple(f"{name}_{i}" for i in range(arrays[name].shape[-1]))
    assert np.flatnonzero(~view.present).tolist() == [ROWS - 1 - 4]
    rows = np.array([i for i in range(ROWS) if i != ROWS - 1 - 4])
    np.testing.assert_array_equal(view.gather(rows), arrays[name][::-1][rows])
    assert view.values.dtype == (np.float32 if kind == "counts" else np.float64)  # as small as loses nothing


def test_numbers_are_kept_to_the_last_digit_and_it_is_known_how_the_file_has_them(run: Callable[..., ViewData]) -> None:
    cells = {("mass", row): f"{1.7e9 + row / 7!r}" for row in range(ROWS)} | {("age", 3): ""}
    view = run(numbers("real", "age", "mass"), cells)
    expected = [1.7e9 + row / 7 for row in range(ROWS)]
    assert view.gather(np.arange(ROWS))[:, 1].tolist() == expected
    assert view.written == (np.dtype(np.int64), np.dtype(np.float64))


@pytest.mark.parametrize(
    ("words", "written"),
    [(("no", "yes"), ("no", "yes")), (("False", "True"), ("False", "True")), (("0", "1"), np.dtype(np.int8))],
)
def test_the_words_of_a_binary_column_are_known(run: Callable[..., ViewData], words: Any, written: object) -> None:
    cells = {("colour", row): words[row % 2] for row in range(ROWS)} | {("colour", 4): ""}
    view = run({"kind": "binary", "columns": ["colour"], "binarise": {}, "empty": "missing"}, cells)
    assert view.written == (written,)


def test_arrays_of_one_number_a_sample_are_columns(
    run: Callable[..., ViewData], arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    savez(tmp_path / "arrays.npz", **arrays)
    view = run({"kind": "binary", "columns": ["label"], "binarise": {}, "empty": "missing", "table": "arrays.npz"})
    assert view.gather(np.arange(4))[:, 0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(("name", "channels"), [("grey", 1), ("colour", 3)])
def test_images_in_an_array(
    run: Callable[..., ViewData], arrays: dict[str, np.ndarray], tmp_path: Path, name: str, channels: int
) -> None:
    savez(tmp_path / "arrays.npz", **arrays)
    view = {"kind": "image", "array": name, "table": "arrays.npz", "size": 8, "channels": channels, "crop": None}
    as_they_are = run(view)
    assert as_they_are.is_image
    expected = arrays[name][::-1].reshape(ROWS, 8, 8, channels)
    np.testing.assert_array_equal(as_they_are.gather(np.arange(ROWS)), expected)
    cropped = run(view | {"size": 4, "crop": 4})
    np.testing.assert_array_equal(cropped.gather(np.arange(ROWS)), expected[:, 2:6, 2:6])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_opacity_is_kept_where_a_channel_holds_it(tmp_path: Path, channels: int) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((200, 200, 200, 255), (0, 0, 8, 4))
    image.save(tmp_path / "a.png")
    values, _, _ = cached_images([tmp_path / "a.png"], 8, channels, None, tmp_path / "cache", "stop")
    ground = 0 if channels in (2, 4) else 255
    assert (values[0, :4, :, :3] == 200).all() or channels == 2
    assert (values[0, 5:, :, 0] == ground).all()
    if channels in (2, 4):
        assert (values[0, :4, :, -1] == 255).all()
        assert (values[0, 5:, :, -1] == 0).all()


ARRAY_MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such array": (
        {"kind": "vector", "array": "spektrum"},
        {},
        r"data\.views\.x\.array: no array 'spektrum'; did you mean spectrum\? there are axis, colour",
    ),
    "array of a table": (
        {"kind": "vector", "array": "spectrum", "table": "table.csv"},
        {},
        r"x\.array: .*table\.csv holds no arrays, only columns",
    ),
    "too many dimensions": (
        {"kind": "vector", "array": "gait"},
        {},
        r"array 'gait' of .* has shape \(20, 6, 2\); it must be \(N, D\)",
    ),
    "one dimension": ({"kind": "vector", "array": "label"}, {}, r"array 'label' .*; use columns: \[label\]"),
    "array as columns": (
        {"kind": "real", "columns": ["gait"]},
        {},
        r"x\.columns: 'gait' of .* is an array .*; use array: gait",
    ),
    "words": ({"kind": "vector", "array": "words"}, {"words": np.full((ROWS, 2), "a")}, "holds <U1, no numbers"),
    "objects": (
        {"kind": "vector", "array": "words"},
        {"words": np.full((ROWS, 2), None)},
        r"arrays\.npz: cannot be read as \.npz of numbers and texts",
    ),
    "infinity": (
        {"kind": "vector", "array": "spectrum"},
        {"spectrum": np.where(np.arange(80).reshape(20, 4) == 22, np.inf, 1.0)},
        r"array 'spectrum' holds inf in row 6, at 2, of .*; use finite numbers, or NaN",
    ),
    "negative counts": (
        {"kind": "counts", "array": "reads"},
        {"reads": np.full((ROWS, 2), -1)},
        r"array 'reads' holds -1 in row 1, at 0, of .*; use whole numbers from 0, or NaN",
    ),
    "other length": (
        {"kind": "vector", "array": "spectrum"},
        {"spectrum": np.ones((3, 2))},
        r"a row for each sample, but their lengths differ: id 20, spectrum 3",
    ),
    "images of floats": (
        {"kind": "image", "array": "grey", "size": 8, "channels": 1, "crop": None},
        {"grey": np.ones((ROWS, 8, 8))},
        r"x\.array: array 'grey' of .* has shape \(20, 8, 8\) of float64; images are uint8",
    ),
    "no row": ({"kind": "vector", "array": "spectrum"}, {"spectrum": np.ones((0, 2))}, "array 'spectrum' has no row"),
}


@pytest.mark.parametrize(("view", "changed", "message"), ARRAY_MISTAKES.values(), ids=ARRAY_MISTAKES.keys())
def test_mistakes_in_arrays_are_named(
    run: Callable[..., ViewData],
    arrays: dict[str, np.ndarray],
    tmp_path: Path,
    view: dict[str, Any],
    changed: dict[str, np.ndarray],
    message: str,
) -> None:
    savez(tmp_path / "arrays.npz", **arrays | changed)
    with pytest.raises(UserError, match=message):
        run({"table": "arrays.npz"} | view)


def test_no_npz_at_all(run: Callable[..., ViewData], tmp_path: Path) -> None:
    (tmp_path / "arrays.npz").write_text("no archive")
    with pytest.raises(UserError, match=r"arrays\.npz: cannot be read as \.npz"):
        run({"kind": "vector", "array": "spectrum", "table": "arrays.npz"})


@pytest.mark.parametrize("cell", ["abc", "inf", "1.5 m", "1e60"])
@pytest.mark.parametrize("kind", ["real", "vector", "sequence"])
def test_cells_that_are_no_numbers_are_named(run: Callable[..., ViewData], kind: str, cell: str) -> None:
    message = (
        rf"data\.views\.x\.columns: column 'age' holds '{cell}' in row 7 of .*table\.csv; "
        "use numbers, or an empty cell for missing"
    )
    with pytest.raises(UserError, match=message):
        run(numbers(kind, "mass", "age"), {("age", 6): cell})


def test_a_slash_in_a_name_is_refused(run: Callable[..., ViewData], columns: dict[str, list[str]]) -> None:
    columns["dose mg/l"] = columns["age"]
    with pytest.raises(UserError, match=r"x\.columns: the slash in column 'dose mg/l' would split"):
        run(numbers("real", "dose*"))
    with pytest.raises(ValidationError, match="the slash in 'dose mg/l' would split"):
        run(numbers("real", "dose mg/l"))


def test_an_equals_sign_in_the_name_of_categories_is_refused(
    run: Callable[..., ViewData], columns: dict[str, list[str]]
) -> None:
    columns["dose=high"] = columns["grade"]
    with pytest.raises(UserError, match=r"x\.columns: the = in column 'dose=high' is to part"):
        run(numbers("categorical", "dose*"))
    with pytest.raises(ValidationError, match="the = in 'dose=high' is to part"):
        run(numbers("categorical", "dose=high"))
    assert run(numbers("real", "dose=high")).columns == ("dose=high",)


@pytest.mark.parametrize("kind", ["real", "vector", "counts", "binary", "sequence"])
def test_constant_columns_are_noted_and_those_without_a_value_refused(
    load_manifest: Run, columns: dict[str, list[str]], tmp_path: Path, kind: str
) -> None:
    def load(*names: str) -> Dataset:
        pd.DataFrame(columns).to_csv(tmp_path / "table.csv", index=False)
        wide = {"whole": numbers("real", "age"), "x": numbers(kind, *names)}
        if kind == "sequence":
            wide["x"] |= {"time": "time"}
        if kind == "binary":
            wide["x"] |= {"binarise": {}, "empty": "missing"}
        return load_manifest(wide, table="table.csv", key="id")

    columns |= {"lit": ["0", "1"] * (ROWS // 2), "time": ["0"] * ROWS, "still": ["1"] * ROWS, "empty": [""] * ROWS}
    assert load("lit", "still").notes == ("x: constant over the 14 training samples: still",)
    with pytest.raises(UserError, match=r"data\.views\.x: .*nothing to learn: empty \(always missing\);"):
        load("lit", "still", "empty")
    with pytest.raises(UserError, match=r"data\.views\.x: .*nothing to learn: still \(always 1\);"):
        load("still")


def test_categories_without_variation(load_manifest: Run, columns: dict[str, list[str]], tmp_path: Path) -> None:
    columns["part"] = ["train"] * 12 + ["validation"] * 4 + ["test"] * 4
    columns["site"] = ["here"] * 12 + ["there"] * 8
    columns["rare"] = (["a", "b"] * 6) + ["c"] * 8

    def load(name: str) -> Dataset:
        pd.DataFrame(columns).to_csv(tmp_path / "table.csv", index=False)
        return load_manifest(
            {"x": {"kind": "categorical", "columns": ["colour", name]}}, {"column": "part"}, table="table.csv"
        )

    assert load("rare").notes == ("x: no training sample has rare=c",)
    assert load("site").notes == (
        "x: constant over the 12 training samples: site",
        "x: no training sample has site=there",
    )
    columns["colour"] = ["red"] * ROWS
    with pytest.raises(UserError, match=r"data\.views\.x: .*nothing to learn: .*site \(always site=here\)"):
        load("site")
    columns["blank"] = [""] * ROWS
    with pytest.raises(UserError, match=r"column 'blank' is empty in every row"):
        load("blank")


def test_what_may_be_null_may_be_left_out(shipped: Callable[..., dict[str, Any]]) -> None:
    def validated(view: dict[str, Any]) -> Any:
        return TypeAdapter[Any](DataConfig).validate_python(
            shipped("manifest", root=".", table="t.csv", views={"x": view})
        )

    short = {"kind": "image", "column": "photo", "size": 8, "channels": 3}
    long = short | {"crop": None, "array": None, "table": None}
    assert validated(short) == validated(long)
    with pytest.raises(ValidationError, match="size"):
        validated({"kind": "image", "column": "photo", "channels": 3})


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"kind": "vector"}, "give columns or array"),
        ({"kind": "vector", "columns": ["a"], "array": "b"}, "give columns or array, not both"),
        ({"kind": "image", "size": 8, "channels": 3, "crop": None}, "give column or array"),
        ({"kind": "sequence", "array": "a", "time": "t"}, "time orders the rows of a long table"),
        ({"kind": "binary", "array": "a"}, "columns"),
        ({"kind": "image", "size": 8, "channels": 5, "crop": None, "column": "a"}, "channels"),
        ({"kind": "categorical", "columns": ["a"], "repeated": "mean"}, "only numbers have a mean.*; use last"),
        ({"kind": "ordinal", "columns": ["a"], "repeated": "mean"}, "only numbers have a mean.*; use last"),
        (
            {"kind": "binary", "binarise": {}, "empty": "zero", "columns": ["a"], "repeated": "mean"},
            "only numbers have",
        ),
        ({"kind": "counts", "array": "a", "repeated": "mean"}, "rows of an array are a sample each"),
        ({"kind": "real", "columns": ["a", "a"]}, "must name each thing once, but a comes again"),
    ],
)
def test_a_view_has_one_source(shipped: Callable[..., dict[str, Any]], view: dict[str, Any], message: str) -> None:
    schema: TypeAdapter[Any] = TypeAdapter(DataConfig)
    with pytest.raises(ValidationError, match=message):
        schema.validate_python(shipped("manifest", root=".", table="t.csv", views={"x": view}))
