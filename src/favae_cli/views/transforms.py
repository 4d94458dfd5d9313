"""Which columns are modelled on a scale other than their own, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
from torch import nn

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.views.scales import Counts, Log, Rank

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
SCALES: dict[str, Callable[[int], Log | Rank]] = {
    "log": lambda columns: Log(),
    "log1p": lambda columns: Log(offset=1.0),
    "rank": Rank,
    "counts": Counts,
}


class Transforms(nn.Module):
    """The columns of a table, some of them on a scale of `SCALES`, and back.

    Args:
        places: by transform, the columns that it is for.
        columns: all names, for messages.
    """

    def __init__(self, places: Mapping[str, Sequence[int]], columns: Sequence[str]) -> None:
        super().__init__()
        self._places = {way: [*found] for way, found in places.items() if found}
        self._scales = {way: SCALES[way](len(found)) for way, found in self._places.items()}
        self._kept = nn.ModuleDict(self._scales)
        self._columns = tuple(columns)

    @classmethod
    def of(cls, transform: Mapping[str, Sequence[str]], columns: Sequence[str]) -> Transforms:
        """As a view's section has them: by transform, the columns that it is for, one by one or by patterns.

        Raises:
            UserError: a name or pattern of no column, or a column of two transforms; begins with the key.
        """
        taken: dict[int, str] = {}
        for way, patterns in transform.items():
            for pattern in patterns:
                found = [place for place, name in enumerate(columns) if name == pattern]
                found = found or [place for place, name in enumerate(columns) if fnmatchcase(name, pattern)]
                if not found:
                    raise UserError(f"transform.{way}: no column {pattern!r}; {did_you_mean(pattern, columns)}")
                for place in found:
                    if taken.setdefault(place, way) != way:
                        raise UserError(f"transform.{way}: {columns[place]!r} is also under {taken[place]}; leave one")
        places = {way: sorted(place for place, own in taken.items() if own == way) for way in transform}
        return cls(places, columns)

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._places)

    def fit(self, values: np.ndarray) -> None:
        """Take what a scale has to know from the training samples, (R, D), NaN where they are missing."""
        for way, places in self._places.items():
            self._scales[way].fit(values[:, places])

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The columns (R, D) on the scale that they are modelled on; as they are where there is nothing to transform.

        Raises:
            UserError: a number without a logarithm; begins with the key.
        """
        if not self._places:
            return values
        made = values.astype(np.float64)
        for way, places in self._places.items():
            self._require(way, made[:, places])
            made[:, places] = self._scales[way](made[:, places])
        return made

    def _require(self, way: str, values: np.ndarray) -> None:
        scale = self._scales[way]
        if isinstance(scale, Log) and (wrong := values <= -scale.offset).any():
            row, column = np.argwhere(wrong)[0]
            told = f"column {self._columns[self._places[way][column]]!r} holds {values[row, column]:g}, which has none"
            raise UserError(f"transform.{way}: {told}; leave it out" + (", or use log1p" if way == "log" else ""))

    def titles(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The names of all columns, with the transform before those that have one."""
        ways = {place: way for way, places in self._places.items() for place in places}
        return tuple(f"{ways[place]} {name}" if place in ways else name for place, name in enumerate(columns))

    def back(self, made: np.ndarray) -> np.ndarray:
        """The columns (R, D) as they were."""
        if not self._places:
            return made
        values = made.copy()
        for way, places in self._places.items():
            values[:, places] = self._scales[way].back(made[:, places])
        return values

    def deviation(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Standard deviations (R, D) of the columns as they were, where they are normal on the scale of the model."""
        if not self._places:
            return deviation
        found = deviation.copy()
        for way, places in self._places.items():
            middle, spread = mean[:, places], deviation[:, places]
            usual = self._scales[way].back(middle)
            average, squares = np.zeros((2, *middle.shape))
            for share, node in zip(WEIGHTS / WEIGHTS.sum(), NODES, strict=True):
                apart = self._scales[way].back(middle + node * spread) - usual
                average += share * apart
                squares += share * np.square(apart)
            found[:, places] = np.sqrt(np.maximum(squares - np.square(average), 0.0))
        return found
