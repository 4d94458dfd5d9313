"""SIGTERM and Ctrl-C: at once where nothing can be lost, after saving where something could."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from favae_cli.common.errors import Interrupted


class StopRequest:
    """Turns SIGTERM and SIGINT into `Interrupted`, or, under `patiently`, into a wish that the caller grants.

    A second signal interrupts at once. Outside of the main thread, where no handlers can be set, it never asks.

    Attributes:
        asked: whether there was a signal.
    """

    def __init__(self) -> None:
        self.asked = False
        self._patient = False

    @contextmanager
    def handling(self) -> Iterator[StopRequest]:
        """Handle both signals for as long as the context lasts."""
        with told_to_stop(self._note):
            yield self

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Only note the first signal: the caller looks at `asked`, saves and leaves. It acts at the end at least."""
        self._patient = True
        try:
            yield
        finally:
            self._patient = False
        if self.asked:
            raise Interrupted

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside of `patiently`, for a part in which nothing is lost: the first signal interrupts it."""
        patient = self._patient
        try:
            self._patient = False
            if self.asked:
                raise Interrupted
            yield
        finally:
            self._patient = patient

    def _note(self, number: int, frame: FrameType | None) -> None:
        first, self.asked = not self.asked, True
        if not (self._patient and first):
            raise Interrupted


@contextmanager
def told_to_stop(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have `handler` called by SIGTERM and SIGINT for as long as the context lasts.

    In another thread than the main one, where that is not possible, change nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # SLURM's SIGTERM reaches a job of submitit before the signal on which it queues the job again: that one counts.
    free = [number for number in (signal.SIGTERM, signal.SIGINT) if not _of_submitit(signal.getsignal(number))]
    before = {number: signal.signal(number, handler) for number in free}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _of_submitit(handler: object) -> bool:
    return str(getattr(handler, "__module__", "")).startswith("submitit")
