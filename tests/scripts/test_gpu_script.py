"""The script that measures on a GPU, with a Python that does nothing: what it tells of how its parts ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "gpu.sh"
PARTS = ("batch_64", "batch_1024", "avatars_condition", "tests", "pictures", "paper_size")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run(folder: Path, fails: str, left: int = 295) -> tuple[int, dict[str, str]]:
    """Exit code and lines of the summary, where what is asked to run `fails` ends with 3."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\ntr '\\0' ' ' </proc/$PPID/cmdline\ncase \"$*\" in *\"{fails}\"*) exit 3;; esac\n")
    python.chmod(0o700)
    given = {"PYTHON": "./python", "DEVICE": "cpu", "QUICK": "1", "SECONDS_LEFT": str(left)}
    ended = subprocess.run(["bash", SCRIPT, "results"], cwd=folder, env=os.environ | given, stdout=subprocess.DEVNULL)
    lines = (folder / "results" / "summary.txt").read_text().splitlines()
    return ended.returncode, {name: told for name, _, told in (line.partition(": ") for line in lines)}


def test_a_python_beside_the_caller_runs_all_parts(tmp_path: Path) -> None:
    code, told = run(tmp_path, "nothing", left=3600)
    assert code == 0
    assert tuple(told) == PARTS
    assert all(line.startswith("exit code 0") for line in told.values())
    _, _, seconds, *_ = (tmp_path / "results" / "paper_size.txt").read_text().split()
    assert 3500 < int(seconds) <= 3600  # all that is left


@pytest.mark.parametrize(("fails", "part"), [("-m pytest", "tests"), ("task=check", "pictures")])
def test_how_a_part_ended_is_told(fails: str, part: str, tmp_path: Path) -> None:
    code, told = run(tmp_path, fails)
    assert code == (part != "pictures")  # which a run draws itself
    assert {name for name, line in told.items() if line.startswith("exit code 3")} == {part}


def test_what_has_no_time_left_is_no_success(tmp_path: Path) -> None:
    code, told = run(tmp_path, "nothing", left=5)
    assert code == 1
    assert set(told.values()) == {"no time left", "exit code 0"}
