"""Image files that are not alike, by their headers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from favae_cli.config.own_files import ImageData, ManifestConfig
from favae_cli.data.sets.manifest import read_tables
from favae_cli.preparation.guess_pictures import image_header


def mixed_sizes(config: ManifestConfig) -> Iterator[str]:
    """A line for each view whose files have several sizes or are smaller than what is made of them."""
    for name, view in config.views.items():
        if not isinstance(view, ImageData) or view.column is None:
            continue
        cells = read_tables(config)[config.files()[name]].values(view.column, f"data.views.{name}.column")
        headers = [header for cell in cells[cells != ""] if (header := image_header(config.root / cell)) is not None]
        sizes = sorted({(width, height) for width, height, _ in headers}, key=np.prod)
        if len(sizes) > 1:
            ends = " to ".join(f"{width} x {height}" for width, height in (sizes[0], sizes[-1]))
            yield (
                f"data.views.{name}: the images have {len(sizes)} sizes, {ends} pixels, and all are made {view.size} x "
                f"{view.size}; where their shapes differ, data.views.{name}.crop=SIDE takes the middle of each instead"
            )
        small = sum(min(width, height) < view.size for width, height, _ in headers)
        if 2 * small > len(headers):
            yield (
                f"data.views.{name}.size: {small} of {len(headers)} images are smaller than {view.size} pixels; a "
                "smaller size shows as much, and is quicker"
            )
