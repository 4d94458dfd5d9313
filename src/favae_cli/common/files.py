"""Files that are whole or not there at all."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
