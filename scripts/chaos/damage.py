"""Bytes as a bad disk, a cut connection or a mischievous person leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIGNS = b"\0\"',:[]{}\n\r\t-.0123456789eE*&!%@`|>#~$\xff\xfe"  # that mean something in one format or another
KINDS = ("flip", "cut", "zeros", "noise", "empty", "gone", "folder", "longer", "line", "characters")


def damaged(file: Path, rng: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> str:
    """Do one of `KINDS` of damage to a file; returns what was done, in words."""
    kind = str(rng.choice(kinds))
    data = bytearray(file.read_bytes())
    at = int(rng.integers(max(len(data), 1)))
    length = int(rng.integers(1, 1 + max(len(data) // 4, 1)))
    match kind:
        case "flip" if data:
            data[at] ^= 1 << int(rng.integers(8))
        case "cut":
            del data[at:]
        case "zeros":
            data[at : at + length] = bytes(len(data[at : at + length]))
        case "noise":
            data[at : at + length] = rng.bytes(len(data[at : at + length]))
        case "empty":
            data.clear()
        case "gone" | "folder":
            file.unlink()
            if kind == "folder":
                file.mkdir()
            return f"{file.name}: {kind}"
        case "longer":
            data += rng.bytes(length)
        case "line":
            lines = bytes(data).split(b"\n")
            del lines[int(rng.integers(len(lines)))]
            data = bytearray(b"\n".join(lines))
        case "characters":
            for _ in range(int(rng.integers(1, 6))):
                place = int(rng.integers(len(data) + 1))
                data.insert(place, SIGNS[int(rng.integers(len(SIGNS)))])
    file.write_bytes(data)
    return f"{file.name}: {kind} at byte {at}"
