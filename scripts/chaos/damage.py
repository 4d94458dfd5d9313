"""Bytes as a bad disk, a cut connection or a mischievous person leaves them."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np

SIGNS = b"\0\"',:[]{}<>\n\r\t-.0123456789eE*&!%@`|>#~$\xff\xfe"  # that mean something in one format or another
WITHIN = ("flip", "cut", "zeros", "noise", "empty", "longer", "line", "characters")  # what bytes can suffer
KINDS = (*WITHIN, "gone", "folder")


def damaged(file: Path, rng: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> str:
    """Do one of `KINDS` of damage to a file; returns what was done, in words."""
    kind = str(rng.choice(kinds))
    if kind in WITHIN:
        data, at = _spoilt(file.read_bytes(), kind, rng)
        file.write_bytes(data)
        return f"{file.name}: {kind} at byte {at}"
    file.unlink()
    if kind == "folder":
        file.mkdir()
    return f"{file.name}: {kind}"


def damaged_inside(file: Path, rng: np.random.Generator) -> str:
    """Damage what a .gz file or a ZIP archive holds and pack it again, with right checksums; returns what was done."""
    kind = str(rng.choice(WITHIN))
    if not zipfile.is_zipfile(file):
        data, at = _spoilt(gzip.decompress(file.read_bytes()), kind, rng)
        file.write_bytes(gzip.compress(data))
        return f"in {file.name}: {kind} at byte {at}"
    with zipfile.ZipFile(file) as archive:
        held = {member.filename: archive.read(member) for member in archive.infolist()}
    name = str(rng.choice([*held]))
    held[name], at = _spoilt(held[name], kind, rng)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in held.items():
            archive.writestr(member, data)
    return f"{name} in {file.name}: {kind} at byte {at}"


def _spoilt(whole: bytes, kind: str, rng: np.random.Generator) -> tuple[bytes, int]:
    """Bytes after one kind of damage, and where it is."""
    data = bytearray(whole)
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
    return bytes(data), at
