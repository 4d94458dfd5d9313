"""Runs are done once, go on where they stopped, and do not hold each other up."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Script = Callable[[str], ModuleType]


@pytest.fixture
def steps(script: Script) -> ModuleType:
    return script("steps")


def test_a_run_is_begun_then_left_alone(steps: ModuleType, runs: Any, tmp_path: Path) -> None:
    run = tmp_path / "a"
    assert steps.complete(run, ["seed=1"]) == 0
    assert steps.complete(run, ["seed=1"]) == 0
    assert runs.calls == [["seed=1", f"hydra.run.dir={run}"]]


def test_a_run_that_was_begun_goes_on(steps: ModuleType, runs: Any, tmp_path: Path) -> None:
    run = tmp_path / "a"
    runs.begin(run, ["++data.root=here", "seed=1"])
    assert steps.complete(run, ["data.root=here", "seed=1"]) == 0
    assert runs.calls == [[f"resume={run}"]]
    assert steps.finished(run)


def test_a_run_that_has_no_checkpoint_yet_goes_on_too(steps: ModuleType, runs: Any, tmp_path: Path) -> None:
    run = tmp_path / "a"
    runs.begin(run, ["seed=1"])
    shutil.rmtree(run / "checkpoints")
    steps.complete(run, ["seed=1"])
    assert runs.calls == [[f"resume={run}"]]


def test_a_run_that_left_nothing_is_begun_anew(steps: ModuleType, runs: Any, tmp_path: Path) -> None:
    run = tmp_path / "a"
    (run / "figures").mkdir(parents=True)
    (run / "figures").rmdir()
    assert steps.complete(run, ["seed=2"]) == 0
    assert runs.calls == [["seed=2", f"hydra.run.dir={run}"]]


def test_a_run_with_other_settings_is_left_alone_and_told(
    steps: ModuleType, runs: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "a"
    steps.complete(run, ["seed=1"])
    assert steps.complete(run, ["seed=2"]) == steps.MISTAKE
    assert len(runs.calls) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert str(run) in told
    assert "other settings" in told


def test_a_failing_run_does_not_hold_up_the_others(
    steps: ModuleType, runs: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, int]] = []
    runs.codes = {"b": 3, "c": 2}
    folders: dict[Path, list[str]] = {tmp_path / name: [] for name in "abcd"}
    code = steps.work(folders, lambda failures: seen.append({run.name: code for run, code in failures.items()}))
    assert code == 3
    assert runs.names == ["a", "b", "c", "d"]
    assert seen == [{}, {"b": 3}, {"b": 3, "c": 2}, {"b": 3, "c": 2}]
    assert capsys.readouterr().err.splitlines() == [
        "b failed (exit code 3); the others go on",
        "c failed (exit code 2); the others go on",
    ]


@pytest.mark.parametrize("code", [128 + signal.SIGINT, 128 + signal.SIGTERM])
def test_who_interrupts_a_run_interrupts_all(steps: ModuleType, runs: Any, tmp_path: Path, code: int) -> None:
    seen: list[object] = []
    runs.codes = {"b": code}
    assert steps.work({tmp_path / name: [] for name in "abc"}, seen.append) == code
    assert runs.names == ["a", "b"]
    assert len(seen) == 2


def test_signals_reach_the_run_which_is_waited_for(
    steps: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for Python that, asked to end, takes a moment to save."""
    ready, saved = tmp_path / "ready", tmp_path / "saved"
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f"#!/bin/sh\ntrap 'sleep 0.3; touch {saved}; exit 130' TERM\ntouch {ready}\nwhile :; do sleep 0.05; done\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setattr(steps.sys, "executable", str(stand_in))
    before = signal.getsignal(signal.SIGTERM)

    def interrupt() -> None:
        while not ready.exists():
            time.sleep(0.02)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
            time.sleep(0.1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code = steps.favae_run([])
    thread.join()
    assert code == 130
    assert saved.exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_killed_run_has_the_exit_code_that_a_shell_gives(
    steps: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nkill -KILL $$\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(steps.sys, "executable", str(stand_in))
    assert steps.favae_run([]) == 137
