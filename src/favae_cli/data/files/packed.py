"""Packed files: whether they are whole, and how much they unfold to."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

CHUNK = 1 << 20  # bytes read at a time
ROOM = 1 << 30  # bytes that what a file holds may take in memory in any case,
RATIO = 100  # and how many times its packed size beyond that
END = struct.Struct("<4s4H2LH")  # of a ZIP archive; the fifth of it is the number of members
COMMENT = 1 << 16  # bytes, at most, that follow it
MANY = 0xFFFF  # members, of which the number stands elsewhere


def first_line(error: Exception) -> str:
    """What an error says of a file, in one line."""
    nothing = "it is not whole, or larger than the memory" if isinstance(error, MemoryError) else "it is not whole"
    return (str(error).strip() or nothing).splitlines()[0]


def require_whole_archive(path: Path) -> list[zipfile.ZipInfo]:
    """The members of a ZIP archive: as many as its end says, where a byte of the list of them may hide some.

    Raises:
        zipfile.BadZipFile: it is none, or they are fewer or more.
        OSError: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - COMMENT - END.size, 0))
        tail = file.read()
    told = END.unpack_from(tail, tail.rfind(b"PK\x05\x06"))[4]
    if told not in (len(members), MANY):
        raise zipfile.BadZipFile(f"it lists {len(members)} of the {told} files in it")
    return members


def require_within_reason(members: list[zipfile.ZipInfo], what: str, advice: str) -> None:
    """Refuse an archive that takes far more memory than its file: a few bytes can stand for any number of zeros.

    Args:
        members: of which it is asked.
        what: they are, in the message.
        advice: how to go on where that is meant.

    Raises:
        ValueError: they take more than `ROOM` and `RATIO` times their size in the file.
    """
    packed = [member for member in members if member.compress_type != zipfile.ZIP_STORED]
    size, unfolded = sum(member.compress_size for member in packed), sum(member.file_size for member in packed)
    if unfolded > max(ROOM, RATIO * size):
        told = f"{size / (1 << 20):.1f} MiB of {what} unfold to {unfolded / (1 << 30):.1f} GiB"
        raise ValueError(f"{told}; if that is meant, {advice}")
