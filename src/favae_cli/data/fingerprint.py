"""What tells a data set from any other, and which sample is in which split: kept with a run, compared at every load."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from favae_cli.data.dataset import SPLITS, Dataset, ViewData

READ = 1 << 26  # bytes of the values of a view that are hashed; of larger ones, rows at equal distances
LOOKED_AT = 512  # images, at most, whose brightness is kept
TOLERANCE = 3.0  # levels of 255: decoders of another version differ by one or two, in single pixels


@dataclass(frozen=True)
class Fingerprint:
    """Of a data set of N samples.

    Attributes:
        keys: (N,) of str.
        split: int8 (N,), the place in `SPLITS` of each sample's split, -1 of one in none.
        views: by view its kind, the shape of a sample, columns, and hashes of which samples have it and of the values.
        brightness: by view of images, float32 (S, 4 C) mean of each quarter of some of the images, by channel: not
            hashed, since libraries that decode images do not agree to the last level.
    """

    keys: np.ndarray
    split: np.ndarray
    views: dict[str, dict[str, Any]]
    brightness: dict[str, np.ndarray]

    @classmethod
    def of(cls, data: Dataset) -> Fingerprint:
        """That of these samples, in their order."""
        split = np.full(len(data.keys), -1, np.int8)
        for place, name in enumerate(SPLITS):
            split[data.split[name]] = place
        views = {name: _described(view) for name, view in data.views.items()}
        brightness = {name: _brightness(view) for name, view in data.views.items() if view.is_image}
        return cls(data.keys.astype(str), split, views, brightness)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], views: dict[str, dict[str, Any]]) -> Fingerprint:
        """The one that `arrays` and `views` are of."""
        keys = np.char.decode(arrays["samples/keys"], "utf-8")
        looks = {name.removeprefix("samples/of/"): array for name, array in arrays.items() if "/of/" in name}
        return cls(keys, np.asarray(arrays["samples/split"]), views, looks)

    def arrays(self) -> dict[str, np.ndarray]:
        """What of it is large, by names that begin with `samples/`."""
        looks = {f"samples/of/{name}": array for name, array in self.brightness.items()}
        return {"samples/keys": np.char.encode(self.keys, "utf-8"), "samples/split": self.split, **looks}

    def found_in(self, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Where its samples are in `data`, -1 for one that is gone; and the sorted indices of those that are new."""
        there = pd.Index(_unlike(data.keys.astype(str)))
        place = there.get_indexer(pd.Index(_unlike(self.keys)))
        return place, np.setdiff1d(np.arange(len(there)), place)

    def parts(self) -> dict[str, np.ndarray]:
        """The split, as `Dataset.split` has it."""
        return {name: np.flatnonzero(self.split == place) for place, name in enumerate(SPLITS)}

    def differences(self, data: Dataset) -> Iterator[str]:
        """What differs in `data`, of which it takes the samples and the views that both have; a few words each."""
        place, _ = self.found_in(data)
        if (gone := place < 0).any():
            yield f"{gone.sum()} of {len(gone)} samples are gone, the first is {str(self.keys[gone][0])!r}"
            return
        samples = data.taken(place, {})
        for name, before in self.views.items():
            if name not in samples.views:
                continue
            view = samples.views[name]
            now = _described(view)
            for what in ("kind", "shape", "columns"):
                if before[what] != now[what]:
                    yield f"view {name} has {what} {_listed(now[what])}, not {_listed(before[what])}"
                    break
            else:
                if before["present"] != now["present"]:
                    yield f"other samples have view {name}"
                elif view.is_image:
                    apart = np.abs(_brightness(view) - self.brightness[name]).max(initial=0)
                    if apart > TOLERANCE:
                        yield f"view {name} has other images"
                elif before["values"] != now["values"]:
                    yield f"view {name} has other values"


def _described(view: ViewData) -> dict[str, Any]:
    present = hashlib.sha256(np.packbits(view.present).tobytes()).hexdigest()
    return {
        "kind": view.kind,
        "shape": list(view.shape),
        "columns": list(view.columns),
        "present": present,
        "values": None if view.is_image else _hashed(view),
    }


def _hashed(view: ViewData) -> str:
    """Of the values in the order of the samples; the same whether they are kept as float32 or as float64."""
    rows = view.row[view.present]
    size = max(int(np.prod(view.shape)), 1) * 8
    rows = rows[:: max(1, -(-len(rows) * size // READ))]
    digest = hashlib.sha256()
    if view.is_text:
        for text in view.values[rows]:
            digest.update(f"{len(text)} {text}".encode())
    else:
        digest.update(np.ascontiguousarray(view.values[rows], np.float64).tobytes())
    return digest.hexdigest()


def _brightness(view: ViewData) -> np.ndarray:
    rows = view.row[view.present]
    rows = rows[:: max(1, -(-len(rows) // LOOKED_AT))]
    images = np.asarray(view.values[rows], np.float32)
    down, along = (max(side // 2, 1) for side in view.shape[:2])
    quarters = [images[:, top, left] for top in _halves(down) for left in _halves(along)]
    means = [part.mean((1, 2)) if part.size else np.zeros((len(rows), view.shape[2])) for part in quarters]
    return np.concatenate(means, axis=1).astype(np.float32)


def _halves(middle: int) -> tuple[slice, slice]:
    return slice(0, middle), slice(middle, None)


def _unlike(keys: np.ndarray) -> np.ndarray:
    """The keys; of those that are alike, each with its number."""
    again = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    return np.where(again > 0, np.char.add(np.char.add(keys, "\0"), again.astype(str)), keys) if again.any() else keys


def _listed(value: Any) -> str:
    return (", ".join(map(str, value)) or "nothing") if isinstance(value, list) else str(value)
