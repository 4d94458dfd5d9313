"""What a trained run says of its factors: the table, the cards and the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.data import Dataset
from favae_cli.evaluation.explained import QUANTITIES
from favae_cli.machine.runtime import Runtime
from favae_cli.training.trained_run import load_run

Using = Callable[..., Path]


@pytest.mark.slow
def test_the_factors_of_a_run_are_read(
    using: Using, run: Path, data: Dataset, unarranged: Callable[[], AbstractContextManager[None]]
) -> None:
    with unarranged():
        made = using("task=factors", "cards=2", "count=30", "steps=3", "reach=2.0")
    model = load_run(run, Runtime(torch.device("cpu"))).factors.joined
    table = pd.read_csv(made / "explained.csv")
    assert len(table) == model.factors * 3
    assert {"factor", "use", "view", "active", "relevance", *QUANTITIES} == set(table.columns)
    # Linear views decode to what their embedding is, whose pixels are the same data in another basis.
    faces = table[(table["view"] == "face") & table["active"]]
    assert np.corrcoef(faces["embedding_unique"], faces["decoded_unique"])[0, 1] > 0.9
    assert faces["embedding_unique"].sum() <= 1
    assert table.groupby("factor", sort=False)["relevance"].sum().is_monotonic_decreasing

    cards = json.loads((made / "cards.json").read_text())
    assert [card["factor"] for card in cards] == table["factor"].unique()[:2].tolist()
    test = set(data.keys[data.split["test"]].astype(str))
    for card in cards:
        assert set(card["relevance"]) == {"face", "cartoon", "attributes"}
        assert {sample["key"] for end in ("highest", "lowest") for sample in card[end]} <= test
        assert card["reach"] == 2.0
    names = [f"factor_{card['factor']:03d}" for card in cards]
    assert sorted(file.stem for file in (made / "figures").glob("*.png")) == sorted(["explained", *names])
    for name in names:
        with Image.open(made / "figures" / f"{name}.png") as picture:
            assert min(picture.size) > 600
    page = (made / "report.html").read_text()
    assert (page.count("<svg "), page.count("<img ")) == (1, 2)  # cards show faces
    assert "What a factor does to every view" in page


@pytest.mark.slow
def test_traversal_and_factors_write_the_same_of_a_factor(using: Using) -> None:
    read, traversed = (
        pd.read_csv(using(*asked) / "explained.csv").set_index(["factor", "view"])
        for asked in (
            ("task=factors", "cards=1", "count=2", "split=train"),
            ("task=traverse", "from=face", "features=1", "steps=3"),
        )
    )
    pd.testing.assert_frame_equal(read.loc[traversed.index, traversed.columns], traversed)


def test_a_split_without_samples_is_refused(using: Using, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = replace(data, split=data.split | {"test": data.split["test"][:0]})
    monkeypatch.setattr("favae_cli.tasks.trained_run.factors.load_data", lambda config, trained: nobody)
    with pytest.raises(UserError, match=r"^split: no test sample has any of the views face, cartoon, attributes$"):
        using("task=factors")


def test_an_output_that_cannot_be_made_is_refused_before_anything_is_computed(
    using: Using, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("favae_cli.tasks.trained_run.factors.load_data", lambda *_: pytest.fail("data were read"))
    with pytest.raises(UserError, match=r"^output: a \.h5ad file is made as a copy of one.*; name it \.h5mu$"):
        using("task=factors", f"output={tmp_path / 'out.h5ad'}")
