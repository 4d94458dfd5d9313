"""Arrays left where they lie in their files: only what is looked at comes into memory."""

from __future__ import annotations

import math
import os
import struct
import zipfile
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError

LOCAL_HEADER = 30  # bytes in front of the name of a file in a ZIP archive; the last four say how long that and more is
CHUNK = 1 << 20  # bytes read at a time


def memory_mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, (N, ...), read-only.

    Raises:
        UserError: the file is not there or holds no array with a row for each sample.
    """
    try:
        array: np.ndarray = np.lib.format.open_memmap(path, "r")
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be read as .npy of numbers: {str(error).splitlines()[0]}") from error
    if array.ndim == 0 or not len(array):
        raise UserError(f"{path}: the array has no row")
    return array


def mapped_part(path: Path, name: str) -> np.ndarray | None:
    """An array of an .npz file, read-only; None for one that is compressed, of one dimension, or of objects.

    All of it is read once, for its checksum; later only what is looked at.

    Raises:
        ValueError, OSError, zipfile.BadZipFile, RuntimeError: the file is damaged, or the array encrypted.
    """
    with zipfile.ZipFile(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"{name!r} in it is no array, whose name would end in .npy")
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type != zipfile.ZIP_STORED:
            return None
        with archive.open(entry) as member:
            while member.read(CHUNK):  # at its end it compares the checksum
                pass
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        file.seek(sum(struct.unpack("<HH", file.read(LOCAL_HEADER)[-4:])), os.SEEK_CUR)
        begin = file.tell()
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = read(file)
        if len(shape) < 2 or dtype.hasobject:
            return None
        there = entry.file_size - (file.tell() - begin)
        if (told := math.prod(shape) * dtype.itemsize) != there:
            raise ValueError(f"array {name!r} is to have {told} bytes, as its header says, but has {there}")
        return np.memmap(path, dtype, "r", file.tell(), shape, "F" if by_columns else "C")
