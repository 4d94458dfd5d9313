"""A stranger with a survey: from the raw file to answers, without an edit, word for word as the guide says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from favae_cli.cli import main

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "survey.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUICK = ["hydra.run.dir=run", "schedule.sweeps=30", "evaluation.cards=1", "trainer.device=cpu", "trainer.threads=1"]
MORE = {"experiment=survey": QUICK, "task=factors": ["cards=1", "count=20"]}


@pytest.mark.slow
def test_a_survey_with_everything_is_answered_as_the_guide_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quick_figures: Callable[[], AbstractContextManager[None]],
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = [text for language, text in FENCE.findall(GUIDE.read_text()) if language in ("python", "sh")]
    make, ask, read = blocks[:3]
    names: dict[str, Any] = {}
    exec(make, names)
    for line in ask.splitlines():
        words = [word.replace("outputs/survey/...", "run") for word in shlex.split(line, comments=True)[1:]]
        with quick_figures():
            assert main(words + MORE.get(words[0], [])) == 0, line
        said = capsys.readouterr().err
        assert "warning: data" not in said, said
    exec(read, names)
    truth, hidden = names["truth"][:400], pd.DataFrame(names["hidden"], columns=names["truth"].columns)[:400]

    # What init took each column for.
    data = yaml.safe_load((tmp_path / "configs/experiment/survey.yaml").read_text())["data"]
    views = data["views"].values()
    kinds = {column.replace("\\$", "$"): view["kind"] for view in views for column in view["columns"]}
    assert kinds == {
        **dict.fromkeys(["age", "health", "sport", "q1", "q2"], "ordinal"),
        **dict.fromkeys(["region", "town", "answered weekday", "answered month"], "categorical"),
        **dict.fromkeys(["smoker", "insured"], "binary"),
        **dict.fromkeys(["answered", "income", "rent ${eur}"], "real"),
    }
    assert data["missing_values"] == {"q1": ["9"], "q2": ["9"], "smoker": ["unbekannt"], "income": ["-999.0"]}
    assert data["views"]["levels"]["levels"]["health"] == ["poor", "fair", "good", "very good"]

    # What was answered stays, in its own words; what was not is filled in them.
    filled = pd.read_csv("filled.csv", dtype=str)
    asked = pd.read_csv("survey.csv", dtype=str)
    for column in truth.columns[1:]:
        there = ~hidden[column]
        if column not in ("income", "rent ${eur}"):
            assert filled.loc[there, column].tolist() == asked.loc[there, column].tolist(), column
            assert set(filled[column]) <= {*truth[column].astype(str), "other"} or column == "answered", column
    amounts = filled[["income", "rent ${eur}"]].astype(float)
    there = ~hidden[amounts.columns].to_numpy()
    np.testing.assert_array_equal(amounts.to_numpy()[there], truth[amounts.columns].to_numpy(float)[there])
    assert (amounts > 0).all(axis=None)

    # How well: logarithms of amounts, levels, and yes or no of those who did not say.
    gap = hidden["income"]
    logs, right_logs = (np.log(part["income"][gap].astype(float)) for part in (amounts, truth))
    assert np.corrcoef(logs, right_logs)[0, 1] > 0.8
    assert (filled["smoker"] == truth["smoker"])[hidden["smoker"]].mean() > 0.7
    level = {name: place for place, name in enumerate(["poor", "fair", "good", "very good"])}
    apart = filled["health"].map(level) - truth["health"].map(level)
    assert apart[hidden["health"]].abs().mean() < 0.8
    made, right = (pd.to_datetime(part["answered"], format="%d.%m.%Y") for part in (filled, truth))
    assert abs(made - right)[hidden["answered"]].dt.days.median() < 90

    # People who were asked less, and how sure that is.
    predicted, later = names["predicted"], names["later"]
    assert names["inside"].mean() >= 0.7
    assert (predicted["income_upper"] - predicted["income"] > predicted["income"] - predicted["income_lower"]).all()
    assert (predicted["smoker"] == later["smoker"]).mean() >= 0.7
    assert predicted["answered"].str.fullmatch(r"\d\d\.\d\d\.20\d\d").all()
    assert set(predicted["insured"]) <= {"F", "T"}
