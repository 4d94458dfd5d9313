"""Image files as pixels: what is done to each of them, and what the bad ones say."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from favae_cli.common.errors import UserError
from favae_cli.data.files.webdataset import Member

_GREY = ("1", "L", "LA", "La", "I", "F")  # modes of Pillow, beside I;16 and its kin
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # Pillow's, by channels
# Pillow knows more: of those, EPS would start a program that runs what the file says.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 90_000_000  # of an image: a few bytes can stand for any number of white ones
# What Pillow raises on bytes that are no image, or not the whole of one.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def is_grey(mode: str) -> bool:
    """Whether Pillow's `mode` has no colour, with opacity or without."""
    return mode in _GREY or mode.startswith("I;16")


@dataclass(frozen=True)
class Transform:
    """What is done to every image: a centre crop of `crop` pixels (None: none), then a square resize."""

    size: int
    channels: int
    crop: int | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what comes out."""
        return self.size, self.size, self.channels


@dataclass(frozen=True)
class BadImage:
    """A file that gave no pixels, and why."""

    path: str
    reason: str


@contextmanager
def opened(source: Path | BinaryIO) -> Iterator[Image.Image]:
    """An image whose header is read, of a format and a size that are taken.

    Raises:
        DECODE_ERRORS: it is none.
    """
    with Image.open(source, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            told = (
                f"{image.width} x {image.height} pixels are more than the {MOST_PIXELS // 10**6} million that are taken"
            )
            raise Image.DecompressionBombError(told)
        yield image


def decode(path: Path | str, transform: Transform) -> np.ndarray | BadImage:
    """One image as uint8 (size, size, channels), or why there is none.

    Args:
        path: of a file, or what names a member of a tar shard (`Member`).
        transform: what to do to the image.

    Raises:
        UserError: the file is there but the system does not let it be read.
    """
    member = Member.named(str(path))
    file = member.shard if member else path
    if not os.path.isfile(file):
        if os.path.exists(file):  # a folder, or what has no end
            raise UserError(f"{path}: cannot be read (it is no file)")
        return BadImage(str(path), "no such file")
    try:
        data = member.read() if member else Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with opened(io.BytesIO(data)) as image:
            made = pixels(image, transform)
        with opened(io.BytesIO(data)) as image:
            image.verify()  # the checksums of a PNG, which decoding alone passes over
        return made
    except DECODE_ERRORS as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        return BadImage(str(path), reason)


def pixels(image: Image.Image, transform: Transform) -> np.ndarray:
    """An image as uint8 (size, size, channels); where no channel holds its opacity it is laid on white."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # Pillow would clip 16 bits to 8, not scale them
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if transform.channels in (1, 3):
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert(MODES[transform.channels])
    if transform.crop is not None:
        side = min(transform.crop, *image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    image = image.resize((transform.size, transform.size), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(transform.shape)
