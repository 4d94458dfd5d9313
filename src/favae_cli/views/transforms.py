"""Columns that are modelled by their logarithms or ranks, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean

KNOTS = 257  # quantiles of the training samples that a column of ranks keeps
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
LOGS = {"log": (np.log, np.exp), "log1p": (np.log1p, np.expm1)}


class Transforms(nn.Module):
    """x -> log x, log(1 + x), or the normal deviate of x's rank among the training samples; by column, and back.

    Args:
        places: by transform, the columns that it is for.
        columns: all names, for messages.
    """

    knots: Tensor

    def __init__(self, places: Mapping[str, Sequence[int]], columns: Sequence[str]) -> None:
        super().__init__()
        self._places = {way: [*found] for way, found in places.items() if found}
        self._columns = tuple(columns)
        ranked = self._places.get("rank", [])
        if ranked:
            self.register_buffer("knots", torch.zeros(len(ranked), KNOTS, dtype=torch.float64))

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

    def fit(self, values: np.ndarray) -> None:
        """Take the ranks from the training samples, (R, D), NaN where they are missing."""
        for rank, place in enumerate(self._places.get("rank", ())):
            seen = values[:, place][~np.isnan(values[:, place])].astype(np.float64)
            if len(seen):
                self.knots[rank] = torch.from_numpy(np.quantile(seen, np.linspace(0, 1, KNOTS)))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The columns (R, D) on the scale that they are modelled on; as they are where there is nothing to transform.

        Raises:
            UserError: a number without a logarithm; begins with the key.
        """
        if not self._places:
            return values
        made = values.astype(np.float64)
        for way, places in self._places.items():
            part = made[:, places]
            if way == "rank":
                made[:, places] = np.stack(
                    [self._deviates(*one) for one in zip(part.T, self._quantiles(), strict=True)], 1
                )
                continue
            least = -1.0 if way == "log1p" else 0.0
            if (wrong := part <= least).any():
                row, column = np.argwhere(wrong)[0]
                told = f"column {self._columns[places[column]]!r} holds {part[row, column]:g}, which has none"
                raise UserError(f"transform.{way}: {told}; leave it out" + ("" if way == "log1p" else ", or use log1p"))
            made[:, places] = LOGS[way][0](part)
        return made

    def back(self, made: np.ndarray) -> np.ndarray:
        """The columns (R, D) as they were."""
        if not self._places:
            return made
        values = made.copy()
        for way, places in self._places.items():
            if way == "rank":
                shares = ndtr(made[:, places]).T
                grid = np.linspace(0, 1, KNOTS)
                found = [np.interp(share, grid, known) for share, known in zip(shares, self._quantiles(), strict=True)]
                values[:, places] = np.stack(found, axis=1)
            else:
                values[:, places] = LOGS[way][1](made[:, places])
        return values

    def deviation(self, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Standard deviations (R, D) of the columns as they were, where they are normal on the scale of the model."""
        if not self._places:
            return deviation
        found = deviation.copy()
        places = sorted(place for own in self._places.values() for place in own)
        shares = WEIGHTS / WEIGHTS.sum()
        drawn = np.stack([self.back(mean + node * deviation)[:, places] for node in NODES])
        average = np.tensordot(shares, drawn, 1)
        found[:, places] = np.sqrt(np.tensordot(shares, np.square(drawn - average), 1))
        return found

    def _quantiles(self) -> np.ndarray:
        found: np.ndarray = self.knots.cpu().numpy()
        return found

    def _deviates(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Of values (R,) among the quantiles; of several that are alike the middle, of what is beyond all the last."""
        grid = np.linspace(0, 1, KNOTS)
        distinct, first = np.unique(known, return_index=True)
        last = len(known) - 1 - np.unique(known[::-1], return_index=True)[1]
        share = np.interp(values, distinct, (grid[first] + grid[last]) / 2)
        edge = 0.5 / KNOTS
        deviates: np.ndarray = ndtri(np.clip(share, edge, 1 - edge))
        return np.where(np.isnan(values), np.nan, deviates)
