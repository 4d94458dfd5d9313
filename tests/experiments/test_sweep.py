"""A whole sweep in small."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.image import imread

Metrics = dict[str, float]


@pytest.mark.slow
def test_a_sweep_compares_its_runs_and_survives_data_that_are_too_few(
    avatars: list[str], favae_run: Callable[..., int], metrics_of: Callable[[Path], Metrics]
) -> None:
    assert favae_run("-m", *avatars, "model.beta=1,16", "data.split.test=0.2,0.001") == 2
    (folder,) = Path("outputs/multirun/avatars_condition").iterdir()
    with (folder / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["model.beta"], row["data.split.test"], row["status"]) for row in rows] == [
        ("1", "0.2", "finished"),
        ("1", "0.001", "failed"),
        ("16", "0.2", "finished"),
        ("16", "0.001", "failed"),
    ]
    for row in rows[::2]:
        metrics = metrics_of(Path(row["folder"]))
        assert float(row["score"]) == metrics["generate/accuracy"]
        assert {key: float(row[key]) for key in metrics} == metrics
        assert float(row["seconds"]) > metrics["seconds/alone"]
    assert all(row["error"].startswith("data.split: the test split is empty") for row in rows[1::2])
    assert rows[0]["test/face/log_likelihood"] != rows[2]["test/face/log_likelihood"]
    assert imread(folder / "sweep.png").std() > 0
