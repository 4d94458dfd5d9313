"""What the benchmarks measure with: sides that take turns, processes of their own, and the memory of a command."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import IO, Any, TypeVar

INTERVAL = 0.02  # seconds between two looks at a command's memory
MIB = 1 << 20
SPAWN = multiprocessing.get_context("spawn")

Side = TypeVar("Side")
Result = TypeVar("Result")


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long `work` takes; with `time.process_time`, apart from what else the machine does."""
    return timed(work, clock)[1]


def timed(work: Callable[[], Result], clock: Callable[[], float] = time.process_time) -> tuple[Result, float]:
    """What `work` returns, and the seconds that it takes: of processor time, or by another clock."""
    begin = clock()
    result = work()
    return result, clock() - begin


def interleaved(sides: Mapping[Side, Callable[[], float]], rounds: int) -> dict[Side, list[float]]:
    """What each side says of itself in every round.

    A round asks all sides, beginning with another one each time, so that whatever else the machine does falls on
    all of them alike.
    """
    names = list(sides)
    found: dict[Side, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % max(len(names), 1)
        for name in names[first:] + names[:first]:
            found[name].append(sides[name]())
    return found


def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Median, over rounds, of how many times as long `slow` took as `fast`."""
    return median(one / other for one, other in zip(slow, fast, strict=True))


class Apart:
    """Work in a process of its own, with threads and a memory allocator of its own; a context manager.

    Args:
        make: called once in that process with `arguments`; what it returns is called there whenever this is called.
        context: how the process starts.
    """

    def __init__(
        self, make: Callable[..., Callable[[], Any]], *arguments: Any, context: SpawnContext | ForkServerContext = SPAWN
    ) -> None:
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
        self._process.start()
        there.close()

    def __call__(self) -> Any:
        """What the work returns; raises RuntimeError where its process has died, which has told why itself."""
        try:
            self._here.send(True)
            return self._here.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(f"a side of the benchmark ended: {self._process}") from error

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._here.close()
        self._process.join()


def _serve(connection: Any, make: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...]) -> None:
    work = make(*arguments)
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        connection.send(work())


@dataclass(frozen=True)
class Sample:
    """What a process held in memory at one moment.

    Attributes:
        time: of `time.time`.
        own: bytes that are its own, which no file backs.
        mapped: bytes of mapped files that happen to be in memory; the system takes them back when it needs them.
    """

    time: float
    own: int
    mapped: int


def memory(command: Sequence[str], folder: Path) -> Iterator[Sample]:
    """Run `command` in `folder` and look at its memory until it ends; Linux only.

    Raises:
        RuntimeError: it fails; holds the end of what it said.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                try:
                    status = dict(
                        line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    )
                except (FileNotFoundError, ProcessLookupError):  # it has just ended
                    break
                if "RssAnon" in status:
                    yield Sample(time.time(), _bytes(status["RssAnon"]), _bytes(status["RssFile"]))
                time.sleep(INTERVAL)
        finally:
            if process.poll() is None:
                process.terminate()
            code = process.wait()
        _told(command, code, said)


def measured(command: Sequence[str], folder: Path) -> tuple[str, float, float]:
    """What a command says in `folder`, its seconds of processor time, and the largest memory that it had, MiB.

    Raises:
        RuntimeError: as `memory`.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        return _told(command, status, said), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _told(command: Sequence[str], code: int, said: IO[str]) -> str:
    """All that a command said that has ended well."""
    said.seek(0)
    text = said.read()
    if code:
        raise RuntimeError(f"{' '.join(command)} failed:\n{text[-2000:]}")
    return text


def _bytes(field: str) -> int:
    return int(field.split()[0]) * 1024
