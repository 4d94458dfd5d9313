"""Tables in the formats of other programs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from favae_cli.common.errors import UserError

Read = Callable[[Path], pd.DataFrame]
# What the packages raise that read these formats, where they find something else than they expect.
DAMAGED = (ValueError, TypeError, LookupError, AttributeError, OSError, EOFError, struct.error, BadZipFile, zlib.error)
EXTRA = "pip install 'favae-run[formats]'"


def read_foreign(path: Path) -> pd.DataFrame:
    """The columns of a Parquet, Feather, Excel, Stata or SPSS file; a named index is a column, codes are their labels.

    Raises:
        UserError: the file is damaged or no such file, has no row, or a package for it is not installed.
    """
    program, read = FOREIGN[path.suffix.lower()]
    try:
        frame = read(path)
    except ImportError as error:
        raise UserError(f"{path}: to read files of {program}, {EXTRA} ({error})") from error
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: cannot be read as {program}: {reason}") from error
    frame = frame.reset_index() if any(frame.index.names) else frame
    if frame.empty:
        raise UserError(f"{path}: the table has no row")
    return frame


def _stata(path: Path) -> pd.DataFrame:
    """With labels in place of codes, but for columns of which two codes have the same label."""
    try:
        return pd.read_stata(path)
    except ValueError:
        return pd.read_stata(path, convert_categoricals=False)


def _excel(path: Path) -> pd.DataFrame:
    """The first sheet; words such as NA stay what they are."""
    return pd.read_excel(path, keep_default_na=False, na_values=[""])


def _spss(path: Path) -> pd.DataFrame:
    """With labels in place of codes.

    Raises:
        ImportError: pyreadstat is not installed.
        ValueError: it cannot read the file.
    """
    import pyreadstat  # of the extra

    try:
        return pyreadstat.read_sav(path, apply_value_formats=True)[0]
    except pyreadstat.ReadstatError as error:
        raise ValueError(str(error)) from error


# By suffix, the program whose files have it, and how they are read.
FOREIGN: dict[str, tuple[str, Read]] = {
    ".parquet": ("Parquet", pd.read_parquet),
    ".pq": ("Parquet", pd.read_parquet),
    ".feather": ("Feather", pd.read_feather),
    ".xlsx": ("Excel", _excel),
    ".dta": ("Stata", _stata),
    ".sav": ("SPSS", _spss),
}
