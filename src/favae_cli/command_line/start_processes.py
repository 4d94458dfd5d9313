"""A run of several processes: who starts them, and how they end."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from favae_cli import tasks
from favae_cli.common.errors import Interrupted, UserError
from favae_cli.config.run import Config
from favae_cli.machine.launcher_environment import Place
from favae_cli.machine.rendezvous import join, keep_rendezvous
from favae_cli.machine.stop_signals import told_to_stop
from favae_cli.machine.world import World

ENDING = 5.0  # seconds for the others to end by themselves once one has failed
SAVING = 60.0  # seconds for the main process to save once another was interrupted

CONTEXT = multiprocessing.get_context("spawn")
_HERE = "127.0.0.1"
_Ending = tuple[float, float | BaseException]
"""When a process ended, and with which score or by what."""


class ProcessFailed(Exception):
    """A bug in one of the processes that favae-run started; holds that one's traceback."""


def run(config: Config, directory: Path) -> float:
    """Run `config.task` in as many processes as the config asks for.

    In those that torchrun or srun started, or in new ones on this machine.

    Returns:
        As `run_task`.

    Raises:
        Interrupted, UserError: as `run_task`; also where there are other processes than the config asks for.
        ProcessFailed: a bug in one of the new processes.
    """
    world, trainer = World.here(), config.trainer
    asked = f"trainer.devices={trainer.devices} trainer.nodes={trainer.nodes}"
    if world.size > 1:
        if world.size != (wanted := trainer.devices * trainer.nodes):
            raise UserError(
                f"{asked}: {wanted} processes asked for, {world.size} started; devices counts those of one machine"
            )
        told, place = world.gather([config.model_dump(mode="json", by_alias=True), str(directory)])[0]
        config, directory = Config.model_validate(told), Path(str(place))
        return tasks.run_task(config, directory)
    if trainer.nodes > 1:
        raise UserError(
            f"{asked}: favae-run starts processes on its own machine only; start it on every machine, with torchrun "
            f"--nnodes={trainer.nodes} --nproc-per-node={trainer.devices} ... -m favae_cli ..., or with srun "
            f"--nodes={trainer.nodes} --ntasks-per-node={trainer.devices} favae-run ..."
        )
    return _run_here(config, directory) if trainer.devices > 1 else tasks.run_task(config, directory)


def _run_here(config: Config, directory: Path) -> float:
    """Start the processes on this machine and wait for what comes of them."""
    processes = _Processes()
    try:
        with told_to_stop(processes.stop):
            processes.start(config, directory)
            return processes.score()
    finally:
        processes.end()


class _Processes:
    """The processes that share a run, seen from their parent."""

    def __init__(self) -> None:
        self._rendezvous = keep_rendezvous(_HERE)
        self._processes: dict[Connection, SpawnProcess] = {}
        self._running: list[Connection] = []
        self._stopped = False

    def start(self, config: Config, directory: Path) -> None:
        count = config.trainer.devices
        for rank in range(count):
            report, end = CONTEXT.Pipe(duplex=False)
            place = Place(rank, count, rank, _HERE, self._rendezvous.port, hosted=True)
            process = CONTEXT.Process(target=_work, args=(place, config, directory, end), name=f"process {rank}")
            process.start()
            end.close()
            self._processes[report] = process
            self._running.append(report)
            if self._stopped:  # the one that has just begun may not have heard it
                raise Interrupted

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on: each process takes it as a run of one would."""
        self._stopped = True
        for report in self._running:
            self._processes[report].terminate()

    def score(self) -> float:
        """What the main process returned, once all have ended; raises what the first of them failed by."""
        score, leading = 0.0, self._running[0]
        failures: list[tuple[float, BaseException]] = []
        left: float | None = None  # seconds for the others
        while self._running and (ready := wait(self._running, left)):
            for report in ready:
                assert isinstance(report, Connection)
                when, outcome = self._received(report)
                if not isinstance(outcome, BaseException):
                    score = outcome if report is leading else score
                    continue
                failures.append((when, outcome))
                if report is leading or not isinstance(outcome, Interrupted):
                    left = ENDING
                elif left is None:
                    left = SAVING
        if failures:  # the others fail because of the first
            raise min(failures, key=lambda failure: failure[0])[1]
        return score

    def end(self) -> None:
        """Leave no process behind."""
        for report, process in self._processes.items():
            process.join(0 if report in self._running else ENDING)
            process.kill()
            process.join()

    def _received(self, report: Connection) -> _Ending:
        """The last word of a process."""
        self._running.remove(report)
        try:
            found: _Ending = report.recv()
        except EOFError:
            process = self._processes[report]
            process.join()
            if self._stopped:  # before it could take a signal for a wish
                return 0.0, Interrupted()
            return 0.0, ProcessFailed(f"{process.name} ended with exit code {process.exitcode}")
        return found


def _work(place: Place, config: Config, directory: Path, report: Connection) -> None:
    """One of the processes, from its beginning to its end."""
    os.setsid()  # Ctrl-C reaches the parent alone, which passes it on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    outcome: float | BaseException
    try:
        join(place)
        outcome = tasks.run_task(config, directory)
    except (UserError, Interrupted) as ending:
        outcome = ending
    except Exception:  # noqa: BLE001 - the last that could tell it; the parent has only what is sent
        outcome = ProcessFailed(f"process {place.rank} of {place.size}\n{traceback.format_exc()}")
    sys.stdout.flush()
    report.send((time.monotonic(), outcome))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # the main thread may wait for other processes, for good
