"""What a trained run says of data: missing views and entries filled in, and its own scores again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from favae_cli.common.pixels import unit
from favae_cli.data import Dataset
from favae_cli.evaluation.images import r2_per_image
from favae_cli.models.fa_vae import observed_table

Using = Callable[..., Path]
COLUMNS = ("Smiling", "Eyeglasses", "Male")


def test_missing_attributes_are_predicted_with_their_uncertainty(using: Using, data: Dataset) -> None:
    table = pd.read_csv(using("task=impute", "split=train") / "imputed.csv")
    lacking = [i for i in data.split["train"] if not data.views["attributes"].present[i]]
    assert table["key"].tolist() == [data.keys[i] for i in lacking for _ in COLUMNS]
    assert table["column"].tolist() == [*COLUMNS] * len(lacking)
    truth = np.array([data.truth[name][i] for i in lacking for name in COLUMNS])
    assert ((table["value"] > 0.5) == truth).mean() > 0.8
    assert (table["logit_std"] > 0).all()
    # What is not certain lies nearer to 1/2 than its mean logit says.
    assert (np.abs(table["value"] - 0.5) < np.abs(expit(table["logit_mean"]) - 0.5)).all()


def test_missing_images_are_made_from_what_is_there(using: Using, data: Dataset, run: Path) -> None:
    made = using("task=impute", "split=train", "show=3")
    lacking = [i for i in data.split["train"] if not data.views["cartoon"].present[i]]
    files = sorted((made / "images" / "cartoon").iterdir())
    assert [file.stem for file in files] == [data.keys[i] for i in lacking]
    assert not (made / "images" / "face").exists()
    with Image.open(made / "figures" / "imputed.png") as figure:
        assert figure.height > 2 * figure.width / 2
    # The same people without any gap: what was hidden is known.
    whole = data.views["cartoon"].values[lacking]
    drawn = np.stack([unit(np.asarray(Image.open(file))) for file in files])
    assert r2_per_image(unit(whole), drawn).mean() > 0.5


@pytest.mark.slow
def test_single_missing_entries_are_filled_in_too(using: Using, data: Dataset, tmp_path: Path) -> None:
    """A user's table of the same faces with gaps of all kinds."""
    indices = data.having("test", "face", "cartoon", "attributes")[:12]
    known = observed_table(data, "attributes", indices)
    table = pd.DataFrame(known.astype(int).astype(str), columns=COLUMNS)
    for view in ("face", "cartoon"):
        (tmp_path / view).mkdir()
        for i in indices:
            Image.fromarray(data.views[view].gather(np.array([i]))[0]).save(tmp_path / view / f"{i}.png")
        table[view] = [f"{view}/{i}.png" for i in indices]
    table["id"] = [f"person {i}" for i in indices]
    table.loc[3, "Smiling"] = table.loc[5, "cartoon"] = table.loc[7, "face"] = ""
    table.loc[5, ["Eyeglasses", "Male"]] = ""
    table["split"] = ["train"] * 5 + ["validation", "test"] + ["train"] * 5
    table.to_csv(tmp_path / "people.csv", index=False)
    image = "{{kind:image,column:{0},size:16,channels:3,crop:null}}".format
    binary = "{kind:binary,columns:[Smiling,Eyeglasses,Male],binarise:{},empty:missing}"
    views = f"{{face:{image('face')},cartoon:{image('cartoon')},attributes:{binary}}}"
    other = ["data=manifest", f"data.root={tmp_path}", "data.table=people.csv", "data.key=id", f"++data.views={views}"]

    made = using("task=impute", *other, "data.split.column=split", "split=train", "format=parquet")
    found = pd.read_parquet(made / "imputed.parquet")
    assert found[["key", "column"]].to_numpy().tolist() == [[f"person {indices[3]}", "Smiling"]]
    assert (found["value"].item() > 0.5) == known[3, 0]
    assert [file.name for file in (made / "images" / "face").iterdir()] == [f"person {indices[7]}.png"]

    made = using("task=impute", *other, "data.split.column=split", "split=validation")
    found = pd.read_csv(made / "imputed.csv")
    assert found["column"].tolist() == ["Eyeglasses", "Male"]
    np.testing.assert_array_equal(found["value"] > 0.5, known[5, 1:])
    assert [file.name for file in (made / "images" / "cartoon").iterdir()] == [f"person {indices[5]}.png"]


def test_of_an_image_of_ones_own_all_else_is_predicted(using: Using, photos: Path) -> None:
    made = using("task=impute", f"input={photos}", "from=face")
    table = pd.read_csv(made / "imputed.csv")
    assert table["key"].tolist() == [name for name in ("a.png", "b.png", "c.png") for _ in COLUMNS]
    assert (table.loc[table["column"] != "Male", "value"] < 0.5).all()
    assert sorted(file.stem for file in (made / "images" / "cartoon").iterdir()) == ["a", "b", "c"]


def test_where_nothing_is_missing_nothing_is_made(using: Using, caplog: pytest.LogCaptureFixture) -> None:
    made = using("task=impute", "++data.missing={cartoon:0.0,attributes:0.0}", "count=5")
    assert pd.read_csv(made / "imputed.csv").empty
    assert not (made / "images").exists()
    assert "no sample lacks an image" in caplog.text


@pytest.mark.slow
def test_a_run_is_scored_on_another_split(using: Using) -> None:
    made = using("task=evaluate", "split=validation")
    metrics = json.loads((made / "metrics.json").read_text())
    assert metrics["validation/face/r2_mean"] > 0.7
    assert metrics["validation/attributes/auc"] > 0.8
    assert metrics["translate/face-cartoon/r2"] > 0.5
    assert {"translation_face-cartoon", "relevance"} <= {file.stem for file in (made / "figures").iterdir()}
    report = (made / "report.html").read_text()
    assert "Prediction of attributes" in report
    assert "resume=" not in report


@pytest.mark.slow
def test_a_run_is_scored_on_other_data(using: Using) -> None:
    scores = [
        json.loads((using("task=evaluate", *more) / "metrics.json").read_text()) for more in ([], ["++data.seed=5"])
    ]
    assert scores[0]["test/face/r2"] != scores[1]["test/face/r2"]
    assert scores[1]["test/face/r2_mean"] > 0.7
