"""Images, from files or shards that a column names, or from an array."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.join_by_key import Load
from favae_cli.data.files.table import Table
from favae_cli.data.images.cache import cached_array, cached_images
from favae_cli.data.images.decoding import Transform

if TYPE_CHECKING:
    from pathlib import Path

    from favae_cli.config.own_files import ImageData, ManifestConfig


def read(table: Table, view: ImageData, key: str, config: ManifestConfig, cache: Path) -> tuple[np.ndarray, Load]:
    """Which rows have an image, bool (N,), and how to get the images.

    Raises:
        UserError: a column that is not there or empty, an array that holds no images; and from the loading what
            `cached_images` raises.
    """
    if view.array is not None:
        name, images = view.array, _array(table, view.array, f"{key}.array")
        path = config.root / view.own_array if view.own_array else table.path
        transform = Transform(view.size, view.channels, view.crop)
        as_they_are = images.shape[1:] == transform.shape and (view.crop or view.size) >= view.size

        def pictures() -> tuple[ViewData, tuple[str, ...]]:
            made = images if as_they_are else cached_array(images, path, name, transform, cache)
            return ViewData(made, np.arange(len(made))), ()

        return np.ones(len(images), bool), pictures
    assert view.column is not None
    cells = table.values(view.column, f"{key}.column")
    filled = np.flatnonzero(cells != "")
    if not (filled.size or table.new):
        raise UserError(f"{key}.column: column {view.column!r} is empty in every row")

    def files() -> tuple[ViewData, tuple[str, ...]]:
        paths = [os.path.join(config.root, cell) for cell in cells[filled]]
        values, rows, notes = cached_images(paths, view.size, view.channels, view.crop, cache, config.on_bad_image)
        row = np.full(len(cells), -1, dtype=np.int64)
        row[filled] = rows
        return ViewData(values, row), notes

    return cells != "", files


def _array(table: Table, name: str, key: str) -> np.ndarray:
    """uint8 (N, H, W, C)."""
    images = table.array(name, key)
    channels = 1 if images.ndim == 3 else images.shape[-1]
    if images.ndim not in (3, 4) or not 1 <= channels <= 4 or images.dtype != np.uint8:
        raise UserError(
            f"{key}: array {name!r} of {table.path} has shape {images.shape} of {images.dtype}; images are uint8, "
            "0 to 255, of shape (N, H, W) or (N, H, W, C) with 1 to 4 channels"
        )
    return images.reshape(*images.shape[:3], channels)
