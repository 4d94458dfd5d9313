"""Arrays left where they lie in their files: only what is looked at comes into memory."""

from __future__ import annotations

import math
import os
import struct
import sys
import tokenize
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.files.packed import CHUNK, first_line

LOCAL_HEADER = 30  # bytes in front of the name of a file in a ZIP archive; the last four say how long that and more is
FIRST_SURROGATE, LAST_SURROGATE = 0xD800, 0xDFFF  # halves of signs, that no text has
# What comes of files that are damaged, encrypted or packed in a way that Python does not know.
NUMPY_ERRORS = (
    *(ValueError, OSError, EOFError, RuntimeError, KeyError, struct.error, zipfile.BadZipFile, zlib.error, LZMAError),
    *(SyntaxError, TypeError, tokenize.TokenError, RecursionError, MemoryError),  # NumPy has Python read headers
)


def readable(array: np.ndarray) -> np.ndarray:
    """The array, of bytes as the text that they are in UTF-8.

    Raises:
        ValueError: there is text in it that is none.
    """
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if array.dtype.kind == "U" and array.size:
        signs = np.ascontiguousarray(array).view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        if ((signs > sys.maxunicode) | ((signs >= FIRST_SURROGATE) & (signs <= LAST_SURROGATE))).any():
            raise ValueError("its texts have signs that are none of Unicode's")
    return array


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
