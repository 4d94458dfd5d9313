"""Arrays in the cache, each with a seal beside it: what was damaged there is not taken for pixels."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from contextlib import suppress
from datetime import date
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.files import flushed, replacing


def today() -> str:
    """The day, on which a file is read as a whole once."""
    return date.today().isoformat()


def put(unfinished: Path, target: Path) -> None:
    """Give a finished .npy file its place, with its seal; both are on the disk before the place is taken."""
    with unfinished.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with replacing(_seal(target)) as place:
        place.write_text(json.dumps({"bytes": unfinished.stat().st_size, "sha256": sha256}))
        flushed(place)
    flushed(unfinished)
    unfinished.replace(target)
    flushed(target.parent)
    _note_checked(target)


def flaw(target: Path, shape: tuple[int, ...]) -> str | None:
    """What is wrong with an array of the cache; None if nothing is.

    It is hashed once a day on each machine, and whenever its time or length has changed.

    Args:
        target: the .npy file, which is there.
        shape: of the uint8 array that it is to hold.
    """
    try:
        seal = json.loads(_seal(target).read_text())
        length, sha256 = seal["bytes"], seal["sha256"]
    except FileNotFoundError:
        return "it has no seal, as those of earlier versions"
    except (ValueError, KeyError, TypeError):
        return "its seal is damaged"
    if target.stat().st_size != length:
        return f"it has {target.stat().st_size} bytes, not {length}"
    if not _was_checked(target):
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return "its hash is not the one that was saved"
        _note_checked(target)
    array = np.load(target, mmap_mode="r")
    if array.shape != shape or array.dtype != np.uint8:
        return f"it holds {array.dtype} of shape {array.shape}, not uint8 of {shape}"
    return None


def not_written(target: Path, shape: tuple[int, ...], error: OSError) -> UserError:
    """What to tell where the disk does not take a file of the cache."""
    size = math.prod(shape) / (1 << 30)
    return UserError(
        f"cache: {target} of {size:.1f} GiB cannot be written ({error.strerror}); make room, or set cache=DIR"
    )


def _seal(target: Path) -> Path:
    return target.with_suffix(".seal.json")


def _checks(target: Path) -> Path:
    return target.with_suffix(".checked.json")


def _state(target: Path) -> list[object]:
    status = target.stat()
    return [today(), status.st_size, status.st_mtime_ns]


def _noted(target: Path) -> dict[str, list[object]]:
    """By machine, when it has hashed the file and how that was then."""
    try:
        found = json.loads(_checks(target).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _was_checked(target: Path) -> bool:
    return _noted(target).get(platform.node()) == _state(target)


def _note_checked(target: Path) -> None:
    with suppress(OSError), replacing(_checks(target)) as place:  # on a full disk it is hashed again, and that is all
        place.write_text(json.dumps(_noted(target) | {platform.node(): _state(target)}))
