"""What is said of a run from outside: by its lock, its last sign and what lies in its folder."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.run_lock import holding
from favae_cli.common.standing import Ending, Sign, Standing
from favae_cli.training.run_status import RunStatus

AT = Standing("round 2 of 4", "image", 3, 5, training_left=100.0)


def leave_sign(folder: Path, ending: Ending | None = None, error: str = "", ago: float = 0.0) -> None:
    Sign(AT, time.time() - ago, ending, error).write(folder)


def test_one_that_holds_its_lock_runs_and_will_end(tmp_path: Path) -> None:
    with holding(tmp_path):
        leave_sign(tmp_path, ago=3.0)
        found = RunStatus.of(tmp_path)
    assert found.state == "running"
    assert found.told == f"running in process {os.getpid()} on {socket.gethostname()}, last sign 0:03 ago"
    assert found.standing == AT
    assert found.ends == pytest.approx(time.time() + 97, abs=2)


@pytest.mark.parametrize("ending", ["finished", "stopped", "failed"])
def test_one_that_ended_said_how(ending: Ending, tmp_path: Path) -> None:
    with holding(tmp_path):
        leave_sign(tmp_path, ending, "data.root: is not there" if ending == "failed" else "")
    found = RunStatus.of(tmp_path)
    assert found.state == ending
    assert found.error == ("data.root: is not there" if ending == "failed" else "")
    assert found.ends is None


def test_one_that_left_its_name_and_no_lock_was_killed(tmp_path: Path) -> None:
    RunFolder(tmp_path).holder.write_text(f"process 12 on {socket.gethostname()}")
    RunFolder(tmp_path).lock.touch()
    leave_sign(tmp_path, ago=75.0)
    found = RunStatus.of(tmp_path)
    assert found.state == "killed"
    assert found.told.endswith("is gone without a word, last sign 1:15 ago")


def test_one_that_was_killed_before_its_first_sign_is_not_as_it_was_left_before(tmp_path: Path) -> None:
    leave_sign(tmp_path, "stopped", ago=75.0)
    RunFolder(tmp_path).holder.write_text(f"process 12 on {socket.gethostname()}")
    assert RunStatus.of(tmp_path).state == "killed"


def test_of_another_machine_nothing_can_be_told_but_the_last_sign(tmp_path: Path) -> None:
    RunFolder(tmp_path).holder.write_text("process 12 on elsewhere.example")
    leave_sign(tmp_path, ago=75.0)
    found = RunStatus.of(tmp_path)
    assert found.state == "unknown"
    assert found.told == "cannot tell from this machine: process 12 on elsewhere.example, last sign 1:15 ago"


@pytest.mark.parametrize(("alive", "state"), [(True, "running"), (False, "unknown")])
def test_where_no_lock_can_be_seen_the_process_says_whether_it_runs(
    alive: bool, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_locks(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", without_locks)
    ended = subprocess.Popen(["true"])
    ended.wait()
    RunFolder(tmp_path).lock.touch()
    process = os.getpid() if alive else ended.pid
    RunFolder(tmp_path).holder.write_text(f"process {process} on {socket.gethostname()}")
    assert RunStatus.of(tmp_path).state == state


def test_runs_of_before_are_known_by_what_they_left(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    line = {"kind": "epoch", "epoch": 4, "view": "image", "phase": "round", "round": 2, "validation/elbo": -3.5}
    run.records.write_text(json.dumps(line) + "\n")
    found = RunStatus.of(tmp_path)
    assert (found.state, found.standing) == ("unfinished", Standing("round 2", "image", elbo=-3.5))
    run.metrics.write_text("{}")
    run.report.write_text("")
    assert RunStatus.of(tmp_path).state == "finished"


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    RunStatus.of(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_a_damaged_sign_is_a_line(tmp_path: Path) -> None:
    RunFolder(tmp_path).progress.write_text('{"standing": 3}')
    with pytest.raises(UserError, match=r"progress\.json: is damaged"):
        RunStatus.of(tmp_path)
