"""Images whose attributes are known: what a judge learns from, and what it is asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from favae_cli.data import Dataset
from favae_cli.models.fa_vae import observed_table


@dataclass(frozen=True)
class Labelled:
    """Samples of one split that have the image and the attribute view.

    Attributes:
        images: uint8 (R, H, W, C).
        labels: (R, D) of 0 and 1, and of NaN where an attribute is missing.
    """

    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(
        cls, data: Dataset, split: str, view: str, attributes: str, rng: np.random.Generator | None = None
    ) -> Labelled:
        """The split's labelled images; with `rng` only those that have every attribute, in random order."""
        indices = data.having(split, view, attributes)
        labels = observed_table(data, attributes, indices)
        if rng is not None:
            whole = rng.permutation(np.flatnonzero(~np.isnan(labels).any(axis=1)))
            indices, labels = indices[whole], labels[whole]
        return cls(data.views[view].gather(indices), labels)

    def first(self, count: int) -> Labelled:
        """The first `count` samples."""
        return Labelled(self.images[:count], self.labels[:count])
