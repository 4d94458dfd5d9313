"""One window of the browser: what is chosen in it, which no other window shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from favae_cli.explore.commands import Value
from favae_cli.explore.parts import Mistake
from favae_cli.explore.seen import Seen
from favae_cli.queries.samples import Samples


class Window:
    """The sample that the tabs look at.

    Args:
        seen: what all windows share.
        mistake: the line for mistakes.

    Attributes:
        sample: one.
        own: the index of the sample in the run's data; None if it came from elsewhere.
        shows: the view that it is an image of, if it came from elsewhere as one.
    """

    def __init__(self, seen: Seen, mistake: Mistake) -> None:
        self.seen, self.mistake = seen, mistake
        self.own: int | None = int(seen.indices[0])
        self.shows: str | None = None
        self.sample = seen.sample(self.own)
        self._listeners: list[Callable[[], object]] = []
        self.go_to_sample: Callable[[], object] = lambda: None

    @property
    def key(self) -> str:
        """What the sample is called."""
        return self.sample.keys[0]

    @property
    def views(self) -> list[str]:
        """The views that the sample has."""
        index = self.sample.indices[0]
        return [name for name, view in self.sample.data.views.items() if view.present[index]]

    @property
    def asked(self) -> dict[str, Value | None] | None:
        """How a command line asks for the sample; None if it came as a row, which only task=predict takes."""
        if self.own is not None:
            return {"keys": [self.key]}
        return None if self.shows is None else {"input": "FILE", "from": self.shows}

    def command(self, task: str, keys: Mapping[str, Value | None]) -> str:
        """The command line of a task with the sample; empty where a command line cannot ask for it."""
        return "" if self.asked is None else self.seen.command(task, {**self.asked, **keys})

    def choose(self, index: int) -> None:
        """Look at a sample of the run's data."""
        self.own = index
        self._take(self.seen.sample(index))

    def take(self, sample: Samples, shows: str | None) -> None:
        """Look at a sample from elsewhere: a row, or an image of the view that it shows."""
        self.own, self.shows = None, shows
        self._take(sample)

    def on_sample(self, listener: Callable[[], object]) -> None:
        """Call `listener` whenever another sample is looked at."""
        self._listeners.append(listener)

    def _take(self, sample: Samples) -> None:
        self.sample = sample
        for listener in self._listeners:
            listener()
