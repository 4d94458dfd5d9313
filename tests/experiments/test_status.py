"""Task status says the truth: of a run that goes on, was killed, stopped, failed or has finished, and of a sweep."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from favae_cli.common.run_lock import is_held
from favae_cli.common.standing import last_sign

Run = Callable[..., int]

PATIENCE = 300.0  # seconds
TABLE = ["experiment=wine_views", "model.factors=2", "schedule.rounds=1", "trainer.threads=1", "evaluation.cards=1"]
WITHOUT_END = ["schedule.sweeps=1000000000", "schedule.rotate_every=1000000000"]

pytestmark = pytest.mark.slow


@pytest.fixture
def told(favae_run: Run, capfd: pytest.CaptureFixture[str]) -> Callable[[str], list[str]]:
    """What the task says of a folder, in which nothing changes."""

    def ask(folder: str) -> list[str]:
        capfd.readouterr()
        before = files(Path(folder))
        assert favae_run("task=status", f"run={folder}") == 0
        assert files(Path(folder)) == before
        return capfd.readouterr().out.splitlines()

    return ask


def files(folder: Path) -> dict[Path, tuple[int, int] | None]:
    """What lies there, when it changed last and how large it is; of what a run may be writing only the name."""
    found: dict[Path, tuple[int, int] | None] = {}
    for path in folder.rglob("*"):
        if path.suffix == ".part" or path.is_dir():
            continue
        stat, alive = path.stat(), any(is_held(parent) for parent in path.parents)
        found[path] = None if alive else (stat.st_mtime_ns, stat.st_size)
    return found


def until_fitting(folder: Path) -> None:
    """Wait until the run has got to its factors, which it never leaves."""
    end = time.monotonic() + PATIENCE
    while (sign := last_sign(folder)) is None or sign.ending or sign.standing.phase != "factors":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_of_a_run_that_goes_on_is_stopped_goes_on_again_and_is_killed(
    fork: Callable[..., Any], told: Callable[[str], list[str]]
) -> None:
    process = fork(*TABLE, *WITHOUT_END, "hydra.run.dir=runs/one")
    until_fitting(Path("runs/one"))
    first, second, *_ = told("runs/one")
    assert re.fullmatch(r"runs/one: running in process \d+ on \S+, last sign 0:\d\d ago", first)
    assert second.strip().startswith("factors")
    (row,) = [line.split() for line in told("runs") if line.strip().startswith("one")]
    assert row[1] == "running"

    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    first, *_, last = told("runs/one")
    assert first == "runs/one: stopped"
    assert last.strip() == "goes on by: favae-run resume=runs/one"

    process = fork("resume=runs/one")
    until_fitting(Path("runs/one"))
    process.kill()
    process.wait()
    first, *_ = told("runs/one")
    assert re.match(r"runs/one: killed: process \d+ on \S+ is gone without a word", first)
    assert not any(path.suffix == ".part" for path in Path("runs").rglob("*"))


def test_of_one_that_failed_and_one_that_has_finished(
    favae_run: Run, undrawn: Run, told: Callable[[str], list[str]]
) -> None:
    short = [*TABLE, "schedule.sweeps=2"]
    assert favae_run(*short, "data.split.test=0.001", "hydra.run.dir=runs/failed") == 2
    assert favae_run(*short, "score=foo", "hydra.run.dir=runs/refused") == 2
    assert undrawn(*short, "hydra.run.dir=runs/finished") == 0
    first, *rest = told("runs/failed")
    assert first == "runs/failed: failed"
    assert any("data.split" in line for line in rest)
    first, *rest = told("runs/refused")
    assert first == "runs/refused: failed"
    assert any("score" in line for line in rest)
    assert not any("goes on by" in line for line in rest)
    assert told("runs/finished")[0] == "runs/finished: finished"
    states = {line.split()[0]: line.split()[1] for line in told("runs")[2:] if line.strip()}
    assert states == {"failed": "failed", "refused": "failed", "finished": "finished"}


def test_of_a_sweep(fork: Callable[..., Any], undrawn: Run, told: Callable[[str], list[str]]) -> None:
    sweep = [*TABLE, "schedule.sweeps=2,3,1000000000", "seed=1,2", "schedule.rotate_every=1000000000"]
    process = fork("-m", *sweep, "hydra.sweep.dir=sweep")
    until_fitting(Path("sweep/4"))
    title, _, *rows = [line for line in told("sweep") if line.strip()]
    assert re.match(r"sweep: 4 finished, 1 running, 1 waiting; about \d", title)
    assert [row.split()[:4] for row in rows] == [
        ["0", "2", "1", "finished"],
        ["1", "2", "2", "finished"],
        ["2", "3", "1", "finished"],
        ["3", "3", "2", "finished"],
        ["4", "1000000000", "1", "running"],
    ]
    process.kill()
    process.wait()
    assert told("sweep")[0] == "sweep: 4 finished, 1 killed, 1 waiting"
    (row,) = [line for line in told(".") if line.strip().startswith("sweep")]
    assert "4 finished, 1 killed, 1 waiting" in row


def test_a_folder_without_runs_is_a_line(favae_run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert favae_run("task=status", "run=empty") == 2
    assert capfd.readouterr().err == "favae-run: run: there is no run in empty, and no sweep\n"
