"""Images decoded and resized once, into one memory-mapped array that every later run opens in no time."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from itertools import repeat
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import numpy as np
from filelock import FileLock
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.console import Console
from rich.progress import track

from favae_cli.errors import UserError

log = logging.getLogger(__name__)

FORMAT = 1  # part of every cache's name: a change in how pixels are made must not find old pixels
CHUNK = 1024  # images decoded ahead of the writer, which bounds the memory
NAMED = 5  # bad files a note names before it refers to the full list
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # Pillow's, by channels
# What Pillow raises on bytes that are no image, or not the whole of one.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)

T = TypeVar("T")


@dataclass(frozen=True)
class Transform:
    """What is done to every image: a centre crop of `crop` pixels (None: none), then a square resize."""

    size: int
    channels: int
    crop: int | None


@dataclass(frozen=True)
class BadImage:
    """A file that gave no pixels, and why."""

    path: str
    reason: str


def cached_images(
    paths: Sequence[Path],
    size: int,
    channels: int,
    crop: int | None,
    cache: Path,
    on_bad: Literal["skip", "stop"],
    key: str = "data",
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The pixels of `paths`, decoded now or taken from the cache that an earlier call left.

    Args:
        paths: N image files; a file named twice is stored once.
        size: side of the square result in pixels; an image that is not square is squeezed.
        channels: 1 for grey, 3 for RGB, 2 and 4 for these with opacity, without which images are laid on white.
        crop: side of a centre crop taken before the resize, in pixels of the file (at most its shorter side).
        cache: folder of the cache files; made if it is not there.
        on_bad: what a file that is missing, truncated or no image does: `skip` it, or `stop` the run.
        key: the section of the config that holds `on_bad_image`, for messages.

    Returns:
        values, uint8 (R, size, size, channels), memory-mapped read-only; row, int64 (N,), the row of each
        path in values or -1 for a skipped file; notes, a line on the skipped files if there are any.

    Raises:
        UserError: a bad file with `on_bad="stop"`, a file that may not be read, or not one good image.
        ValueError: no path at all.
    """
    if not paths:
        raise ValueError("no image to read")
    transform = Transform(size, channels, crop)
    files = list(dict.fromkeys(path.absolute() for path in paths))
    make_folder(cache)
    target = cache / f"images-{size}x{size}x{channels}-{_fingerprint(files, transform)}.npy"
    bad_list = target.with_suffix(".bad.json")
    with FileLock(target.with_suffix(".lock")):
        if not (target.exists() and bad_list.exists()):
            _build(files, transform, target, bad_list, on_bad, key)
    bad = [BadImage(**entry) for entry in json.loads(bad_list.read_text(encoding="utf-8"))]
    if bad and on_bad == "stop":
        raise _stop(bad[0], key)
    unreadable = {Path(entry.path) for entry in bad}
    row_of = {path: row for row, path in enumerate(path for path in files if path not in unreadable)}
    row = np.array([row_of.get(path.absolute(), -1) for path in paths], dtype=np.int64)
    return np.load(target, mmap_mode="r"), row, _notes(bad, len(files), bad_list)


def make_folder(cache: Path) -> None:
    """Make the cache's folder if need be.

    Raises:
        UserError: it cannot be made or written to.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cache: cannot make the folder {cache} ({error.strerror}); set cache=DIR") from error
    if not os.access(cache, os.W_OK):
        raise UserError(f"cache: cannot write to {cache}; set cache=DIR")


def decode(path: Path, transform: Transform) -> np.ndarray | BadImage:
    """One image as uint8 (size, size, channels), or why there is none.

    Raises:
        UserError: the file is there but the system does not let it be read.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return BadImage(str(path), "no such file")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with Image.open(io.BytesIO(data)) as image:
            return pixels(image, transform)
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
    return np.asarray(image).reshape(transform.size, transform.size, transform.channels)


def _fingerprint(files: Sequence[Path], transform: Transform) -> str:
    """Names this very set of files, in this order and at this state, under this transform."""
    digest = hashlib.sha256(repr((FORMAT, astuple(transform))).encode())
    for path in files:
        try:
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            state = (-1, -1)
        digest.update(repr((str(path), *state)).encode())
    return digest.hexdigest()[:20]


def _build(
    files: Sequence[Path],
    transform: Transform,
    target: Path,
    bad_list: Path,
    on_bad: Literal["skip", "stop"],
    key: str,
) -> None:
    """Write `bad_list`, then `target`: where `target` is, both are whole. Called under the lock."""
    bad: list[BadImage] = []
    unfinished = target.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            _write_header(file, len(files), transform)
            start = file.tell()
            for result in _progress(_decoded(files, transform), len(files), "Decoding images"):
                if isinstance(result, np.ndarray):
                    file.write(result.tobytes())
                elif on_bad == "stop":
                    raise _stop(result, key)
                else:
                    log.warning("%s: %s; skipped", result.path, result.reason)
                    bad.append(result)
            if len(bad) == len(files):
                raise UserError(f"not one of {len(files)} images could be read, {_list(bad)}")
            file.seek(0)
            _write_header(file, len(files) - len(bad), transform)  # numpy's padding leaves room for this
            if file.tell() != start:
                raise RuntimeError(f"{target}: the array header changed its length")
        bad_list.write_text(json.dumps([vars(entry) for entry in bad], indent=1), encoding="utf-8")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_header(file: BinaryIO, rows: int, transform: Transform) -> None:
    shape = (rows, transform.size, transform.size, transform.channels)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _decoded(files: Sequence[Path], transform: Transform) -> Iterator[np.ndarray | BadImage]:
    # Threads suffice: Pillow lets go of the interpreter lock while it decodes and resizes.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), CHUNK):
            yield from pool.map(decode, files[start : start + CHUNK], repeat(transform))


def _progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """`items`, with a bar where a person looks on and a log line a tenth elsewhere."""
    if sys.stderr.isatty():
        yield from track(items, what, total, console=Console(stderr=True))
        return
    step = max(1, -(-total // 10))
    for done, item in enumerate(items, start=1):
        yield item
        if done % step == 0 or done == total:
            log.info("%s: %d of %d", what, done, total)


def _stop(bad: BadImage, key: str) -> UserError:
    return UserError(f"{bad.path}: {bad.reason}; repair or remove it, or set {key}.on_bad_image=skip")


def _notes(bad: Sequence[BadImage], total: int, bad_list: Path) -> tuple[str, ...]:
    if not bad:
        return ()
    where = f" (all listed in {bad_list})" if len(bad) > NAMED else ""
    return (f"{len(bad)} of {total} images skipped: {_list(bad)}{where}",)


def _list(bad: Sequence[BadImage]) -> str:
    named = ", ".join(f"{entry.path} ({entry.reason})" for entry in bad[:NAMED])
    return f"{named} and {len(bad) - NAMED} more" if len(bad) > NAMED else named
