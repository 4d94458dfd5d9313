"""Processes of favae-run that need not import anything: a server that has done so forks them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from favae_cli.command_line import start_processes

# What takes longer to import than most tiny runs take; torch imports the last of these for optimisers.
IMPORTED = ["favae_cli.tasks.condition", "favae_cli.tasks.adapt", "favae_cli.tasks.transfer", "torch._dynamo"]
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(IMPORTED)

# As `quick_figures` of shared_fixtures.py has it, for a process of its own.
QUICK_FIGURES = """
from matplotlib.text import Text
from favae_cli.reporting import style
style.blank.__kwdefaults__["constrained"] = False
style._shows_images = lambda figure: True
Text.draw = lambda text, renderer: None
"""
BEGINNING = (
    """
import os, sys
os.environ.clear()
os.environ.update({environ!r})
os.chdir({folder!r})
for number, path in enumerate({told!r}, start=1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
sys.argv = ["favae-run"]
from favae_cli.cli import main
"""
    + QUICK_FIGURES
)


class Forked:
    """A command line in a process of its own, much like a `subprocess.Popen`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._told = folder / "stdout", folder / "stderr"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # NiceGUI looks
        source = BEGINNING.format(environ=plain, folder=str(Path.cwd()), told=[*map(str, self._told)])
        call = (f"{source}sys.exit(main({arguments!r}))",)
        self._process = FORKSERVER.Process(target=exec, args=call, name="MainProcess")  # NiceGUI serves in no other
        self._process.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    @property
    def told(self) -> str:
        """What it has told on either stream so far, the standard output first."""
        return "".join(path.read_text() for path in self._told if path.is_file())

    def poll(self) -> int | None:
        """The exit code, negative for that of a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has told on either stream once it has ended."""
        assert self.wait(timeout) is not None, "it runs and runs"
        out, err = (path.read_text() for path in self._told)
        return out, err

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()


@contextmanager
def forks(folders: pytest.TempPathFactory) -> Iterator[Callable[..., Forked]]:
    started: list[Forked] = []

    def start(*arguments: str) -> Forked:
        started.append(Forked(folders.mktemp("forked"), *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Forked]]:
    """Starts a command line in a process of its own, killed at the end. Not for what starts further processes."""
    with forks(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def fork_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Forked]]:
    """As `fork`, for all tests of a module."""
    with forks(tmp_path_factory) as start:
        yield start


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that a run starts here need not import anything either."""
    monkeypatch.setattr(start_processes, "CONTEXT", FORKSERVER)
