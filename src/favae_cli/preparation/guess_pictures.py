"""What size and channels suit a column of image files, by the headers of some of them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from favae_cli.data.files.webdataset import Member
from favae_cli.data.images.decoding import DECODE_ERRORS, is_grey, opened

LOOKED_AT = 200  # files
SIDES = (64, 32, 16)  # pixels; the largest that most of the files have


def image_header(path: Path) -> tuple[int, int, str] | None:
    """Width and height in pixels, and Pillow's mode, without decoding; None where it is no readable image."""
    member = Member.named(str(path))
    if not os.path.isfile(member.shard if member else path):
        return None
    try:
        with opened(io.BytesIO(member.read()) if member else path) as image:
            return image.width, image.height, image.mode
    except DECODE_ERRORS:
        return None


def guess_pixels(paths: Sequence[Path]) -> tuple[dict[str, Any], str]:
    """The keys of `Pixels` that suit the files, and why.

    Args:
        paths: at least one of an image.
    """
    some = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, LOOKED_AT).astype(int))]
    headers = [header for path in some if (header := image_header(path)) is not None]
    sides = [min(width, height) for width, height, _ in headers]
    typical = float(np.median(sides)) if sides else 0.0
    size = next((side for side in SIDES if side <= typical), SIDES[-1])
    grey = bool(headers) and all(is_grey(mode) for _, _, mode in headers)
    span = f"{min(sides)} to {max(sides)}" if sides else "of unknown size,"
    why = f"the shorter sides of the files are {span} pixels, and they are {'grey' if grey else 'in colour'}"
    return {"size": size, "channels": 1 if grey else 3, "crop": None}, why
