"""What is told, in one line, where the disk takes no more."""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from favae_cli.common.errors import UserError

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_FORBIDDEN = (errno.EACCES, errno.EPERM)  # of a file of ours, or one yet to be made; else it was to be read


@contextmanager
def written_to(folder: Path | None, advice: str) -> Iterator[None]:
    """Tell by a UserError, with what to do, that something in `folder`, or anywhere, could not be written.

    Args:
        folder: where the context writes, if it is known.
        advice: how to go on.

    Raises:
        UserError: a disk that is full or read-only.
    """
    try:
        yield
    except OSError as error:
        reason = _reason(error, folder)
        if reason is None:
            raise
        place = next((name for name in (error.filename2, error.filename) if isinstance(name, str | Path)), folder)
        raise UserError(f"{place or 'a file'}: cannot be written ({reason}); {advice}") from error


@contextmanager
def threads_told() -> Iterator[None]:
    """One line for a thread that a full disk ends, as TensorBoard's writer; who waits for it meets the error too."""
    usual = threading.excepthook

    def hook(ending: threading.ExceptHookArgs) -> None:
        if isinstance(ending.exc_value, OSError) and _reason(ending.exc_value, None) is not None:
            logger.warning("in the background: %s", ending.exc_value)
        else:
            usual(ending)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = usual


def of_system(error: Exception, path: Path) -> OSError:
    """The error of the system that a library tells only in words, as `(os error 28)`, about writing `path`."""
    found = re.search(r"os error (\d+)", str(error))
    number = int(found.group(1)) if found else errno.EIO
    return OSError(number, os.strerror(number), str(path))


def _reason(error: OSError, folder: Path | None) -> str | None:
    if error.errno is None and re.search(r"requested and \d+ written", str(error)):  # NumPy leaves out why
        return os.strerror(errno.ENOSPC)
    name = error.filename
    ours = isinstance(name, str) and (str(name).startswith(str(folder)) or not os.path.lexists(name))
    taken = error.errno == errno.EISDIR and error.filename2 is not None  # a folder in the place of a file of ours
    told = taken or error.errno in _FULL or (error.errno in _FORBIDDEN and ours)
    return os.strerror(error.errno) if told and error.errno is not None else None
