"""What all windows of the page look at, and nobody changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from favae_cli.data import Dataset
from favae_cli.evaluation.cards import Card, factor_cards
from favae_cli.evaluation.explained import explained_table
from favae_cli.explore.commands import Value, command
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.factor_reading import Reading
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples
from favae_cli.queries.traverse import most_relevant
from favae_cli.queries.umap_layout import umap_layout
from favae_cli.training.trained_run import TrainedRun

MOST_FOUND = 50  # samples that a search offers
ENDS = 2.0  # standard deviations at which a card looks
DECODED = 200  # samples of each view that are decoded to tell what factors explain, as of task=factors

T = TypeVar("T")


class Once(Generic[T]):
    """What is made by whoever asks for it first; others wait meanwhile, and nobody waits once it is there."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """It, made by now."""
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


class Seen:
    """A trained run and its data.

    Args:
        trained: with factors.
        data: with every view of the run.
        split: the samples to look at.
        count: samples that factors are read from, at most.
        cache: folder for decoded images.
        overrides: what the page was started with.
    """

    def __init__(
        self,
        trained: TrainedRun,
        data: Dataset,
        split: str,
        count: int,
        cache: Path,
        overrides: Sequence[str] = (),
    ) -> None:
        self.trained, self.data, self.split, self.count, self.cache = trained, data, split, count, cache
        self.overrides = overrides
        # Each by itself: the page asks for the reading while a thread lays it out.
        self._latents, self._reading, self._cards = Once(self._encode), Once(self._read), Once(self._card)
        self._explained, self._umap = Once(self._explain), Once(lambda: umap_layout(self.reading.latent))

    @property
    def model(self) -> FAVAE:
        """The model, joined."""
        return self.trained.factors

    @property
    def indices(self) -> np.ndarray:
        """(N,) of the samples to look at that have any view."""
        return self.data.having_any(self.split)

    @property
    def latents(self) -> np.ndarray:
        """(N, K) <g> of all the samples to look at; the first to ask waits until they are encoded."""
        return self._latents()

    def _encode(self) -> np.ndarray:
        return Given.of_samples(self.model, self.data, self.indices).latents()

    @property
    def reading(self) -> Reading:
        """Some of the samples as the factors see them; the first to ask waits until they are encoded."""
        return self._reading()

    def _read(self) -> Reading:
        some = self.data.taken(self.indices, {"seen": np.arange(len(self.indices))}).thinned(self.count)
        return Reading.of(self.model, some, "seen")

    @property
    def read_in_full(self) -> bool:
        """Whether the reading has every sample of the split, as the tables of task=factors do."""
        return len(self.reading.indices) == len(self.data.split[self.split])

    @property
    def cards(self) -> list[Card]:
        """Of every factor in use, the most relevant first."""
        return self._cards()

    def _card(self) -> list[Card]:
        return factor_cards(self.reading, self.model.joined.factors, ENDS, 2)

    @property
    def explained(self) -> pd.DataFrame:
        """What each factor explains of each view, the most relevant first, as task=factors has it."""
        return self._explained()

    def _explain(self) -> pd.DataFrame:
        joined = self.model.joined
        return explained_table(self.reading, most_relevant(joined, None, joined.factors), DECODED)

    @property
    def umap(self) -> np.ndarray:
        """(N, 2), where the samples of the reading lie in a plane by UMAP.

        Raises:
            UserError: umap-learn is not installed, or there are too few samples.
        """
        return self._umap()

    def sample(self, index: int) -> Samples:
        """One of the samples by its index in the data."""
        return Samples(self.data, np.array([index]))

    def found(self, search: str) -> dict[int, str]:
        """Keys by index of the first samples whose key or text has `search` in it, in whatever case."""
        wanted, texts = search.strip().casefold(), [view for view in self.data.views.values() if view.is_text]
        found: dict[int, str] = {}
        for index in self.indices.tolist():
            key = str(self.data.keys[index])
            told = [key, *(str(view.gather(index)) for view in texts if view.present[index])]
            if any(wanted in text.casefold() for text in told):
                found[index] = key
                if len(found) == MOST_FOUND:
                    break
        return found

    def command(self, task: str, keys: Mapping[str, Value | None]) -> str:
        """The command line of a task with this run, from where the page was started."""
        folder, here = self.trained.folder.absolute(), Path.cwd()
        run = folder.relative_to(here) if folder.is_relative_to(here) else folder
        return command(run, task, keys, self.overrides)


def called(card: Card) -> str:
    """What a factor is called: who uses it, and the column that it goes with most."""
    told = "; goes with " + ", ".join(
        f"{companion.column} ({companion.correlation:+.2f})" for companion in card.companions[:2]
    )
    return f"{card.factor}: {card.use}{told if card.companions else ''}"
