"""Files that are whole or not there at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ZEROS = 1 << 24  # bytes written at a time


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write what is to stand at `path`: it gets there at once, so that a reader never sees half of it.

    Where writing ends early, nothing of it stays. Nobody can know the place beforehand, and nothing stood there.
    """
    unfinished = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.part")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


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
