"""Where the program's log lines go."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from favae_cli.common.errors import printable
from favae_cli.common.live_line import LiveLine
from favae_cli.common.run_folder import RunFolder

PASSING = "passing"  # attribute of a record that only says how far it is, by `extra`


class _Printable(logging.Formatter):
    """Of lines in which names of the user's may stand."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _Screen(logging.StreamHandler[TextIO]):
    """Standard error; beside a live line without the lines that only say the same.

    In the background, where there is no live line, all of them.
    """

    def __init__(self, live: LiveLine | None) -> None:
        super().__init__(live.stream if live else None)
        self._live = live

    def emit(self, record: logging.LogRecord) -> None:
        if self._live is None or not self._live.in_foreground:
            super().emit(record)
        elif not getattr(record, PASSING, False):
            try:
                self._live.print(self.format(record))
            except Exception:  # noqa: BLE001  as in any handler: no line of the log ends a run
                self.handleError(record)


class _File(logging.FileHandler):
    """run.log: a line that cannot be written there ends the run, as any file that cannot."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """Raise what happened, which logging would only show."""
        raise


@contextmanager
def logging_to(directory: Path | None, live: LiveLine | None = None) -> Iterator[None]:
    """Send the program's log lines to standard error and, where there is a directory, to its run.log.

    Args:
        live: the line that there is on the terminal meanwhile, if there is one.
    """
    package = logging.getLogger("favae_cli")
    handlers: list[logging.Handler] = [_Screen(live)]
    handlers[0].setFormatter(_Printable("%(message)s"))
    if directory is not None:
        handlers.append(_File(RunFolder(directory).log))
        handlers[1].setFormatter(_Printable("%(asctime)s %(levelname)s %(message)s"))
    for handler in handlers:
        package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        for handler in handlers:
            package.removeHandler(handler)
        for handler in handlers:
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
