"""Task check: every mistake is found, told once, and says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from favae_cli.cli import main
from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.tasks import check_time
from favae_cli.tasks.check import check

ROWS = 120
BINARY = {"kind": "binary", "binarise": {}, "empty": "missing"}
SOURCES: dict[str, dict[str, Any]] = {
    "numbers": {"kind": "real", "columns": ["age", "height"]},
    "flags": {**BINARY, "columns": ["smoker"]},
    "colours": {"kind": "categorical", "columns": ["colour"]},
}
Checked = tuple[list[str], list[str]]
Check = Callable[..., Checked]


@pytest.fixture(scope="module")
def base() -> DictConfig:
    """A run of task train on own data, with a preset for every type of view and no data yet."""
    types = {"numbers": "real", "flags": "bernoulli", "colours": "categorical", "photo": "image", "vector": "vector"}
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        composed = compose(
            "run",
            [
                "~experiment",
                "task=train",
                "data=manifest",
                *(f"+view@views.{name}={preset}" for name, preset in types.items()),
                "arch@views.vector.arch=mlp_small",
                "arch@views.photo.arch=conv8",
                "views.photo.latent=2",
                "trainer.device=cpu",
                "trainer.precision=fp32",
            ],
        )
    OmegaConf.set_struct(composed, False)
    return composed


@pytest.fixture(autouse=True)
def in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are tried as shortly as can be."""
    monkeypatch.setattr(check_time, "ENOUGH", 0.0)
    monkeypatch.setattr(check_time, "SWEEPS", 1)


@pytest.fixture
def table() -> dict[str, Any]:
    """Rows with nothing wrong; two real columns, one of yes and no, one of colours."""
    rng = np.random.default_rng(0)
    return {
        "id": [f"s{i}" for i in range(ROWS)],
        "age": rng.normal(50, 10, ROWS).round(3).astype(str).astype(object),
        "height": rng.normal(170, 10, ROWS).round(3).astype(str).astype(object),
        "smoker": rng.choice(["yes", "no"], ROWS).astype(object),
        "colour": rng.choice(["red", "green", "blue"], ROWS).astype(object),
        "split": ["train"] * 60 + ["validation"] * 30 + ["test"] * 30,
    }


@pytest.fixture
def checked(base: DictConfig, table: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Check:
    """The errors and warnings of the table with `sources` as views, and with other changes of the config."""

    def run(
        sources: dict[str, dict[str, Any]] | None = None, changes: dict[str, Any] | None = None, **data: Any
    ) -> Checked:
        pd.DataFrame(table).to_csv(tmp_path / "mine.csv", index=False)
        sources = sources or SOURCES
        config = OmegaConf.merge(base, {"cache": str(tmp_path / "cache")}, changes or {})
        config.views = {name: config.views[name] for name in sources}
        config.data = OmegaConf.merge(
            config.data,
            {"root": str(tmp_path), "table": "mine.csv", "key": "id", "split": {"column": "split"}, "views": sources},
            data,
        )
        assert isinstance(config, DictConfig)
        caplog.clear()
        errors: list[str] = []
        try:
            check(config)
        except UserError as error:
            errors = str(error).splitlines()
        warnings = [line.removeprefix("warning: ") for line in caplog.messages if line.startswith("warning: ")]
        return errors, warnings

    return run


def test_how_a_file_is_written_is_no_warning(
    checked: Check, table: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pd.DataFrame(table).to_csv(tmp_path / "theirs.csv", index=False, sep=";")
    assert checked(table="theirs.csv") == ([], [])
    assert "note: data: theirs.csv has semicolon between its cells" in caplog.messages


def test_sound_data_have_no_findings_but_tables(checked: Check, caplog: pytest.LogCaptureFixture) -> None:
    assert checked() == ([], [])
    text = "\n".join(caplog.messages)
    assert "no mistake found; warnings: 0" in text
    assert "mine: 120 samples (60 train, 30 validation, 30 test)" in text
    assert re.search(r"numbers +real +2 +100\.0% +0\.0%", text)
    assert re.search(r"flags +60 +60 +60", text)
    time = r"[0-9.]+ (s|min)"  # a process of many tests took minutes to get here
    assert re.search(rf"evaluation +{time}\n +figures +{time}\n +in all +{time}", text)


def test_values_that_seem_to_stand_for_none_are_told(checked: Check, table: dict[str, Any]) -> None:
    table["age"][:30], table["colour"][:30] = "-999", "unknown"
    told = "column 'age' holds -999, which seems to stand for no value; if so, data.missing_values: {age: [\"-999\"]}"
    errors, warnings = checked()
    assert errors == []
    assert warnings[0] == f"data.views.numbers: {told}"
    assert "data.views.colours: column 'colour' holds unknown" in warnings[1]
    assert checked(missing_values={"age": ["-999.0"], "colour": ["unknown"]}) == ([], [])
    errors, _ = checked(missing_values={"agee": ["-999"]})
    assert errors == [
        "data.missing_values: no column 'agee'; did you mean age? there are age, colour, height, id, smoker, split"
    ]


def test_shares_and_overlaps_are_those_of_the_holes(
    checked: Check, table: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    table["age"][:30] = ""
    table["smoker"][:12] = ""
    checked()
    text = "\n".join(caplog.messages)
    assert re.search(r"numbers +real +2 +100\.0% +12\.5%", text)
    assert re.search(r"flags +binary +1 +90\.0%", text)
    assert re.search(r"flags +48 +48 +48", text)


# What the loader refuses, all of it at once


def test_all_mistakes_of_all_views_are_told_at_once(checked: Check, table: dict[str, Any]) -> None:
    table["age"][3], table["height"][5], table["smoker"][8] = "old", "tall", "maybe"
    errors, _ = checked(SOURCES | {"photo": image("photo")})
    assert [re.sub(r" of /[^\s;]+", "", line) for line in errors] == [
        "data.views.numbers.columns: column 'age' holds 'old' in row 4; use numbers, or an empty cell for missing",
        "data.views.numbers.columns: column 'height' holds 'tall' in row 6; use numbers, or an empty cell for missing",
        "data.views.flags.columns: column 'smoker' holds 'maybe' in row 9; use 0/1, true/false, yes/no (also in "
        "other languages) or an empty cell",
        *[line for line in errors if line.startswith("data.views.photo.column: no column 'photo'")],
    ]
    assert len(errors) == 4


def test_mistakes_of_the_config_do_not_hide_those_of_the_data(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][0] = "2"
    errors, _ = checked(changes={"model": {"factors": 0}, "trainer": {"device": "gpu"}})
    assert [line.split(": ")[0] for line in errors] == ["model.factors", "trainer.device", "data.views.flags.columns"]


def test_a_broken_view_does_not_hide_what_is_wrong_with_the_others(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][0] = "2"
    table["age"][:60] = table["height"][:60] = ""
    table["colour"][2] = table["age"][100] = table["height"][100] = ""
    errors, _ = checked()
    assert errors[0].startswith("data.views.flags.columns: column 'smoker' holds '2' in row 1")
    assert errors[1].startswith("data.views.numbers: constant over the 60 training samples")
    assert "age (always missing), height (always missing)" in errors[1]
    assert not any("no view at all" in line for line in errors)  # the broken view may be what they have


def test_a_broken_split_is_told_beside_a_broken_config(checked: Check, table: dict[str, Any]) -> None:
    table["split"][4] = "trial"
    errors, _ = checked(changes={"model": {"beta": -1.0}})
    assert [line.split(": ")[0] for line in errors] == ["model.beta", "data.split.column"]


def test_data_that_are_not_described_cannot_be_looked_at(checked: Check) -> None:
    errors, _ = checked(name="manifesto")
    assert [line.split(": ")[0] for line in errors] == ["data.name"]


def test_a_missing_file_is_one_line(checked: Check) -> None:
    errors, _ = checked(table="yours.csv")
    assert len(errors) == 1
    assert errors[0].startswith("data.table: there is no file ")


def test_samples_without_any_view(checked: Check, table: dict[str, Any]) -> None:
    for column in ("age", "height", "smoker", "colour"):
        table[column][7] = ""
    errors, _ = checked()
    assert len(errors) == 1
    assert "1 samples have no view at all, the first is 's7' (row 8)" in errors[0]


def test_columns_that_tell_nothing(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][:] = "no"
    table["age"][:60] = "50"
    errors, warnings = checked()
    assert errors[0].endswith("smoker (always 0); leave out or change the split")
    assert warnings == [
        "data: numbers: constant over the 60 training samples: age; leave these columns out of the view, or change "
        "the split"
    ]


def test_a_column_without_a_value(checked: Check, table: dict[str, Any]) -> None:
    table["age"][:] = ""
    errors, _ = checked()
    assert len(errors) == 1
    assert "data.views.numbers: constant" in errors[0]
    assert "age (always missing)" in errors[0]


@pytest.mark.slow
def test_a_category_that_only_the_test_has(checked: Check, table: dict[str, Any]) -> None:
    table["colour"][119] = "mauve"
    assert checked() == (
        [],
        ["data: colours: no training sample has colour=mauve; merge such categories with others, or change the split"],
    )


def test_samples_that_data_use_leaves_out(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][3] = ""
    sources = {name: SOURCES[name] for name in ("numbers", "flags")}
    config = {"views": sources, "use": ["flags"]}
    _, warnings = checked({"flags": SOURCES["flags"]}, **config)
    assert "data: 1 of 120 samples left out, which lack flags; leave it, if data.use is meant so" in warnings


# The same in two splits


def test_one_key_in_two_splits(checked: Check, table: dict[str, Any]) -> None:
    table["id"][100] = "s2"
    table["id"][50] = "s3"
    errors, _ = checked()
    assert re.sub(r" of /[^\s;]+", "", errors[-1]) == (
        "data.split.column: 's2' is in train by row 3 and in test by row 101; leave out one of them"
    )
    assert any("names several samples, rows 3, 101" in line for line in errors[:-1])
    assert not any("'s3' is in" in line for line in errors)  # twice in one split: no leak, if a mistake


@pytest.mark.slow
def test_groups_torn_by_the_split(checked: Check, table: dict[str, Any]) -> None:
    table["patient"] = [f"p{i // 2}" for i in range(ROWS)]
    assert checked() == ([], [])  # the split was made with care
    table["patient"] = [f"p{(i + 1) // 2}" for i in range(ROWS)]
    assert checked() == (
        [],
        [
            "data.split: 2 values of column 'patient' are in two splits, such as 'p30'; "
            "data.split.by=patient keeps their rows together"
        ],
    )


@pytest.mark.slow
def test_rows_that_are_the_same_in_two_splits(checked: Check, table: dict[str, Any]) -> None:
    table["weight"] = table["age"][::-1].copy()
    table["pulse"] = table["height"][::-1].copy()
    sources = SOURCES | {"numbers": {"kind": "real", "columns": ["age", "height", "weight", "pulse"]}}
    assert checked(sources) == ([], [])
    for column in ("age", "height", "weight", "pulse"):
        table[column][70], table[column][61] = table[column][5], table[column][60]
    assert checked(sources) == (
        [],
        [
            "data.split: 1 samples have the same numbers as one of another split, such as 's70' and 's5'; keep such "
            "samples together, with data.split.by=COLUMN, or leave copies out"
        ],
    )


def test_rows_that_are_alike_by_accident_are_no_leak(checked: Check, table: dict[str, Any]) -> None:
    table["age"][:] = [str(20 + i % 3) for i in range(ROWS)]
    table["height"][:] = [str(170 + i % 2) for i in range(ROWS)]
    assert checked({name: SOURCES[name] for name in ("numbers", "flags")}) == ([], [])


def test_rows_that_are_the_same_in_all_views_together(checked: Check, table: dict[str, Any]) -> None:
    table["weight"] = table["age"][::-1].copy()
    table["pulse"] = table["height"][::-1].copy()
    vector = {"kind": "vector", "columns": ["weight", "pulse"]}
    sources = {name: SOURCES[name] for name in ("numbers", "flags")} | {"vector": vector}
    for column in ("age", "height", "weight", "pulse", "smoker"):
        table[column][70] = table[column][5]
    _, warnings = checked(sources)
    assert any(
        "1 samples have the same everything as one of another split, such as 's70' and 's5'" in w for w in warnings
    )
    table["smoker"][70] = "no" if table["smoker"][5] == "yes" else "yes"
    assert not any("the same everything" in line for line in checked(sources)[1])


# Views that are hardly there


def test_views_that_never_meet(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][:40] = ""
    table["colour"][40:60] = ""
    errors, warnings = checked()
    assert errors == []
    assert (
        "views: flags and colours are in no training sample together, only other views tie them; trust less" in warnings
    )
    table["age"][:60] = table["height"][:60] = ""
    table["age"][0], table["height"][40] = "50", "170"
    table["age"][1], table["height"][41] = "51", "171"
    assert checked()[0] == []


def test_views_that_nothing_ties(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][:30] = ""
    table["age"][30:60] = table["height"][30:60] = ""
    table["colour"][30:60] = ""
    errors, _ = checked()
    assert errors == [
        "views: no training sample ties numbers, colours and flags, so they cannot be joined; leave one side out, or "
        "add samples"
    ]


def test_a_split_without_a_view(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][60:90] = ""
    table["colour"][90:] = ""
    errors, warnings = checked()
    assert errors == []
    assert warnings == [
        "data.split: no validation sample has flags, so it is not judged; enlarge that split",
        "data.split: no test sample has colours, so it is not judged; enlarge that split",
    ]


def test_a_test_without_company(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][91:] = table["colour"][91:] = ""
    errors, _ = checked()
    assert errors == ["data.split: 1 test samples have two views or more, 2 is the least; enlarge that split"]


def test_a_view_of_few_samples(checked: Check, table: dict[str, Any]) -> None:
    table["smoker"][10:60] = ""
    assert checked() == (
        [],
        ["views.flags: 10 training samples have it, fewer than 30; add samples, or leave it out"],
    )


def test_a_view_that_no_training_sample_has(checked: Check, table: dict[str, Any], tmp_path: Path) -> None:
    photos(table, tmp_path, [(8, 8)] * ROWS)
    table["photo"][1:60] = [""] * 59
    errors, _ = checked(SOURCES | {"photo": image("photo")})
    assert errors == ["data.split: 1 training samples have photo, 2 is the least; enlarge that split"]


def test_a_network_for_few_samples(checked: Check) -> None:
    vector = {"kind": "vector", "columns": ["age", "height"]}
    errors, warnings = checked({"vector": vector, "flags": SOURCES["flags"]})
    assert errors == []
    assert warnings == [
        "views.vector: 60 training samples have it, and a network learns little from fewer than 200; add samples, or "
        "use a type without network where there is one"
    ]


def test_a_network_for_what_lines_tell_is_a_warning_but_where_there_is_none(
    checked: Check, base: DictConfig, table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(400, 2)) @ draw.normal(size=(2, 6)) + draw.normal(size=(400, 6))
    table.clear()
    table |= {f"x{i}": column.round(3) for i, column in enumerate(numbers.T)}
    table |= {"id": [f"s{i}" for i in range(400)], "smoker": draw.choice(["yes", "no"], 400)}
    table["split"] = ["train"] * 300 + ["validation"] * 50 + ["test"] * 50
    sources = {"vector": {"kind": "vector", "columns": ["x*"]}, "flags": SOURCES["flags"]}
    changes = {"views": {"vector": {"latent": 2}}}
    errors, warnings = checked(sources, changes)
    assert errors == []
    assert [line.split(":")[:2] for line in warnings] == [
        ["views.vector", " type real tells as much without a network, and sooner"]
    ]
    monkeypatch.setitem(base, "model", {"name": "fa", "factors": 2, "components": 4})
    assert checked(sources, changes) == ([], [])
    table["split"] = ["train"] * 150 + ["validation"] * 150 + ["test"] * 100  # few for a network
    assert checked(sources, changes) == ([], [])


# Images


def image(column: str) -> dict[str, Any]:
    return {"kind": "image", "column": column, "size": 8, "channels": 3, "crop": None}


def photos(table: dict[str, Any], folder: Path, sizes: list[tuple[int, int]]) -> None:
    """A picture of its own for every row, of these sizes in turn."""
    rng = np.random.default_rng(1)
    table["photo"] = [f"{i}.png" for i in range(ROWS)]
    for i, (width, height) in enumerate(sizes):
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(folder / f"{i}.png")


def test_images_of_mixed_sizes_bad_ones_and_copies(checked: Check, table: dict[str, Any], tmp_path: Path) -> None:
    photos(table, tmp_path, [(8, 8), (12, 9)] * (ROWS // 2))
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:60])  # a sound header, and no pixels
    (tmp_path / "4.png").unlink()
    (tmp_path / "100.png").write_bytes((tmp_path / "10.png").read_bytes())
    errors, warnings = checked({"photo": image("photo"), "flags": SOURCES["flags"]})
    assert errors == []
    skipped, sizes, few, copied = warnings
    assert skipped.startswith("data: photo: 2 of 120 images skipped: ")
    assert "3.png (" in skipped
    assert "4.png (no such file)" in skipped
    assert skipped.endswith("; repair or remove these files; as it is, their samples lack the view")
    assert sizes == (
        "data.views.photo: the images have 2 sizes, 8 x 8 to 12 x 9 pixels, and all are made 8 x 8; where their shapes "
        "differ, data.views.photo.crop=SIDE takes the middle of each instead"
    )
    assert few.startswith("views.photo: 58 training samples have it")
    assert copied.startswith(
        "data.split: 1 samples have the same photo as one of another split, such as 's100' and 's10'"
    )


def test_images_smaller_than_what_is_made_of_them(checked: Check, table: dict[str, Any], tmp_path: Path) -> None:
    photos(table, tmp_path, [(6, 6)] * ROWS)
    _, warnings = checked({"photo": image("photo"), "flags": SOURCES["flags"]})
    assert warnings[0] == (
        "data.views.photo.size: 120 of 120 images are smaller than 8 pixels; a smaller size shows as much, and is "
        "quicker"
    )


# Cost


def test_what_networks_cost(checked: Check, caplog: pytest.LogCaptureFixture) -> None:
    vector = {"kind": "vector", "columns": ["age", "height"]}
    checked({"vector": vector, "flags": SOURCES["flags"]}, {"views": {"vector": {"latent": 2}}})
    text = "\n".join(caplog.messages)
    # encoder 2-64-32-4, decoder 2-32-64-2, and one variance a column
    parameters = (2 * 64 + 64) + (64 * 32 + 32) + (32 * 4 + 4) + (2 * 32 + 32) + (32 * 64 + 64) + (64 * 2 + 2) + 2
    assert re.search(rf"vector +{parameters} +0\.\d+ +\d+\.\d+ +60 +\d", text)


def test_a_machine_that_is_not_there(checked: Check) -> None:
    errors, _ = checked(changes={"trainer": {"device": "cuda:63"}})
    assert len(errors) == 1
    assert errors[0].startswith("trainer.device=cuda:63: torch sees ")


# The command line


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["favae-run"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    assert main(["task=check", "experiment=celeba_condition", "data.root=nowhere", "model.beta=-1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines if line.startswith("favae-run")] == ["model.beta", "data.root"]
    assert [*tmp_path.iterdir()] == []  # it leaves nothing
    assert main(["task=check", "model.beta=3", "--cfg", "job"]) == 0
    assert "beta: 3" in capsys.readouterr().out
    assert main(["-m", "task=check", "model.beta=1,2"]) == 2
    assert capsys.readouterr().err == "favae-run: task=check: is done once; leave out -m\n"
