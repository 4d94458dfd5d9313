"""Task init: what it makes of columns, and that what it writes runs as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from PIL import Image

from favae_cli.cli import main
from favae_cli.command_line.user_configs import search_user_folders
from favae_cli.common.errors import UserError
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.init_task import InitConfig
from favae_cli.config.own_files import ManifestConfig
from favae_cli.config.run import Config
from favae_cli.data import Dataset, load
from favae_cli.preparation.first_experiment import without_vain_networks
from favae_cli.preparation.guess_columns import find_key, guess_column
from favae_cli.preparation.guess_files import Found, find_files, guess_files
from favae_cli.preparation.guess_numbers import Guess
from favae_cli.tasks.init import init

ROWS = 90
PLAIN: dict[str, Any] = {"repeated": None, "transposed": None, "overwrite": False}
MISSING = ("", "NA")
Configs = Callable[[str], Config]


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def configs() -> Configs:
    """The config that an experiment of the user's makes."""

    def config(name: str) -> Config:
        search_user_folders(None)
        with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
            return validate(compose("run", [f"experiment={name}"]))

    return config


@pytest.fixture
def from_command_line(monkeypatch: pytest.MonkeyPatch) -> Configs:
    """The same as a run gets it, after all that looks at it before."""
    started: list[Config] = []

    def run_task(config: Config, directory: Path) -> float:
        started.append(config)
        return 0.0

    monkeypatch.setattr("favae_cli.tasks.run_task", run_task)

    def config(name: str) -> Config:
        assert main([f"experiment={name}"]) == 0
        return started[-1]

    return config


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def mixed(rows: int = ROWS) -> dict[str, Any]:
    """A column of every kind."""
    draw = rng()
    words = draw.choice(["red", "old", "small", "quick", "round", "dry", "new"], (rows, 5))
    return {
        "sample_id": [f"s{i:03d}" for i in range(rows)],
        "age": draw.normal(50, 10, rows).round(2),
        "weight [kg]": draw.normal(70, 10, rows).round(2),
        "smoker": draw.choice(["yes", "no"], rows),
        "colour": draw.choice(["red", "green", "blue"], rows),
        "class": draw.integers(1, 4, rows),
        "note": [" ".join(line) for line in words],
        "site": ["Oslo"] * rows,
        "blank": [""] * rows,
    }


def write(table: dict[str, Any], name: str = "mine.csv") -> Path:
    frame = pd.DataFrame(table)
    frame.to_parquet(name) if name.endswith("parquet") else frame.to_csv(name, index=False)
    return Path(name)


def found_in(*paths: str) -> Found:
    return guess_files(find_files([Path(path) for path in paths]), MISSING)


def made_of(found: Found) -> dict[str, tuple[str, list[str]]]:
    """Kind and columns of every view."""
    return {view.name: (view.kind, [*view.columns]) for view in found.views}


def guess(name: str, cells: Any) -> Guess:
    return guess_column(name, np.array([str(cell) for cell in cells], dtype=object), Path())


# Columns


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("smoker", ["yes", "no", ""] * 9, "binary"),
        ("on", ["True", "false"] * 9, "binary"),
        ("on", [0, 1, 1] * 9, "binary"),
        ("dose", [1, 2] * 9, "categorical"),
        ("colour", ["red", "green", "blue"] * 9, "categorical"),
        ("class", [1, 2, 3, 4] * 9, "categorical"),
        ("rooms", [1, 2, 3, 4] * 9, "ordinal"),
        ("year", [2019, 2020, 2021] * 9, "real"),
        ("unit", [0, 1, 2] * 9, "categorical"),
        ("doctor_id", [17, 4, 90] * 9, "categorical"),
        ("record_id", rng().permutation(900)[:60], "none"),
        ("pain", ["none", "mild", "severe"] * 9, "ordinal"),
        ("mood", ["gut", "schlecht", "mittel"] * 9, "ordinal"),
        ("age", ["18-29", "30-49", "50+"] * 9, "ordinal"),
        ("stage", ["I", "II", "III", "IIIA"] * 9, "ordinal"),
        ("site", ["A1", "A2", "A3"] * 9, "categorical"),
        ("smoker", ["ja", "nein"] * 9, "binary"),
        ("fumeur", ["oui", "non", "inconnu"] * 9, "binary"),
        ("born", [f"{d:02d}.0{m}.1970" for d in range(1, 25) for m in (1, 2, 3)], "date"),
        ("seen", [f"2024-05-{d:02d} 08:15" for d in range(1, 25)], "date"),
        ("begun", [f"{h:02d}:30" for h in range(24)], "date"),
        ("town", ["Rome", "Oslo", "Bern"] * 30 + [f"town {i}" for i in range(60)], "categorical"),
        ("age", rng().normal(50, 10, 60), "real"),
        ("age", rng().integers(18, 90, 60), "real"),
        ("visits", rng().negative_binomial(1, 0.05, 200), "counts"),
        ("delta", rng().negative_binomial(1, 0.05, 200) - 5, "real"),
        ("note", [f"a word or two {i}" for i in range(30)], "text"),
        ("code", [f"x{i}" for i in range(30)], "none"),
        ("row", range(30), "none"),
        ("site", ["Oslo"] * 30, "none"),
        ("odd", ["0"] * 29 + ["1"], "none"),
        ("blank", [""] * 30, "none"),
        ("patient", [f"p{i // 2}" for i in range(30)], "group"),
        ("patient", ["p1", "", *(f"p{i // 2}" for i in range(30))], "none"),
        ("split", ["train", "val", "test"] * 9, "split"),
        ("split", [0, 1, 2] * 9, "split"),
        ("grade", [0, 1, 2] * 9, "ordinal"),
        ("split", ["train", "test"] * 9, "none"),
        ("photo", [f"{i}.png" for i in range(9)], "none"),
    ],
)
def test_a_column_is_known_by_its_cells_and_its_name(name: str, cells: Any, kind: str) -> None:
    assert guess(name, cells).kind == kind


def test_the_reason_names_what_was_seen() -> None:
    assert guess("site", ["Oslo", ""] * 9).why == "is 'Oslo' wherever it is filled"
    assert guess("blank", [""] * 9).why == "has no filled cell"
    assert guess("odd", ["b"] * 28 + ["a", "c"]).why == "is 'b' in all but 2 of the rows that are filled"
    assert "a validation split too" in guess("split", ["train", "test"] * 9).why
    assert "no 0.png in ." in guess("photo", [f"{i}.png" for i in range(9)]).why
    assert guess("age", [*range(20, 50)] * 2).why == "has numbers, 20 to 49"


def test_the_key_is_called_like_one_or_the_first_of_names() -> None:
    def cells(values: Any) -> np.ndarray:
        return np.array([str(value) for value in values], dtype=object)

    numbers, names = cells(rng().normal(size=9)), cells(f"x{i}" for i in range(9))
    assert find_key({"measure": numbers, "who": names, "patient_id": cells(range(9))}) == "patient_id"
    assert find_key({"measure": numbers, "who": names}) == "who"
    assert find_key({"measure": numbers}) is None
    assert find_key({"sample_id": cells([1, 1, 2]), "paid": cells([3, 4, 5])}) is None
    assert find_key({"id": cells(["a", ""]), "story": cells(["once upon a time", "there was a king"])}) is None


# Files


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_columns_of_one_kind_are_one_view(name: str) -> None:
    write(mixed(), name)
    found = found_in(name)
    assert (found.key, found.table, found.rows) == ("sample_id", name, ROWS)
    assert made_of(found) == {
        "numbers": ("real", ["age", "weight [kg]"]),
        "categories": ("categorical", ["colour", "class"]),
        "flags": ("binary", ["smoker"]),
        "note": ("text", ["note"]),
    }
    assert [line.split()[0] for line in found.left_out] == ["site", "blank"]


def test_numbered_columns_are_a_vector_or_a_sequence() -> None:
    draw = rng()
    table: dict[str, np.ndarray] = {f"px_{i}": draw.normal(size=ROWS) for i in range(12)}
    table |= {f"t{i}": draw.normal(size=ROWS) for i in (1, 0, *range(2, 9))}
    table |= {f"gene{i}": draw.negative_binomial(1, 0.02, ROWS) for i in range(9)}
    table |= {f"q{i}": draw.integers(0, 2, ROWS) for i in range(9)}
    table |= {"px_1": np.zeros(ROWS), "x1": draw.normal(size=ROWS)}
    write(table)
    found = found_in("mine.csv")
    sources = {view.name: view.source for view in found.views}
    assert sources["px"] == {"kind": "vector", "columns": ["px_*"]}
    assert sources["t"] == {"kind": "sequence", "columns": [f"t{i}" for i in range(9)]}  # not as the file has them
    assert sources["gene"] == {"kind": "counts", "columns": ["gene*"]}
    assert sources["flags"]["columns"] == [f"q{i}" for i in range(9)]
    assert sources["numbers"]["columns"] == ["x1"]


def waves(rows: int) -> dict[str, np.ndarray]:
    """Columns that neighbours tell from each other, and no line does."""
    turn = rng().uniform(0, 2 * np.pi, rows)
    return {f"px_{i}": (np.sin if i % 2 else np.cos)((1 + i // 2) * turn).round(3) for i in range(8)}


@pytest.mark.parametrize(
    ("table", "kind", "why"),
    [
        (waves(3000), "vector", "px_0 to px_7 are 8 numbered columns of numbers"),
        (waves(600), "real", "need no network: about 420 rows to learn from, fewer than 2000"),
        (
            {f"px_{i}": rng().normal(size=3000).round(3) for i in range(8)},
            "real",
            "need no network: neighbours tell hardly more of them than lines do",
        ),
    ],
)
def test_numbers_have_a_network_where_they_bend_and_there_are_rows(
    table: dict[str, np.ndarray], kind: str, why: str
) -> None:
    write(table | {"age": rng().normal(size=len(table["px_0"]))})
    (view,) = (view for view in without_vain_networks(found_in("mine.csv")).views if view.name == "px")
    assert (view.kind, view.why[0]) == (kind, why)


@pytest.mark.parametrize("apart", [True, False])
def test_only_samples_that_have_the_numbers_are_there_to_learn_from(apart: bool) -> None:
    names, few = [f"s{i}" for i in range(3000)], 600
    bent, counts = waves(few), {f"gene{i}": rng().negative_binomial(1, 0.02, few).astype(float) for i in range(9)}
    clinic: dict[str, Any] = {"sample_id": names, "age": rng().normal(50, 10, 3000).round(2)}
    if apart:
        write(clinic, "clinic.csv")
        write({"sample_id": names[:few], **bent}, "spectra.csv")
        write({"sample_id": names[:few], **counts}, "rna.csv")
        found = found_in("clinic.csv", "spectra.csv", "rna.csv")
    else:
        gap = np.full(3000 - few, np.nan)
        write(clinic | {name: np.concatenate([column, gap]) for name, column in (bent | counts).items()})
        found = found_in("mine.csv")
    made = {view.size: view for view in without_vain_networks(found).views}
    assert found.rows == 3000
    assert (made[1].rows, made[8].rows, made[9].rows) == (3000, few, few)
    assert (made[8].kind, made[8].why[0]) == ("real", "need no network: about 420 rows to learn from, fewer than 2000")
    assert made[9].settings == {"transform": {"counts": ["*"]}}


def test_why_there_is_no_network_stands_before_a_line_on_each_of_many_columns() -> None:
    draw = rng()
    write({f"{first}{second}": draw.normal(size=40).round(3) for first in "abcde" for second in "vwxyz"})
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    text = Path("configs/experiment/mine.yaml").read_text()
    assert "# need no network: about 28 rows to learn from, fewer than 2000\n      # av has numbers" in text
    assert "more alike" in text


def test_of_one_column_of_an_array_nothing_is_said_of_neighbours() -> None:
    np.savez("mine.npz", one=rng().normal(size=(3000, 1)), age=rng().normal(size=3000))
    (view,) = (view for view in without_vain_networks(found_in("mine.npz")).views if view.name == "one")
    assert view.why[0].startswith("need no network: too few")


def test_numbers_do_not_bend_because_rows_of_a_patient_are_alike() -> None:
    draw, whose = rng(), np.repeat(np.arange(500), 6)
    table = {"visit_id": [f"v{i}" for i in range(3000)], "patient": [f"p{i}" for i in whose]}
    numbers = draw.normal(size=(500, 10))[whose] + 0.1 * draw.normal(size=(3000, 10))
    table |= {f"px_{i}": column.round(3) for i, column in enumerate(numbers.T)}
    write(table | {"age": draw.normal(50, 10, 3000).round(2)})
    found = found_in("mine.csv")
    assert (found.key, found.group) == ("visit_id", "patient")
    assert {view.name: view.bends for view in found.views}["px"] is False
    write({name: cells for name, cells in table.items() if name in ("visit_id", "patient")}, "visits.csv")
    write({name: cells for name, cells in table.items() if name != "patient"}, "spectra.csv")
    Path("mine.csv").unlink()
    found = found_in("visits.csv", "spectra.csv")
    assert (found.key, found.group) == ("visit_id", "patient")
    assert [view.bends for view in found.views if view.kind == "vector"] == [False]


def assays(rows: int = ROWS) -> dict[str, dict[str, np.ndarray]]:
    """Two assays of one set of patients, whose features have numbers in their names that do not count."""
    draw, people = rng(), {"patient": np.array([f"p{i:02d}" for i in range(rows)])}
    numbers = draw.choice(4000, 40, replace=False)
    return {
        "mirna.csv": people | {f"hsa_mir_{i}": draw.normal(size=rows) for i in numbers[:20]},
        "rna.csv": people
        | {f"LOC{145000 + i}": draw.normal(size=rows) for i in numbers[20:]}
        | {f"chr{i}": draw.normal(size=rows) for i in range(1, 15)}
        | {"batch": draw.choice(["a", "b", "c"], rows)},
    }


def test_an_assay_a_file_is_a_view_a_file() -> None:
    for name, table in assays().items():
        write(table, name)
    found = guess_files([Path("mirna.csv"), Path("rna.csv")], MISSING)
    assert {view.name: len(view.columns) for view in found.views} == {
        "mirna": 20,
        "rna_numbers": 34,
        "rna_categories": 1,
    }
    source = {view.name: view.source for view in found.views}["rna_numbers"]
    assert (source["columns"], source["without"]) == (["*"], ["batch"])


def test_numbers_in_names_that_do_not_count_make_no_vector() -> None:
    write(assays()["rna.csv"])
    found = found_in("mine.csv")
    assert {view.name: len(view.columns) for view in found.views} == {"chr": 14, "numbers": 20, "categories": 1}


@pytest.mark.slow
def test_a_column_may_be_called_like_a_reference(from_command_line: Configs) -> None:
    draw = rng()
    names = ["cost_${usd}", "${data.root}", "a: b", "p.val", "x=y", "key"]
    write({"Sample ID": [f"s {i}" for i in range(ROWS)]} | {name: draw.normal(size=ROWS) for name in names})
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    data = loads(from_command_line("mine"))
    assert sorted(column for view in data.views.values() for column in view.columns) == sorted(names)


def test_the_way_of_writing_is_said(configs: Configs, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame(mixed())
    table.to_csv("mine.csv", index=False, sep=";", decimal=",", encoding="latin-1")
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    assert "note: mine.csv has semicolon between its cells, decimal commas" in capsys.readouterr().err
    config = configs("mine")
    assert (config.data.sep, config.data.decimal) == (";", ",")
    data = loads(config)
    np.testing.assert_allclose(data.views["numbers"].values[:, 0], table["age"])


def test_a_few_counts_are_numbers_and_many_a_view() -> None:
    counts = {name: rng().negative_binomial(1, 0.02, ROWS) for name in "abcd"}
    write({"age": rng().normal(size=ROWS), "a": counts["a"]})
    assert {view.kind for view in found_in("mine.csv").views} == {"real"}
    write({"age": rng().normal(size=ROWS)} | counts)
    assert made_of(found_in("mine.csv"))["counts"] == ("counts", [*"abcd"])


@pytest.mark.parametrize(("rows", "kind"), [(ROWS, "real"), (1500, "counts")])
def test_counts_have_a_network_where_there_are_rows_to_learn_it_from(
    rows: int, kind: str, configs: Configs, capsys: pytest.CaptureFixture[str]
) -> None:
    write({name: rng().negative_binomial(1, 0.02, rows) for name in "abcd"} | {"age": rng().normal(size=rows)})
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    view = configs("mine").views["counts"]
    assert view.type == kind
    assert getattr(view, "transform", None) == ({"counts": ["*"]} if kind == "real" else None)


def test_rare_categories_are_one_and_those_of_other_columns_stay() -> None:
    towns = rng().choice(["Oslo", "Rome"], ROWS).astype(object)
    towns[:30] = [f"village {i}" for i in range(30)]
    write({"town": towns, "colour": [f"colour {i % 9}" for i in range(ROWS)], "age": rng().normal(size=ROWS)})
    (source,) = (view.source for view in found_in("mine.csv").views if view.kind == "categorical")
    assert source == {"kind": "categorical", "columns": ["town", "colour"], "most": 9}


def test_a_lone_table_is_a_view_for_each_column() -> None:
    write({"height": rng().normal(size=ROWS), "net weight": rng().normal(size=ROWS)})
    assert made_of(found_in("mine.csv")) == {
        "height": ("real", ["height"]),
        "net_weight": ("real", ["net weight"]),
    }
    write({f"measure {name}": rng().normal(size=ROWS) for name in "abcdefghijklmnopqrstuvw"})
    assert [view.kind for view in found_in("mine.csv").views] == ["vector"]


def test_the_split_is_taken_from_the_table() -> None:
    table = mixed() | {"part": ["train", "validation", "test"] * (ROWS // 3)}
    write(table | {"patient": [f"p{i // 2}" for i in range(ROWS)]})
    found = found_in("mine.csv")
    assert (found.split, found.group) == ("part", None)
    assert any("another column splits the samples already" in line for line in found.left_out)
    write(mixed() | {"patient": [f"p{i // 2}" for i in range(ROWS)]})
    found = found_in("mine.csv")
    assert (found.split, found.group) == (None, "patient")


def test_images_are_as_large_as_their_files() -> None:
    for i in range(ROWS):
        Image.new("L", (40, 50), i).save(f"{i}.png")
    write(mixed() | {"scan": [f"{i}.png" for i in range(ROWS - 1)] + ["away.png"]})
    (scan,) = (view for view in found_in("mine.csv").views if view.name == "scan")
    assert scan.source == {"kind": "image", "column": "scan", "size": 32, "channels": 1, "crop": None}
    assert "1 more are not there" in scan.why[0]
    assert scan.why[1] == "the shorter sides of the files are 40 to 40 pixels, and they are grey"


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 1), ("I;16", 1), ("P", 3), ("RGB", 3)])
def test_images_without_colour_get_one_channel(mode: str, channels: int) -> None:
    for i in range(ROWS):
        Image.new(mode, (16, 16)).save(f"{i}.png")
    write(mixed() | {"scan": [f"{i}.png" for i in range(ROWS)]})
    (scan,) = (view for view in found_in("mine.csv").views if view.name == "scan")
    assert scan.source["channels"] == channels


def test_arrays_are_views_by_their_shape() -> None:
    draw = rng()
    np.savez(
        "mine.npz",
        name=np.array([f"s{i}" for i in range(ROWS)]),
        spectrum=draw.normal(size=(ROWS, 30)),
        words=draw.negative_binomial(1, 0.02, (ROWS, 20)),
        walk=draw.normal(size=(ROWS, 15, 2)),
        face=draw.integers(0, 256, (ROWS, 16, 16, 3), np.uint8),
        age=draw.normal(size=ROWS),
        tag=np.array([["a", "b"]] * ROWS),
    )
    found = found_in("mine.npz")
    assert found.key == "name"
    assert {view.name: view.kind for view in found.views} == {
        "spectrum": "vector",
        "words": "counts",
        "walk": "sequence",
        "face": "image",
        "numbers": "real",
    }
    assert found.left_out == (f"tag is an array ({ROWS}, 2) of <U1, which fits no kind of view",)


def test_several_files_are_joined_by_the_column_they_share() -> None:
    table = mixed()
    write({name: table[name] for name in ("sample_id", "age", "weight [kg]")}, "body.csv")
    write({"who": range(20), "sample_id": table["sample_id"][:20], "colour": ["red", "blue"] * 10}, "taste.csv")
    found = found_in("body.csv", "taste.csv")
    assert (found.key, found.table) == ("sample_id", None)
    assert {view.name: view.source for view in found.views} == {
        "body": {"kind": "real", "table": "body.csv", "columns": ["age", "weight [kg]"]},
        "taste": {"kind": "categorical", "table": "taste.csv", "columns": ["colour"]},
    }
    assert found_in(".").views == found.views
    write({"colour": ["red", "blue"] * 10}, "taste.csv")
    with pytest.raises(UserError, match=r"input: body\.csv, taste\.csv share no column that is filled, and another"):
        found_in(".")


def visits(patients: int) -> None:
    """One row a patient in one file, and one to three visits of each in the other."""
    names = [f"p{i:02d}" for i in range(patients)]
    write({"patient": names, "age": rng().normal(60, 8, patients)}, "base.csv")
    rows = [(name, f"{day:02d}.02.2024") for i, name in enumerate(names) for day in range(1, 2 + i % 3)]
    marker = rng().normal(size=len(rows))
    seen = {"patient": [name for name, _ in rows], "seen": [day for _, day in rows], "marker": marker}
    write(seen | {"ill": rng().choice(["yes", "no"], len(rows))}, "visits.csv")


def test_several_rows_of_a_sample_are_steps_of_a_sequence_or_one_of_them_counts() -> None:
    visits(240)
    found = found_in("base.csv", "visits.csv")
    assert (found.key, found.rows, [*found.dates]) == ("patient", 240, ["seen"])
    assert found.left_out == ()
    numbers = {"kind": "sequence", "table": "visits.csv", "time": "seen", "columns": ["marker"]}
    flags = {"kind": "binary", "table": "visits.csv", "columns": ["ill"], "repeated": "last", "time": "seen"}
    sources = {view.name: view.source for view in found.views}
    assert sources["visits_course"] == numbers
    assert sources["visits_flags"] == flags | {"binarise": {}, "empty": "missing"}
    assert "has 1 to 3 rows of each patient" in found.notes[0]
    for how in ("last", "mean"):
        again = guess_files([Path("base.csv"), Path("visits.csv")], MISSING, how).views
        (source,) = (view.source for view in again if "marker" in view.columns)
        assert source == numbers | {"kind": "real", "repeated": how}


@pytest.mark.parametrize("how", [None, "sequence", "last"])
def test_visits_beside_a_baseline_run_as_they_are_written(configs: Configs, how: Any) -> None:
    visits(60)
    init(InitConfig(task="init", input=[Path("base.csv"), Path("visits.csv")], name="v", **PLAIN | {"repeated": how}))
    data = loads(configs("v"))
    assert len(data.keys) == 60
    seen = pd.read_csv("visits.csv").groupby("patient")["marker"]
    view = data.views["visits_course" if how == "sequence" else "visits_numbers"]
    wanted = seen.mean() if how is None else seen.first() if how == "sequence" else seen.last()
    first = view.values[:, 0, 0] if how == "sequence" else view.values[:, 0]
    np.testing.assert_allclose(first[view.row], wanted.loc[data.keys], rtol=1e-6)


def test_a_split_column_must_know_every_sample() -> None:
    table = mixed()
    parts = {"sample_id": table["sample_id"], "part": ["train", "val", "test"] * 30, "colour": table["colour"]}
    write({name: table[name] for name in ("sample_id", "age")}, "body.csv")
    write(parts, "more.csv")
    assert (found_in(".").table, found_in(".").split) == ("more.csv", "part")
    write({name: cells[:60] for name, cells in parts.items()}, "more.csv")
    assert (found_in(".").table, found_in(".").split) == (None, None)


# What is written


def loads(config: Config) -> Dataset:
    return load(config.data, Path("cache"), config.seed)


def test_what_is_written_is_a_valid_run_of_these_views(configs: Configs) -> None:
    write(mixed())
    assert init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN)) == Path(
        "configs/experiment/mine.yaml"
    )
    config = configs("mine")
    assert config.task.name == "train"
    assert {name: view.type for name, view in config.views.items()} == {
        "numbers": "real",
        "categories": "categorical",
        "flags": "bernoulli",
        "note": "text",
    }
    data = loads(config)
    assert {name: view.shape for name, view in data.views.items()} == {
        "numbers": (2,),
        "categories": (6,),
        "flags": (1,),
        "note": (),
    }
    assert data.keys[3] == "s003"
    assert config.schedule.rounds > 1


def test_every_line_says_why() -> None:
    write(mixed())
    text = init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN)).read_text()
    assert "# age has numbers, " in text
    assert "#   site is 'Oslo' wherever it is filled" in text
    for key in ("key", "split", "latent", "length", "factors", "beta", "alone_epochs", "rounds", "score"):
        assert re.search(rf"^ *{key}: .* # \w", text, re.MULTILINE), key


def test_without_networks_the_factors_are_fitted_once(configs: Configs) -> None:
    write({name: cells for name, cells in mixed().items() if name != "note"})
    init(InitConfig(task="init", input=[Path("mine.csv")], name="plain", **PLAIN))
    config = configs("plain")
    assert (config.schedule.alone_epochs, config.schedule.rounds, config.schedule.round_epochs) == (0, 1, 0)
    assert config.views["flags"].weight == config.views["categories"].weight == 1.0
    assert config.model.factors is None  # the rule decides


@pytest.mark.slow
def test_every_kind_of_view_runs_as_it_is_written(configs: Configs) -> None:
    draw = rng()
    table = mixed() | {f"px_{i}": draw.normal(size=ROWS) for i in range(12)}
    table |= {f"t{i}": draw.normal(size=ROWS) for i in range(9)}
    table |= {f"n{i}": draw.negative_binomial(1, 0.02, ROWS) for i in range(9)}
    for i in range(ROWS):
        Image.fromarray(draw.integers(0, 256, (20, 20, 3), np.uint8)).save(f"{i}.png")
    write(table | {"scan": [f"{i}.png" for i in range(ROWS)]})
    init(InitConfig(task="init", input=[Path("mine.csv").absolute()], name=None, **PLAIN))
    config = configs("mine")
    assert {view.type for view in config.views.values()} == {
        "real",
        "bernoulli",
        "categorical",
        "vae",
        "sequence",
        "text",
    }
    assert config.data.root.is_absolute()
    assert {view.kind for view in config.data.views.values()} == {
        "real", "binary", "categorical", "sequence", "counts", "text", "image",
    }  # fmt: skip
    assert len(loads(config).views) == 8


def test_names_that_YAML_would_misread_stay_as_they_are(configs: Configs) -> None:  # noqa: N802
    draw = rng()
    columns = ["no", "1e3", "a: b", "it's", 'say "x"', "#5", "é"]
    write({name: draw.normal(size=ROWS) for name in columns} | {"ok": draw.choice(["yes", "no"], ROWS)}, "my data.csv")
    init(InitConfig(task="init", input=[Path("my data.csv")], name=None, **PLAIN))
    assert loads(configs("my_data")).views["numbers"].columns == tuple(columns)


def test_columns_that_a_manifest_refuses_are_left_out(configs: Configs) -> None:
    write(mixed() | {name: mixed()["age"] for name in ("mg/l", "a=b")} | {"c=d": mixed()["colour"]})
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    assert loads(configs("mine")).views["numbers"].columns == ("age", "weight [kg]", "a=b")
    told = found_in("mine.csv").left_out[-2:]
    assert [line.split()[0] for line in told] == ["mg/l", "c=d"]
    assert all(line.endswith("; rename it") for line in told)


def test_views_and_experiments_have_names_that_yaml_reads_as_text(configs: Configs) -> None:
    draw = rng()
    write({name: draw.normal(size=ROWS) for name in ("2019", "null", "true", "1e3", "plain")}, "2020.csv")
    init(InitConfig(task="init", input=[Path("2020.csv")], name=None, **PLAIN))
    config = configs("x2020")
    assert [*loads(config).views] == [*config.views] == ["x2019", "xnull", "xtrue", "x1e3", "plain"]


@pytest.mark.parametrize(
    ("table", "score"),
    [
        ({"a": rng().normal(size=ROWS)}, "predict/mean"),
        ({f"px_{i}": rng().normal(size=ROWS) for i in range(12)}, "predict/mean"),  # too few for a network
        ({f"px_{i}": rng().normal(size=300) for i in range(12)}, "predict/mean"),  # nor is there more than lines
        (waves(3000), "test/px/log_likelihood"),
        pytest.param(mixed(), "predict/mean", marks=pytest.mark.slow),
    ],
)
def test_the_score_is_one_that_the_run_reports(table: dict[str, Any], score: str, configs: Configs) -> None:
    write(table)
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    assert configs("mine").score == score


def test_long_lists_are_broken_into_lines(configs: Configs) -> None:
    columns = [f"a rather long name, number {name}" for name in "abcdefghijklmnop"]
    write({name: rng().normal(size=ROWS) for name in columns} | {"ok": rng().choice(["yes", "no"], ROWS)})
    text = init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN)).read_text()
    assert max(map(len, text.splitlines())) <= 130
    assert yaml.safe_load(text)["data"]["views"]["numbers"]["columns"] == columns


def test_nothing_is_overwritten_unasked() -> None:
    write(mixed())
    target = init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    target.write_text("# my own work")
    with pytest.raises(UserError, match=r"name: configs/experiment/mine\.yaml is there already; overwrite=true"):
        init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN))
    assert target.read_text() == "# my own work"
    init(InitConfig(task="init", input=[Path("mine.csv")], name=None, **PLAIN | {"overwrite": True}))
    assert "views" in target.read_text()


def test_files_of_which_nothing_can_be_made() -> None:
    Path("empty").mkdir()
    Path("mine.doc").touch()
    Path("empty/README.txt").write_text("a,b\n1,2\n")
    write({"site": ["Oslo"] * 9})
    known = ".csv, .tsv, .txt, .parquet, .pq, .feather, .xlsx, .dta, .sav, .npz, .h5ad, .h5mu"
    for path, told in (
        ("nowhere.csv", "input: there is no file or folder nowhere.csv"),
        (
            "empty",
            f"input: empty holds no {known} file",
        ),
        (
            "mine.doc",
            f"input: mine.doc is no {known} file",
        ),
        ("mine.csv", "input: no view could be made of any column of mine.csv\nsite is 'Oslo' wherever it is filled"),
    ):
        with pytest.raises(UserError) as refused:
            init(InitConfig(task="init", input=[Path(path)], name=None, **PLAIN))
        assert str(refused.value) == told
    assert not Path("configs").exists()


@pytest.mark.parametrize("odd", ["a\nb", "a\x1b[31mb", "a\x7f\u2028b", "- b: c", "\t# a"])
def test_odd_signs_in_names_neither_break_the_experiment_nor_steer_a_terminal(
    odd: str, configs: Configs, capsys: pytest.CaptureFixture[str]
) -> None:
    table = mixed()
    table[odd] = rng().normal(50, 10, ROWS).round(2)
    name = f"odd{odd.encode().hex()}"
    init(InitConfig(task="init", input=[write(table, f"{odd}.csv")], name=name, **PLAIN))
    shown = Path(f"configs/experiment/{name}.yaml").read_text() + capsys.readouterr().err
    assert all(sign.isprintable() or sign in "\n\t" for sign in shown)
    data = configs(name).data
    assert isinstance(data, ManifestConfig)
    assert data.table == f"{odd}.csv"
    assert any(odd in view.reads() for view in data.views.values())


# The command line


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    write(mixed())
    assert main(["task=init", "input=mine.csv", "name=own"]) == 0
    told = capsys.readouterr().err
    assert re.search(r"numbers +real +2 +2 +age has numbers", told)
    assert "left out: site is 'Oslo' wherever it is filled" in told
    assert told.endswith("  favae-run task=check experiment=own\n  favae-run experiment=own\n")
    assert sorted(path.name for path in Path().iterdir()) == ["configs", "mine.csv"]
    assert main(["--help"]) == 0
    assert re.search(r"^  own +own: 90 rows, 4 views", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "input: must be given, as input=..."),
        (["input=nowhere.csv"], "input: there is no file or folder nowhere.csv"),
        (["inptu=nowhere.csv"], "input: must be given, as input=..."),
        (["input=a.csv", "name=a b"], 'name: must be made of letters, digits, _ and -, got "a b"'),
        (["-m", "input=a.csv"], "task=init: is done once; leave out -m"),
    ],
)
def test_mistakes_on_the_command_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [each for each in arguments if each.startswith("-")]
    try:
        code = main([*flags, "task=init", *(each for each in arguments if each not in flags)])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert capsys.readouterr().err.splitlines()[0] == f"favae-run: {told}"


def test_cfg_prints_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=init", "--cfg", "job"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {
        "task": "init",
        "input": "???",
        "transposed": None,
        "name": None,
        "repeated": None,
        "overwrite": False,
    }
