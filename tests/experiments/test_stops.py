"""SIGTERM and Ctrl-C are heard in whatever the command line does, and nothing half-written stays."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from favae_cli.data import loading
from favae_cli.evaluation import prediction
from favae_cli.factors import rotation
from favae_cli.preparation import check_loading
from favae_cli.reporting import report
from favae_cli.tasks import check, init, session
from favae_cli.training import factor_step

Metrics = dict[str, float]
Run = Callable[..., int]

SOON, PATIENCE = 5.0, 300.0  # seconds
TABLE = [
    "experiment=wine_views",
    "model.factors=2",
    "schedule.sweeps=2",
    "schedule.rounds=1",
    "trainer.threads=1",
    "evaluation.cards=1",
]


def half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name not in (".hydra", ".lock", ".sweep.csv.lock")]


@pytest.fixture
def stopped(favae_run: Run, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command line, to which a signal comes in that function; returns the last line that it says."""

    def run(number: int, owner: Any, name: str, *arguments: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, lambda *given, **named: signal.raise_signal(number))
            assert favae_run(*arguments) == 130
        told = capfd.readouterr().err
        assert "Traceback" not in told
        return told.splitlines()[-1]

    return run


@pytest.mark.slow
def test_a_run_stopped_in_every_phase_ends_with_the_same_numbers(
    stopped: Callable[..., str],
    undrawn: Run,
    metrics_of: Callable[[Path], Metrics],
    untimed: Callable[[Metrics], Metrics],
) -> None:
    enough = [*TABLE, "model.factors=6", "schedule.sweeps=300"]  # for all that a fit does in the end
    assert undrawn(*enough, "hydra.run.dir=whole") == 0
    command = [*enough, "hydra.run.dir=run"]
    for number, owner, name in (
        (signal.SIGTERM, loading, "load"),
        (signal.SIGINT, session, "build_model"),
        (signal.SIGTERM, factor_step, "encode"),
        (signal.SIGINT, rotation, "turned"),
        (signal.SIGTERM, sys.modules["favae_cli.factors.fit"], "spare_factors"),
        (signal.SIGINT, factor_step, "learn_read_outs"),
        (signal.SIGTERM, prediction, "score"),
        (signal.SIGINT, prediction, "baseline_metrics"),
        (signal.SIGTERM, FigureCanvasAgg, "draw"),
        (signal.SIGINT, report, "_progress"),
    ):
        told = stopped(number, owner, name, *command)
        assert told.startswith("favae-run: stopped and saved; go on with: favae-run resume="), name
        assert not half_written(Path("run")), name
        command = ["resume=run"]
    assert undrawn(*command) == 0
    assert untimed(metrics_of(Path("run"))) == untimed(metrics_of(Path("whole")))

    told = stopped(signal.SIGINT, FigureCanvasAgg, "draw", "task=factors", "run=run", "hydra.run.dir=used")
    assert told.startswith("favae-run: stopped; what was made until then is in")
    assert not half_written(Path("used"))


@pytest.mark.slow
def test_a_sweep_stops_with_its_run_and_goes_on_with_it(stopped: Callable[..., str], favae_run: Run) -> None:
    sweep = ["-m", *TABLE, "seed=0,1", "hydra.sweep.dir=sweep"]
    told = stopped(signal.SIGTERM, factor_step, "encode", *sweep)
    assert "stopped and saved; go on with: favae-run resume=" in told
    assert not Path("sweep/1").exists()
    assert not half_written(Path("sweep"))
    assert favae_run(*sweep, "sweep.resume=true") == 0
    assert pd.read_csv("sweep/sweep.csv")["status"].tolist() == ["finished", "finished"]


@pytest.mark.parametrize(
    ("owner", "name", "arguments"),
    [
        (check_loading, "load", ["task=check", *TABLE]),
        (check, "phases", ["task=check", *TABLE]),
        (init, "guess_files", ["task=init", "input=table.csv"]),
    ],
)
def test_looking_at_data_stops_without_a_traceback(
    owner: Any, name: str, arguments: list[str], stopped: Callable[..., str]
) -> None:
    Path("table.csv").write_text("id,a\n1,2\n2,3\n")
    before = {*Path().rglob("*")}
    assert stopped(signal.SIGINT, owner, name, *arguments) == "favae-run: stopped"
    assert {*Path().rglob("*")} == before


@pytest.mark.slow
def test_a_process_in_sweeps_without_end_hears_a_signal_soon(fork: Callable[..., Any]) -> None:
    process = fork(*TABLE, "schedule.sweeps=1000000000", "schedule.rotate_every=1000000000", "hydra.run.dir=run")
    until(Path("run/checkpoints/last").is_dir, PATIENCE)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    until(lambda: "stopped" in Path("run/run.log").read_text(), SOON)
    assert process.wait(PATIENCE) == 130
    assert not half_written(Path("run"))


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
