"""Files that are whole or not there at all."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ZEROS = 1 << 24  # bytes written at a time
_UNFINISHED = re.compile(r"\..*\.[0-9a-f]{16}\.part", re.DOTALL)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write what is to stand at `path`: it gets there at once, so that a reader never sees half of it.

    Where writing ends early, nothing of it stays; what a writer of `path` that was killed has left is taken away.
    Nobody can know the place beforehand, and nothing stood there.
    """
    start = f".{path.name[:40]}."
    clear_unfinished(other for other in path.parent.glob("*.part") if other.name.startswith(start))
    unfinished = path.with_name(f"{start}{secrets.token_hex(8)}.part")
    held = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with suppress(OSError):  # a file system without locks, on which nothing is taken away either
            fcntl.flock(held, fcntl.LOCK_EX)
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
        os.close(held)


def clear_unfinished(files: Iterable[Path]) -> None:
    """Take away those of the files that `replacing` has begun and that nobody writes any more."""
    for file in files:
        if not _UNFINISHED.fullmatch(file.name):
            continue
        with suppress(OSError):  # somebody writes it, has just taken it away, or it is another's
            held = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.unlink()
            finally:
                os.close(held)


def flushed(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk: what comes after it then never is there alone."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_room(path: Path, size: int) -> None:
    """Have the first `size` bytes of a file on the disk.

    Where they turn out to be missing only when a mapped page is written, the process dies of it without a word.

    Raises:
        OSError: there is no room for them.
    """
    with path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
            return
        file.truncate(0)  # elsewhere, what was written once is there
        for start in range(0, size, ZEROS):
            file.write(bytes(min(ZEROS, size - start)))
