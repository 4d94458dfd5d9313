"""A run that was killed or stopped, and gone on with, ends with the numbers of one that never was."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Untimed = Callable[[Metrics], Metrics]
Run = Callable[..., int]
Begin = Callable[..., Any]

PATIENCE = 300.0  # seconds

RUN = Path("killed")


def lines(count: int) -> Callable[[], bool]:
    path = RUN / "metrics.jsonl"
    return lambda: path.is_file() and path.read_bytes().count(b"\n") >= count


def once(process: Any, condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; the process must still be running then."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.slow
def test_killed_again_and_again_it_ends_the_same(
    avatars: list[str], finished: Path, fork: Begin, undrawn: Run, metrics_of: MetricsOf, untimed: Untimed
) -> None:
    moments: list[Callable[[], bool]] = [
        (RUN / "run.log").is_file,
        (RUN / "checkpoints" / "last").is_dir,
        lines(3),
        lines(8),
        (RUN / "metrics.json").is_file,
    ]
    command = [*avatars, f"hydra.run.dir={RUN}"]
    for moment in moments:
        process = fork(*command)
        once(process, moment)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        command = [f"resume={RUN}"]
    assert undrawn(*command) == 0
    assert untimed(metrics_of(RUN)) == untimed(metrics_of(finished))


@pytest.mark.slow
def test_a_translation_of_two_views_that_was_killed_ends_the_same(
    adapt: list[str], adapted: Path, fork: Begin, undrawn: Run, metrics_of: MetricsOf, untimed: Untimed
) -> None:
    command = [*adapt, "model=fa_vae", f"hydra.run.dir={RUN}"]
    for moment in (lines(1), lines(4), (RUN / "metrics.json").is_file):  # alone, in the round, being evaluated
        process = fork(*command)
        once(process, moment)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        command = [f"resume={RUN}"]
    assert undrawn(*command) == 0
    assert untimed(metrics_of(RUN)) == untimed(metrics_of(adapted))
    assert (RUN / "report.html").is_file()


@pytest.mark.slow
def test_terminated_it_saves_says_how_to_go_on_and_ends_the_same(
    avatars: list[str], finished: Path, fork: Begin, undrawn: Run, metrics_of: MetricsOf, untimed: Untimed
) -> None:
    process = fork(*avatars, f"hydra.run.dir={RUN}")
    once(process, lines(1))
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in told
    last = told.splitlines()[-1]
    found = re.fullmatch(r"favae-run: stopped and saved; go on with: favae-run (resume=\S+)", last)
    assert found, told
    assert not (RUN / "metrics.json").exists()
    assert undrawn(*shlex.split(found[1])) == 0
    assert untimed(metrics_of(RUN)) == untimed(metrics_of(finished))


@pytest.mark.slow
def test_going_on_with_a_finished_run_changes_nothing(
    undrawn: Run, metrics_of: MetricsOf, untimed: Untimed, finished: Path
) -> None:
    shutil.copytree(finished, RUN)
    first, records = untimed(metrics_of(RUN)), (RUN / "metrics.jsonl").read_bytes()
    assert undrawn(f"resume={RUN}") == 0
    assert untimed(metrics_of(RUN)) == first
    assert (RUN / "metrics.jsonl").read_bytes() == records
