"""Tables in the formats of other programs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from favae_cli.common.errors import UserError
from favae_cli.data.files.numpy_arrays import first_line
from favae_cli.data.files.parquet import plain_columns, read_parquet

Read = Callable[[Path], tuple[pd.DataFrame, dict[str, str]]]
# What the packages raise that read these formats, where they find something else than they expect.
DAMAGED = (
    *(ValueError, TypeError, LookupError, AttributeError, OSError, EOFError),
    *(struct.error, BadZipFile, zlib.error, pa.ArrowException),
)
EXTRA = "pip install 'favae-run[formats]'"


def read_foreign(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The columns of a Parquet, Feather, Excel, Stata or SPSS file; a named index is a column, codes are their labels.

    Returns:
        The columns of numbers, truth values, texts and times; and by name, what the others hold.

    Raises:
        UserError: the file is damaged or no such file, has no row, or a package for it is not installed.
    """
    program, read = FOREIGN[path.suffix.lower()]
    try:
        frame, odd = read(path)
    except ImportError as error:
        raise UserError(f"{path}: to read files of {program}, {EXTRA} ({error})") from error
    except DAMAGED as error:
        raise UserError(f"{path}: cannot be read as {program}: {first_line(error)}") from error
    if frame.empty:
        raise UserError(f"{path}: the table has no row")
    return frame, odd


def _stata(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """With labels in place of codes, but for columns of which two codes have the same label."""
    try:
        return pd.read_stata(path), {}
    except ValueError:
        return pd.read_stata(path, convert_categoricals=False), {}


def _excel(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The first sheet; words such as NA stay what they are."""
    return pd.read_excel(path, keep_default_na=False, na_values=[""]), {}


def _spss(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """With labels in place of codes.

    Raises:
        ImportError: pyreadstat is not installed.
        ValueError: it cannot read the file.
    """
    import pyreadstat  # of the extra

    try:
        return pyreadstat.read_sav(path, apply_value_formats=True)[0], {}
    except pyreadstat.ReadstatError as error:
        raise ValueError(str(error)) from error


# By suffix, the program whose files have it, and how they are read.
FOREIGN: dict[str, tuple[str, Read]] = {
    ".parquet": ("Parquet", read_parquet),
    ".pq": ("Parquet", read_parquet),
    ".feather": ("Feather", lambda path: plain_columns(feather.read_table(path))),
    ".xlsx": ("Excel", _excel),
    ".dta": ("Stata", _stata),
    ".sav": ("SPSS", _spss),
}
