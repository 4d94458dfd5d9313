"""Labelled images that are found and split but not read yet: what loaders of image collections share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.images.cache import cached_images
from favae_cli.data.masked_tables import masked_view, require_columns

if TYPE_CHECKING:
    from favae_cli.config.data_sets import CartoonSetConfig, CelebAConfig, ImageFiles


@dataclass(frozen=True)
class Listing:
    """N images of one collection.

    Attributes:
        folder: what the keys are relative to.
        labels: N rows with the images' keys (relative paths) as index, a column for each label.
        split: "train", "validation" and "test", each the sorted indices of its images; disjoint.
        notes: one line each on what had to be left out.
    """

    folder: Path
    labels: pd.DataFrame
    split: dict[str, np.ndarray]
    notes: tuple[str, ...]

    @property
    def keys(self) -> np.ndarray:
        """(N,) of str."""
        return self.labels.index.to_numpy(str)

    def read(
        self, indices: np.ndarray, config: ImageFiles, cache: Path, key: str = "data"
    ) -> tuple[ViewData, tuple[str, ...]]:
        """The view of samples that show the images `indices`, and what `cached_images` noted.

        Raises:
            UserError: a bad image with `on_bad_image: stop`, or not one good image.
        """
        paths = [self.folder / name for name in self.keys[indices]]
        values, row, notes = cached_images(
            paths, config.size, config.channels, config.crop, cache, config.on_bad_image, key
        )
        return ViewData(values, row), notes

    def dataset(
        self, config: CelebAConfig | CartoonSetConfig, image: str, attributes: Mapping[str, np.ndarray], cache: Path
    ) -> Dataset:
        """The images as the view `image` and the binary `attributes`, name to (N,), as the view `attributes`.

        Raises:
            UserError: as `read`, or an attribute that is constant over the training samples.
        """
        views: dict[str, ViewData] = {}
        shown = config.loaded_sides()
        notes = list(self.notes)
        if image in shown:
            views[image], lines = self.read(np.arange(len(self.labels)), config, cache)
            notes += [f"{image}: {line}" for line in lines]
        if "attributes" in shown:
            views["attributes"] = masked_view(np.stack([*attributes.values()], axis=1), [*attributes])
            lines = require_columns(views["attributes"], self.split["train"], "data.attributes")
            notes += [f"attributes: {line}" for line in lines]
        return Dataset(config.name, self.keys, views, self.split, notes=tuple(notes))


def draw_some(total: int, count: int | None, seed: int) -> np.ndarray:
    """Sorted indices of `count` of `total` images, drawn at random; of all where that is None or no fewer."""
    if count is None or count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False))
