"""One window of the browser: what is chosen in it, which no other window shares."""

from __future__ import annotations

from collections.abc import Callable

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
    """

    def __init__(self, seen: Seen, mistake: Mistake) -> None:
        self.seen, self.mistake = seen, mistake
        self.own: int | None = int(seen.indices[0])
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
    def keys(self) -> list[str] | None:
        """The key that a command line takes; None if the sample is no one of the run's data."""
        return None if self.own is None else [self.key]

    def choose(self, index: int) -> None:
        """Look at a sample of the run's data."""
        self.own = index
        self._take(self.seen.sample(index))

    def take(self, sample: Samples) -> None:
        """Look at a sample from elsewhere."""
        self.own = None
        self._take(sample)

    def on_sample(self, listener: Callable[[], object]) -> None:
        """Call `listener` whenever another sample is looked at."""
        self._listeners.append(listener)

    def _take(self, sample: Samples) -> None:
        self.sample = sample
        for listener in self._listeners:
            listener()
