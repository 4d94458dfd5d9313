"""Arrays left where they lie in their files: only what is looked at comes into memory."""

from __future__ import annotations

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from lzma import LZMAError
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError

LOCAL_HEADER = 30  # bytes in front of the name of a file in a ZIP archive; the last four say how long that and more is
CHUNK = 1 << 20  # bytes read at a time
ROOM = 1 << 30  # bytes that the packed arrays of a file may take in memory in any case,
RATIO = 100  # and how many times their packed size beyond that
# What comes of files that are damaged, encrypted or packed in a way that Python does not know.
NUMPY_ERRORS = (
    *(ValueError, OSError, EOFError, RuntimeError, KeyError, struct.error, zipfile.BadZipFile, zlib.error, LZMAError),
    *(SyntaxError, TypeError, tokenize.TokenError, RecursionError, MemoryError),  # NumPy has Python read headers
)


def first_line(error: Exception) -> str:
    """What an error says of a file, in one line."""
    return (str(error).strip() or "it is not whole").splitlines()[0]


def memory_mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, (N, ...), read-only.

    Raises:
        UserError: the file is not there or holds no array with a row for each sample.
    """
    try:
        array: np.ndarray = np.lib.format.open_memmap(path, "r")
    except NUMPY_ERRORS as error:
        raise UserError(f"{path}: cannot be read as .npy of numbers: {first_line(error)}") from error
    if array.ndim == 0 or not len(array):
        raise UserError(f"{path}: the array has no row")
    return array


def require_within_reason(path: Path, names: Sequence[str]) -> None:
    """Refuse packed arrays that take far more memory than their file: a few bytes can stand for any number of zeros.

    Raises:
        ValueError: they take more than `ROOM` and `RATIO` times their size in the file.
    """
    with zipfile.ZipFile(path) as archive:
        members = [archive.getinfo(name) for name in archive.namelist() if name.removesuffix(".npy") in names]
    packed = [member for member in members if member.compress_type != zipfile.ZIP_STORED]
    size, unfolded = sum(member.compress_size for member in packed), sum(member.file_size for member in packed)
    if unfolded > max(ROOM, RATIO * size):
        raise ValueError(
            f"{size / (1 << 20):.1f} MiB of packed arrays unfold to {unfolded / (1 << 30):.1f} GiB; if that is meant, "
            "save them by numpy.savez, which does not pack"
        )


def mapped_part(path: Path, name: str) -> np.ndarray | None:
    """An array of an .npz file, read-only; None for one that is compressed, of one dimension, or of objects.

    All of it is read once, for its checksum; later only what is looked at.

    Raises:
        NUMPY_ERRORS: the file is damaged, or the array encrypted.
    """
    with zipfile.ZipFile(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"{name!r} in it is no array, whose name would end in .npy")
        entry = archive.getinfo(f"{name}.npy")
        with archive.open(entry) as member:
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_columns, dtype = read(member)
            begin = member.tell()
            if dtype.hasobject:
                return None
            there = entry.file_size - begin
            if (told := math.prod(shape) * dtype.itemsize) != there:
                raise ValueError(f"array {name!r} is to have {told} bytes, as its header says, but has {there}")
            if len(shape) < 2 or entry.compress_type != zipfile.ZIP_STORED:
                return None
            while member.read(CHUNK):  # at its end it compares the checksum
                pass
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        file.seek(sum(struct.unpack("<HH", file.read(LOCAL_HEADER)[-4:])), os.SEEK_CUR)
        return np.memmap(path, dtype, "r", file.tell() + begin, shape, "F" if by_columns else "C")
