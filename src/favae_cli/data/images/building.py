"""A file of images written while they are made, of which memory holds only a few."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from favae_cli.common.files import flushed, replacing
from favae_cli.data.images.decoding import BadImage, Transform
from favae_cli.data.images.seal import not_written, put

log = logging.getLogger(__name__)

CHUNK = 1024  # images made ahead of the writer, which bounds the memory;
AHEAD = 1 << 28  # fewer where they are so large that their bytes would pass this

T = TypeVar("T")
Made = np.ndarray | BadImage


def ahead(make: Callable[[Any], Made], items: np.ndarray, transform: Transform) -> Iterator[Made]:
    """What `make` makes of each of the items, in order, by several threads.

    Threads suffice: Pillow lets go of the interpreter lock while it decodes and resizes.
    """
    chunk = max(1, min(CHUNK, AHEAD // math.prod(transform.shape)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), chunk):
            yield from pool.map(make, items[start : start + chunk])


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """`items`, with a bar where a person looks on and a log line a tenth elsewhere."""
    if sys.stderr.isatty():
        yield from track(items, what, total, console=Console(stderr=True))
        return
    step = max(1, -(-total // 10))
    for done, item in enumerate(items, start=1):
        yield item
        if done % step == 0 or done == total:
            log.info("%s: %d of %d", what, done, total)


def build(results: Iterable[Made], total: int, transform: Transform, target: Path, bad_list: Path) -> None:
    """Write `bad_list`, then `target`: where `target` is, both are whole.

    Args:
        results: of as many images as `total`.
        transform: that they have gone through.
        target: the .npy file, uint8 (R, size, size, channels), R the number of good ones.
        bad_list: JSON of the bad ones.

    Raises:
        UserError: the disk does not take it.
    """
    bad: list[BadImage] = []
    unfinished = target.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            _write_header(file, total, transform)
            start = file.tell()
            for result in results:
                if isinstance(result, np.ndarray):
                    file.write(result.tobytes())
                else:
                    log.warning("%s: %s; skipped", result.path, result.reason)
                    bad.append(result)
            file.seek(0)
            _write_header(file, total - len(bad), transform)  # numpy's padding leaves room for this
            if file.tell() != start:
                raise RuntimeError(f"{target}: the array header changed its length")
        with replacing(bad_list) as place:
            place.write_text(json.dumps([vars(entry) for entry in bad], indent=1), encoding="utf-8")
            flushed(place)
        put(unfinished, target)
    except OSError as error:
        raise not_written(target, (total, *transform.shape), error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_header(file: BinaryIO, rows: int, transform: Transform) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (rows, *transform.shape)}
    np.lib.format.write_array_header_1_0(file, header)
