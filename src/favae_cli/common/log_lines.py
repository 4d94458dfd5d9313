"""Where the program's log lines go."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from favae_cli.common.errors import printable
from favae_cli.common.run_folder import RunFolder


class _Printable(logging.Formatter):
    """Of lines in which names of the user's may stand."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


@contextmanager
def logging_to(directory: Path | None) -> Iterator[None]:
    """Send the program's log lines to standard error and, where there is a directory, to its run.log."""
    package = logging.getLogger("favae_cli")
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    handlers[0].setFormatter(_Printable("%(message)s"))
    if directory is not None:
        handlers.append(logging.FileHandler(RunFolder(directory).log))
        handlers[1].setFormatter(_Printable("%(asctime)s %(levelname)s %(message)s"))
    for handler in handlers:
        package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        for handler in handlers:
            package.removeHandler(handler)
            handler.close()


@contextmanager
def silent() -> Iterator[None]:
    """Drop the program's log lines: another process says the same."""
    package = logging.getLogger("favae_cli")
    nowhere = logging.NullHandler()
    package.addHandler(nowhere)
    try:
        yield
    finally:
        package.removeHandler(nowhere)
