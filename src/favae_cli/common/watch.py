"""Whoever watches a run: looks several times a second at what it is at, and tells it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Event, Thread

from favae_cli.common.errors import Interrupted
from favae_cli.common.pace import Pace
from favae_cli.common.standing import Ending, Sign, Standing

LOOK = 0.25  # seconds between two looks

Look = Callable[[], Standing]


class _Watch:
    """What a run is at, whoever asks."""

    look: Look


_WATCH: ContextVar[_Watch | None] = ContextVar("watch", default=None)  # of several runs in threads, each has its own


def doing(what: str | Look) -> None:
    """Say what this run is at from now on: a phase by its name, or what tells it whenever it is asked.

    Where nobody watches it is forgotten, and so it is when the watch is over: what tells it may hold a whole model.
    """
    watch = _WATCH.get()
    if watch is None:
        return
    if not isinstance(what, str):
        watch.look = what
        return
    phase, begun = what, time.monotonic()
    watch.look = lambda: Standing(phase, spent=time.monotonic() - begun)


@contextmanager
def watched(folder: Path, show: Callable[[Standing], None] | None) -> Iterator[None]:
    """Keep progress.json of the run in `folder` up to date, at a pace, and tell `show` a few times a second.

    A thread looks, so that no loop need know of it and a long step does not look like the end.
    """
    watch = _Watch()
    here = _WATCH.set(watch)
    doing("begins")
    over, pace = Event(), Pace()

    def leave(ending: Ending | None = None, error: str = "") -> None:
        Sign(watch.look(), time.time(), ending, error).write(folder)

    def look() -> None:
        while not over.wait(LOOK):
            if show is not None:
                show(watch.look())
            if pace.due():
                leave()

    watcher = Thread(target=look, name="watch", daemon=True)
    ending: Ending = "finished"
    error = ""
    try:
        leave()
        watcher.start()
        yield
    except (Interrupted, KeyboardInterrupt):  # the second in Python, where nobody turns it into the first
        ending = "stopped"
        raise
    except BaseException as failure:
        ending, error = "failed", str(failure) or type(failure).__name__
        raise
    finally:
        over.set()
        if watcher.is_alive():
            watcher.join()
        leave(ending, error)
        _WATCH.reset(here)
