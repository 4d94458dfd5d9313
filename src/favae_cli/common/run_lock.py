"""One lock a run: whoever trains it holds it, and the system takes it from a process that dies."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from favae_cli.common.errors import UserError
from favae_cli.common.files import clear_unfinished
from favae_cli.common.run_folder import RunFolder

_HOLDER = r"process (\d+) on (.+)"
PATIENCE = 1.0  # seconds: others may have it for a moment, to see whether it is held


@contextmanager
def holding(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of the run in `folder` for as long as the context lasts.

    Args:
        folder: of the run, which is there.
        patience: seconds to wait for the lock; -1 waits for as long as another has it.

    Raises:
        UserError: another process has it.
    """
    run = RunFolder(folder)
    lock = FileLock(run.lock)
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        holder = holder_of(folder) or "another process"
        raise UserError(f"{folder}: this run is under way, in {holder}; stop that one or wait for its end") from error
    try:
        run.holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        clear_unfinished(folder.rglob("*.part"))  # of one that was killed
        yield
    finally:
        run.holder.unlink(missing_ok=True)
        lock.release()


def is_held(folder: Path) -> bool | None:
    """Whether a process holds the lock of the run in `folder`, in which nothing is written to see that.

    None where that cannot be seen, as on a file system without locks.
    """
    try:
        lock = os.open(RunFolder(folder).lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # it is somebody else's
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # several can look at a time
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(lock)
    return False


class Holder(NamedTuple):
    """Who holds the lock of a run: number and machine of the process, and since when, in seconds since 1970."""

    process: int
    machine: str
    since: float

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}"

    @property
    def lives(self) -> bool | None:
        """Whether a process of that number is there; None of another machine."""
        if self.machine != socket.gethostname():
            return None
        try:
            os.kill(self.process, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:  # somebody else's
            return True
        return True


def holder_of(folder: Path) -> Holder | None:
    """Who holds the lock of the run in `folder`, or died while it did; None where nobody does."""
    file = RunFolder(folder).holder
    try:
        found, since = re.fullmatch(_HOLDER, file.read_text(errors="replace")), file.stat().st_mtime
    except FileNotFoundError:
        return None
    return Holder(int(found[1]), found[2], since) if found else None
