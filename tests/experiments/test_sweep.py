"""Whole sweeps in small."""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joblib.externals.loky import get_reusable_executor
from matplotlib.image import imread

import favae_cli

Metrics = dict[str, float]

PATIENCE = 600.0  # seconds
TABLE = [
    "-m",
    "experiment=wine_views",
    "model.factors=2",
    "schedule.sweeps=2",
    "schedule.rounds=1",
    "trainer.threads=1",
    "evaluation.cards=1",
]


def rows_of(folder: Path) -> list[dict[str, str]]:
    path = folder / "sweep.csv"
    return list(csv.DictReader(path.read_text().splitlines())) if path.is_file() else []


@pytest.mark.slow
def test_a_sweep_gives_what_single_runs_give_compares_them_and_survives_data_that_are_too_few(
    avatars: list[str],
    finished: Path,
    undrawn: Callable[..., int],
    metrics_of: Callable[[Path], Metrics],
    untimed: Callable[[Metrics], Metrics],
) -> None:
    assert undrawn("-m", *avatars, "model.beta=16,1", "data.split.test=0.2,0.001") == 2
    (folder,) = Path("outputs/multirun/avatars_condition").iterdir()
    rows = rows_of(folder)
    assert [(row["model.beta"], row["data.split.test"], row["status"]) for row in rows] == [
        ("16", "0.2", "finished"),
        ("16", "0.001", "failed"),
        ("1", "0.2", "finished"),
        ("1", "0.001", "failed"),
    ]
    results = [untimed(metrics_of(Path(row["folder"]))) for row in rows[::2]]
    assert results[1] == untimed(metrics_of(finished))
    assert results[0]["test/face/kl"] != results[1]["test/face/kl"]
    for row in rows[::2]:
        metrics = metrics_of(Path(row["folder"]))
        assert not (Path(row["folder"]) / "figures").exists()  # as nobody asked for any
        assert float(row["score"]) == metrics["generate/accuracy"]
        assert {key: float(row[key]) for key in metrics} == metrics
        assert float(row["seconds"]) > metrics["seconds/alone"]
    assert all(row["error"].startswith("data.split: the test split is empty") for row in rows[1::2])
    assert rows[0]["test/face/log_likelihood"] != rows[2]["test/face/log_likelihood"]
    assert imread(folder / "sweep.png").std() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launch", "package"),
    [
        ("joblib", "hydra_plugins.hydra_joblib_launcher"),
        ("submitit_local", "hydra_plugins.hydra_submitit_launcher"),
    ],
)
def test_runs_side_by_side_leave_a_whole_table(
    launch: str, package: str, favae_run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.setenv("PYTHONPATH", str(Path(favae_cli.__file__).parents[1]))
    assert favae_run(*TABLE, f"launch={launch}", "seed=range(2)", "hydra.sweep.dir=sweep") == 0
    get_reusable_executor(reuse=True).shutdown(kill_workers=True)  # those of joblib would wait for more
    rows = rows_of(Path("sweep"))
    assert [(row["job"], row["seed"], row["folder"]) for row in rows] == [
        (f"{i}", f"{i}", f"sweep/{i}") for i in range(2)
    ]
    assert {row["status"] for row in rows} == {"finished"}
    assert all(float(row["score"]) == float(row["predict/mean"]) and float(row["seconds"]) > 0 for row in rows)
    assert imread("sweep/sweep.png").std() > 0


@pytest.mark.slow
def test_a_sweep_that_was_killed_runs_only_what_is_missing(
    fork: Callable[..., Any], favae_run: Callable[..., int]
) -> None:
    command = [*TABLE, "seed=range(3)", "hydra.sweep.dir=sweep"]
    process = fork(*command)
    end = time.monotonic() + PATIENCE
    while [row["status"] for row in rows_of(Path("sweep"))] != ["finished", "unfinished"]:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    first, log = rows_of(Path("sweep"))[0], Path("sweep/0/run.log").read_bytes()
    assert favae_run(*command, "sweep.resume=true") == 0
    rows = rows_of(Path("sweep"))
    assert rows[0] == first
    assert Path("sweep/0/run.log").read_bytes() == log
    assert [(row["seed"], row["status"]) for row in rows] == [(f"{seed}", "finished") for seed in range(3)]
    assert len({row["score"] for row in rows}) == 3
