"""One call of favae-run in a process of its own, forked from one that has everything imported, to save its start-up."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

HUNG = 120.0  # seconds after which an attempt counts as hung
MEMORY = 8 << 30  # bytes of addresses that an attempt may take, or the machine would suffer
BUG = 1
running: set[int] = set()  # children that have not ended


@dataclass(frozen=True)
class Ending:
    """How a process ended.

    Attributes:
        code: its exit status; -N where signal N ended it.
        told: what it wrote to both streams.
    """

    code: int
    told: str

    @property
    def is_refusal(self) -> bool:
        """Whether it ended as a user's mistake does: exit code 2, lines of favae-run alone."""
        return self.code == 2 and not self.is_bug

    @property
    def is_bug(self) -> bool:
        """Whether it showed a traceback, or ended in a way that no run may."""
        return "Traceback (most recent call last)" in self.told or self.code not in (0, 2, 130, -signal.SIGKILL)


def warm_up() -> None:
    """Import what a run imports, and keep to one thread, with which alone a process may be forked."""
    import gc

    import torch

    from favae_cli.command_line import compose, resume_run, resume_sweep, start_processes
    from favae_cli.reporting import style
    from favae_cli.tasks import check, init, session, train
    from favae_cli.tasks.trained_run import impute

    del compose, resume_run, resume_sweep, start_processes, check, init, session, train, impute
    torch.set_num_threads(1)
    # Figures are not what is attacked, and would take most of the time.
    vars(style)["DPI"] = 20
    style.blank.__kwdefaults__ = {"constrained": False}
    gc.freeze()


def favae_run(arguments: Sequence[str]) -> Callable[[], int]:
    """What `favae-run ARGUMENTS` does, for `forked`."""

    def call() -> int:
        from favae_cli.cli import main

        sys.argv = ["favae-run", *arguments]
        return main(arguments)

    return call


def started(work: Callable[[], int], folder: Path, log: Path) -> int:
    """Begin `work` in a child that stands in `folder` and writes to `log`; returns its process number.

    The child is the first of a process group of its own, so that a kill reaches what it starts.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        with suppress(OSError):  # the child has done so, and may have ended
            os.setpgid(child, child)
        running.add(child)
        return child
    return _be_child(work, folder, log)


def ended(child: int, log: Path, patience: float = HUNG) -> Ending:
    """Wait for the end of a child; one that does not end is killed, and counts as a bug."""
    until, late = time.monotonic() + patience, False
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            running.discard(child)
            break
        if time.monotonic() > until and not late:
            late = True
            kill(child)
        time.sleep(0.005)
    told = log.read_text(errors="replace") if log.exists() else ""
    return (
        Ending(BUG, f"hung for {patience:.0f} s\n{told}") if late else Ending(os.waitstatus_to_exitcode(status), told)
    )


def forked(work: Callable[[], int], folder: Path, log: Path, patience: float = HUNG) -> Ending:
    """Do `work` in a child and wait for its end."""
    return ended(started(work, folder, log), log, patience)


def kill(child: int) -> None:
    """End a child and all that it started at once, as a machine that goes down does."""
    with suppress(ProcessLookupError):  # it has just ended
        os.killpg(child, signal.SIGKILL)


def _be_child(work: Callable[[], int], folder: Path, log: Path) -> NoReturn:
    code = BUG
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.chdir(folder)
        stream = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        for standard in (1, 2):
            os.dup2(stream, standard)
        sys.stdout, sys.stderr = (open(standard, "w", closefd=False) for standard in (1, 2))  # noqa: SIM115  to the end
        code = work()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else BUG
    except BaseException:  # noqa: BLE001  as the interpreter tells it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
