"""Images decoded and resized once, into a memory-mapped array that every later run opens in no time."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
from filelock import FileLock
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.data.files.webdataset import Member
from favae_cli.data.images.building import Made, ahead, build, progress
from favae_cli.data.images.decoding import BadImage, Transform, decode, pixels
from favae_cli.data.images.sharded import ShardedImages

FORMAT = 1  # part of every cache's name: a change in how pixels are made must not find old pixels
SHARD = 1 << 32  # bytes of a file; more images than that are several files
NAMED = 5  # bad files a note names before it refers to the full list
OnBad = Literal["skip", "stop"]


def cached_images(
    paths: Sequence[Path | str],
    size: int,
    channels: int,
    crop: int | None,
    cache: Path,
    on_bad: OnBad,
    key: str = "data",
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The pixels of `paths`, decoded now or taken from the cache that an earlier call left.

    Args:
        paths: N image files, or names of members of tar shards (`Member`); one named twice is stored once.
        size: side of the square result in pixels; an image that is not square is squeezed.
        channels: 1 for grey, 3 for RGB, 2 and 4 for these with opacity, without which images are laid on white.
        crop: side of a centre crop taken before the resize, in pixels of the file (at most its shorter side).
        cache: folder of the cache files; made if it is not there.
        on_bad: what a file that is missing, truncated or no image does: `skip` it, or `stop` the run.
        key: the section of the config that holds `on_bad_image`, for messages.

    Returns:
        values, uint8 (R, size, size, channels), memory-mapped read-only, `ShardedImages` past `SHARD` bytes; row, int64
        (N,), the row of each path in values or -1 for a skipped file; notes, a line on the skipped files if any.

    Raises:
        UserError: a bad file with `on_bad="stop"`, a file that may not be read, or not one good image.
        ValueError: no path at all.
    """
    if not paths:
        raise ValueError("no image to read")
    transform = Transform(size, channels, crop)
    place, files = pd.factorize(np.array([os.path.abspath(path) for path in paths], dtype=object))
    values, bad, lists = _cached(
        len(files),
        lambda part: (repr((path, *_state(path))) for path in files[part]),
        lambda part: ahead(partial(decode, transform=transform), files[part], transform),
        transform,
        cache,
        on_bad,
        key,
    )
    unreadable = {entry.path for entry in bad}
    good = np.array([path not in unreadable for path in files])
    if not good.any():
        raise UserError(f"not one of {len(files)} images could be read, {_list(bad)}")
    return values, np.where(good, np.cumsum(good) - 1, -1)[place], _notes(bad, len(files), lists)


def cached_array(images: np.ndarray, path: Path, name: str, transform: Transform, cache: Path) -> np.ndarray:
    """Images of an array after a transform, made now or taken from the cache that an earlier call left.

    Args:
        images: uint8 (N, H, W, C), best memory-mapped.
        path: the file that they are from, whose change makes the cached ones void.
        name: of the array in this file.
        transform: what to do to each of them.
        cache: folder of the cache files; made if it is not there.

    Returns:
        uint8 (N, size, size, channels), as `cached_images` has them.
    """
    source = repr((str(path.absolute()), *_state(str(path)), name))
    values, _, _ = _cached(
        len(images),
        lambda part: (source, repr((part.start, part.stop))),
        lambda part: ahead(lambda image: pixels(_image(image), transform), images[part], transform),
        transform,
        cache,
    )
    return values


def _image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.squeeze(2) if values.shape[2] == 1 else values)


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


def _state(path: str) -> tuple[int, int]:
    """What changes when a file does."""
    member = Member.named(path)
    file = member.shard if member else path
    if not os.path.isfile(file):
        return -1, -1
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def _cached(
    total: int,
    states: Callable[[slice], Iterable[str]],
    read: Callable[[slice], Iterator[Made]],
    transform: Transform,
    cache: Path,
    on_bad: OnBad = "stop",
    key: str = "data",
) -> tuple[np.ndarray, list[BadImage], list[Path]]:
    """Each shard that is not there yet is built by one process, while others that want it wait.

    A shard is named after its own images alone: what is built stays, whatever stops the building of others.

    Args:
        total: number of images.
        states: what tells those of a part, and their state, from any other.
        read: the images of a part, in order.
        transform: that `read` applies.
        cache, on_bad, key: as `cached_images` has them.

    Returns:
        The images that are good, as `cached_images` has them; the bad ones; the files that list these.
    """
    make_folder(cache)
    most = max(1, SHARD // math.prod(transform.shape))
    parts = [slice(start, min(start + most, total)) for start in range(0, total, most)]
    shards: list[np.ndarray] = []
    bad: list[BadImage] = []
    lists: list[Path] = []
    for number, part in enumerate(parts, start=1):
        digest = hashlib.sha256(repr((FORMAT, astuple(transform))).encode())
        for state in states(part):
            digest.update(state.encode())
        size, _, channels = transform.shape
        target = cache / f"images-{size}x{size}x{channels}-{digest.hexdigest()[:20]}.npy"
        bad_list = target.with_suffix(".bad.json")
        with FileLock(target.with_suffix(".lock")):
            if not (target.exists() and bad_list.exists()):
                what = "Decoding images" + (f", shard {number} of {len(parts)}" if len(parts) > 1 else "")
                count = part.stop - part.start
                build(_judged(progress(read(part), count, what), on_bad, key), count, transform, target, bad_list)
        found = [BadImage(**entry) for entry in json.loads(bad_list.read_text(encoding="utf-8"))]
        if found and on_bad == "stop":
            raise _stop(found[0], key)
        shards.append(np.load(target, mmap_mode="r"))
        bad += found
        lists += [bad_list] * bool(found)
    # The rest of the program reads images by rows only, as which shards are one array.
    return shards[0] if len(shards) == 1 else cast(np.ndarray, ShardedImages(shards)), bad, lists


def _judged(results: Iterable[Made], on_bad: OnBad, key: str) -> Iterator[Made]:
    for result in results:
        if isinstance(result, BadImage) and on_bad == "stop":
            raise _stop(result, key)
        yield result


def _stop(bad: BadImage, key: str) -> UserError:
    return UserError(f"{bad.path}: {bad.reason}; repair or remove it, or set {key}.on_bad_image=skip")


def _notes(bad: Sequence[BadImage], total: int, lists: Sequence[Path]) -> tuple[str, ...]:
    if not bad:
        return ()
    where = f" (all listed in {', '.join(map(str, lists))})" if len(bad) > NAMED else ""
    return (f"{len(bad)} of {total} images skipped: {_list(bad)}{where}",)


def _list(bad: Sequence[BadImage]) -> str:
    named = ", ".join(f"{entry.path} ({entry.reason})" for entry in bad[:NAMED])
    return f"{named} and {len(bad) - NAMED} more" if len(bad) > NAMED else named
