"""Views by other names, and the samples that have them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from favae_cli.data import Dataset, ViewData
from favae_cli.data.dataset import measured_as
from favae_cli.data.files.table import NoSuchColumn


@pytest.fixture
def data() -> Dataset:
    """Ten samples; faces of all but the third and the eighth, labels of all but the eighth."""
    images = np.arange(8 * 4, dtype=np.uint8).reshape(8, 2, 2, 1)
    views = {
        "face": ViewData(images, np.array([0, 1, -1, 2, 3, 4, 5, -1, 6, 7])),
        "labels": ViewData(np.ones((9, 1), np.float32), np.array([0, 1, 2, 3, 4, 5, 6, -1, 7, 8]), ("Old",)),
    }
    split = {"train": np.arange(6), "validation": np.array([6, 7]), "test": np.array([8, 9])}
    return Dataset("toy", np.arange(10).astype(str), views, split, {"age": np.arange(10)}, ("one note",))


def test_two_views_may_see_the_same_data(data: Dataset) -> None:
    seen = data.seen_as({"large": "face", "small": "face", "labels": "labels"})
    assert list(seen.views) == ["large", "small", "labels"]
    assert seen.views["large"] is seen.views["small"] is data.views["face"]
    assert seen.having("train", "small").tolist() == data.having("train", "face").tolist()
    assert (seen.name, seen.notes, list(seen.truth)) == (data.name, data.notes, ["age"])
    assert seen.split is data.split
    assert list(data.views) == ["face", "labels"]


def test_views_that_nobody_sees_are_left_out(data: Dataset) -> None:
    assert list(data.seen_as({"labels": "labels"}).views) == ["labels"]


def test_samples_of_a_split_are_those_that_have_every_view_asked_for(data: Dataset) -> None:
    assert data.having("train", "face").tolist() == [0, 1, 3, 4, 5]
    assert data.having("train", "labels").tolist() == [0, 1, 2, 3, 4, 5]
    assert data.having("validation", "labels", "face").tolist() == [6]
    assert data.having("test").tolist() == [8, 9]
    gathered = data.views["face"].gather(data.having("train", "face", "labels"))
    assert gathered[:, 0, 0, 0].tolist() == [0, 4, 8, 12, 16]


def test_a_thinned_split_has_so_many_samples_from_all_over_it_and_always_the_same(data: Dataset) -> None:
    large = replace(data, split={"train": np.arange(1000), "test": np.array([8, 9])})
    thinned = large.thinned(100).split
    assert len(set(thinned["train"])) == 100
    assert np.all(np.diff(thinned["train"]) > 0)
    assert len(set(thinned["train"] % 2)) == 2  # no pattern of the rows decides
    assert 400 < thinned["train"].mean() < 600
    assert thinned["test"].tolist() == [8, 9]
    assert np.array_equal(large.thinned(100).split["train"], thinned["train"])
    assert large.thinned(None) is large


def test_a_column_that_is_not_there_can_be_told_by_another_process() -> None:
    told = pickle.loads(pickle.dumps(NoSuchColumn("no column age", "age")))
    assert (str(told), told.name) == ("no column age", "age")


def test_views_carry_the_kind_of_the_config_whatever_their_values(
    load_manifest: Callable[..., Dataset], tmp_path: Path
) -> None:
    rows = "\n".join(f"{i % 2},{i % 2}" for i in range(20))
    (tmp_path / "t.csv").write_text(f"dose,smokes\n{rows}\n")
    views = {
        "dose": {"kind": "real", "columns": ["dose"]},
        "habits": {"kind": "binary", "columns": ["smokes"], "binarise": {}, "empty": "missing"},
    }
    found = load_manifest(views, table="t.csv")
    assert {name: view.kind for name, view in found.views.items()} == {"dose": "real", "habits": "binary"}
    assert [measured_as(view) for view in found.views.values()] == ["real", "binary"]
