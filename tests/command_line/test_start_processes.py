"""Who starts the processes of a run, and how they end: what the parent makes of what its processes do."""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from favae_cli import tasks
from favae_cli.command_line import start_processes
from favae_cli.common.errors import Interrupted, UserError
from favae_cli.config.run import Config
from favae_cli.machine.launcher_environment import Place
from favae_cli.machine.messages import decode, encode
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.machine.world import World

LONG = 60.0  # seconds; no test lasts so long
Outcome = float | BaseException
Act = Callable[[Place, Path], Outcome | tuple[float, Outcome]]
Run = Callable[[Act], float]


def of(**trainer: int) -> Any:
    """All of a config that matters here."""
    return SimpleNamespace(trainer=SimpleNamespace(**{"devices": 1, "nodes": 1} | trainer))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Run two processes, forked ones, each of which ends as `act` says, now or at a time that it names."""
    forking = multiprocessing.get_context("fork")
    monkeypatch.setattr(start_processes, "CONTEXT", forking)
    monkeypatch.setattr(start_processes, "ENDING", 0.5)

    def start(act: Act) -> float:
        def work(place: Place, config: Config, directory: Path, report: Connection) -> None:
            gc.disable()  # what earlier tests left, threads among it, is not a fork's to end
            ending = act(place, directory)
            report.send(ending if isinstance(ending, tuple) else (time.monotonic(), ending))

        monkeypatch.setattr(start_processes, "_work", work)
        return start_processes.run(of(devices=2), tmp_path)

    yield start
    assert not multiprocessing.active_children(), "a process is left behind"


def test_one_process_is_this_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tasks, "run_task", lambda config, directory: float(os.getpid()))
    assert start_processes.run(of(), tmp_path) == os.getpid()


def test_the_score_is_that_of_the_leading_process_whoever_ends_first(run: Run) -> None:
    def act(place: Place, folder: Path) -> float:
        if place.is_main:
            time.sleep(0.2)
        return 0.75 if place.is_main else math.nan

    assert run(act) == 0.75


def test_each_process_knows_its_place(run: Run, tmp_path: Path) -> None:
    def act(place: Place, folder: Path) -> float:
        (folder / str(place.rank)).write_text(f"{place.size} {place.local} {place.address} {place.port} {place.hosted}")
        return 0.0

    run(act)
    first, second = ((tmp_path / str(rank)).read_text().split() for rank in range(2))
    assert first[0] == second[0] == "2"
    assert (first[1], second[1]) == ("0", "1")
    assert first[2:] == second[2:]
    assert first[2] == "127.0.0.1"


def test_what_failed_first_is_told_though_it_is_heard_last(run: Run) -> None:
    def act(place: Place, folder: Path) -> tuple[float, Outcome]:
        time.sleep(0.2 * place.rank)
        return 2.0 - place.rank, UserError(f"process {place.rank}")

    with pytest.raises(UserError, match="process 1"):
        run(act)


def test_a_process_that_waits_for_one_that_failed_is_ended(run: Run) -> None:
    def act(place: Place, folder: Path) -> BaseException:
        if place.is_main:
            time.sleep(LONG)
        return start_processes.ProcessFailed("ZeroDivisionError")

    with pytest.raises(start_processes.ProcessFailed, match="ZeroDivisionError"):
        run(act)


@pytest.mark.slow
def test_a_process_that_dies_without_a_word_ends_all(run: Run) -> None:
    def act(place: Place, folder: Path) -> float:
        if place.is_main:
            time.sleep(LONG)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    with pytest.raises(start_processes.ProcessFailed, match="process 1 ended with exit code -9"):
        run(act)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_reaches_every_process_and_all_may_save(run: Run, tmp_path: Path, number: int) -> None:
    def act(place: Place, folder: Path) -> BaseException:
        with StopRequest().handling() as stop:
            try:
                with stop.patiently():
                    (folder / f"ready{place.rank}").touch()
                    while place.is_main and not (folder / "ready1").exists():
                        time.sleep(0.01)
                    time.sleep(0.1)
                    if place.is_main:
                        os.kill(os.getppid(), number)
                    while not stop.asked:
                        time.sleep(0.01)
            except Interrupted:
                if place.is_main:
                    time.sleep(1.0)  # longer than others are waited for who lost touch
                (folder / f"saved{place.rank}").touch()
                return Interrupted("stopped and saved")
        raise AssertionError

    with pytest.raises(Interrupted, match="stopped and saved"):
        run(act)
    assert {path.name for path in tmp_path.glob("saved*")} == {"saved0", "saved1"}


@pytest.mark.parametrize("waits", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_nobody_waits_for_good_for_one_that_was_interrupted(
    run: Run, waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_processes, "SAVING", 0.5)

    def act(place: Place, folder: Path) -> BaseException:
        if place.rank == waits:
            time.sleep(LONG)
        return Interrupted("stopped")

    with pytest.raises(Interrupted, match="stopped"):
        run(act)


def test_a_signal_before_they_can_take_it_is_no_bug(run: Run) -> None:
    def act(place: Place, folder: Path) -> float:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if place.is_main:
            time.sleep(0.2)
            os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(LONG)
        return 0.0

    with pytest.raises(Interrupted):
        run(act)


def test_several_machines_need_somebody_who_starts_it_on_each(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^trainer\.devices=4 trainer\.nodes=2: .* torchrun --nnodes=2 .* srun"):
        start_processes.run(of(devices=4, nodes=2), tmp_path)


@pytest.mark.parametrize(("devices", "nodes", "wanted"), [(1, 1, 1), (2, 1, 2), (4, 2, 8)])
def test_as_many_processes_as_were_started_must_be_asked_for(
    devices: int, nodes: int, wanted: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(World, "here", lambda: World(0, 4))
    with pytest.raises(UserError, match=rf"^trainer\.devices={devices} .*: {wanted} processes asked for, 4 started"):
        start_processes.run(of(devices=devices, nodes=nodes), tmp_path)


def test_processes_started_together_take_config_and_folder_of_the_leading_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config_of: Callable[..., Config]
) -> None:
    own, theirs = (config_of("experiment=avatars_condition", "trainer.devices=4", f"seed={seed}") for seed in (1, 2))
    told = [theirs.model_dump(mode="json", by_alias=True), str(tmp_path / "theirs")]
    monkeypatch.setattr(World, "here", lambda: World(2, 4))
    monkeypatch.setattr(World, "gather", lambda self, part: [decode(encode(each)) for each in (told, *3 * [part])])
    asked = (theirs, tmp_path / "theirs")
    monkeypatch.setattr(tasks, "run_task", lambda config, directory: float((config, directory) == asked))
    assert start_processes.run(own, tmp_path / "own") == 1.0
