"""One line on a terminal that says what a run is at, below the lines that stay."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from favae_cli.common.standing import Standing, time_told


class LiveLine:
    """The line; whatever else is to be on the terminal meanwhile is printed through it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._gone = False
        to_terminal = sys.stdout.isatty()  # what goes to a file or a pipe is to get there
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=to_terminal)

    @property
    def stream(self) -> TextIO:
        """The terminal itself, past the line."""
        return cast(TextIO, self._console.file)

    @property
    def in_foreground(self) -> bool:
        """Whether the terminal is this process's to draw on."""
        return _in_foreground(self._console)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """There is such a line for as long as the context lasts."""
        with ExitStack() as stack:
            with self._unless_gone():
                self._live.start()
                stack.callback(self._stop)
                self._console.show_cursor(True)  # rich hides it, and a process that is killed could not bring it back
            yield

    def _stop(self) -> None:
        with self._unless_gone():
            self._live.stop()

    def show(self, standing: Standing) -> None:
        """Say this in the place of what it said."""
        if not self._gone and self.in_foreground:
            text = Text(line(standing, self._console.width - 1), no_wrap=True, overflow="ellipsis", style="cyan")
            with self._unless_gone():
                self._live.update(text, refresh=True)

    def print(self, text: str) -> None:
        """A line that stays, as it is: the terminal breaks it where it is too long."""
        if not self._gone:
            with self._unless_gone():
                self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def _unless_gone(self) -> Iterator[None]:
        """A window that is closed or a connection that breaks takes the terminal away: the run goes on without it."""
        try:
            yield
        except OSError:
            self._gone = True  # for good; rich would keep whatever it could not write


@contextmanager
def live_line(leads: bool) -> Iterator[LiveLine | None]:
    """A line on the terminal; None where standard error is none that could have one, or others write on it as well.

    Args:
        leads: whether this is the process that speaks for a run of several; else one that another process started is
            one of several runs side by side.
    """
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    apart = leads or multiprocessing.parent_process() is None
    if not (apart and sys.stderr.isatty()) or console.is_dumb_terminal or not _in_foreground(console):
        yield None
        return
    live = LiveLine(console)
    with live.shown():
        yield live


def _in_foreground(console: Console) -> bool:
    """Whether the terminal is this process's to write on: after Ctrl-Z and bg, or with &, it is the shell's."""
    try:
        return os.tcgetpgrp(console.file.fileno()) == os.getpgrp()
    except OSError:  # a process of its own session, started by the one in the foreground
        return True


def line(standing: Standing, width: int) -> str:
    """What is said in so many characters: where there is little room, what matters less is left out."""
    s = standing
    left = [
        f"{what} {time_told(seconds)}"
        for what, seconds in (("phase", s.phase_left), ("training", s.training_left))
        if seconds is not None
    ]
    parts = [  # and how early each goes
        (0, s.phase),
        (2, s.view),
        (1, s.spent is not None and time_told(s.spent)),
        (1.5, s.epoch and f"epoch {s.epoch}/{s.epochs}"),
        (6, s.steps and f"step {s.step}/{s.steps}"),
        (4, s.elbo is not None and f"ELBO {s.elbo:,.1f}"),
        (5, s.speed and f"{s.speed:,.0f} samples/s"),
        (3, left and f"left: {', '.join(left)}"),
    ]
    shown = [(rank, text) for rank, text in parts if text]
    while len(told := "  ".join(str(text) for _, text in shown)) > width and len(shown) > 1:
        shown.remove(max(shown))
    return told
