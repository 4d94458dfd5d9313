"""Tables in the formats of other programs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

import pandas as pd
import pyarrow as pa
from pandas.io.stata import StataReader
from pyarrow import feather

from favae_cli.common.errors import UserError
from favae_cli.data.files.packed import RATIO, first_line, require_whole_archive, require_within_reason
from favae_cli.data.files.parquet import plain_columns, read_parquet
from favae_cli.data.files.spss import read_spss

Read = Callable[[Path], tuple[pd.DataFrame, dict[str, str]]]
# What the packages raise that read these formats, where they find something else than they expect.
DAMAGED = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, OSError, EOFError),
    *(SyntaxError, MemoryError, struct.error, BadZipFile, zlib.error, pa.ArrowException),  # XML says that it is syntax
    expat.ExpatError,
)
PLACES = 10_000_000  # that a sheet may have in any case, and `RATIO` for each cell beyond that
STATA = (b"<stata_dta>", b"</stata_dta>")  # around what a file holds, since version 13
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
    """With labels in place of codes, but for columns of which two codes have the same label.

    Raises:
        ValueError, struct.error: the file is damaged, or ends early.
    """
    begin, end = STATA
    whole = path.read_bytes()
    if whole.startswith(begin) and not whole.endswith(end):  # older ones have no mark at their end
        raise ValueError("it ends early")
    try:
        return pd.read_stata(path), {}
    except ValueError:
        with StataReader(path, convert_categoricals=False) as reader:
            reader.value_labels()  # can be read, or codes would pass for what was measured
        return pd.read_stata(path, convert_categoricals=False), {}


def _excel(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The first sheet; words such as NA stay what they are.

    Raises:
        BadZipFile, ValueError: it is no whole archive, or unfolds beyond reason.
    """
    members = require_whole_archive(path)
    require_within_reason(members, "packed sheets", "save them as .csv")
    with ZipFile(path) as archive:
        for member in members:  # a sheet may lie anywhere, and be called anything
            with archive.open(member) as part:
                _require_filled(part)
    return pd.read_excel(path, keep_default_na=False, na_values=[""]), {}


class _NoSheet(Exception):
    """A file within an Excel file is something else than a sheet."""


def _require_filled(part: IO[bytes]) -> None:
    """Refuse a sheet with a cell far from all others: each place between them would be taken for an empty cell.

    Args:
        part: a file within an Excel file; nothing is asked of one that is no sheet.

    Raises:
        ValueError: there is such a cell.
        ExpatError: the sheet is damaged.
    """
    from openpyxl.utils.cell import coordinate_to_tuple, get_column_letter  # of the extra

    cells = rows = columns = row = column = 0
    root, last = "", (0, 0)

    def begun(name: str, attributes: dict[str, str]) -> None:
        nonlocal cells, rows, columns, row, column, root, last
        tag, place = name.rpartition(":")[2], attributes.get("r")
        root = root or tag
        if root != "worksheet":
            raise _NoSheet
        if tag == "row":  # those without a place follow one another, as openpyxl reads them
            row, column = int(float(place)) if place else row + 1, 0
        if tag != "c":
            return
        cells += 1
        column = coordinate_to_tuple(place)[1] if place else column + 1
        if row > rows or column > columns:
            rows, columns, last = max(row, rows), max(column, columns), (row, column)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begun
    try:
        parser.ParseFile(part)
    except _NoSheet:
        return
    except expat.ExpatError:
        if root:
            raise
        return  # a picture, for one
    if rows * columns > max(PLACES, RATIO * cells):
        place = f"{get_column_letter(last[1])}{last[0]}"
        told = f"its {cells} cells reach to {place}, so that {rows} rows of {columns} columns would be read"
        raise ValueError(f"{told}; clear what stands there, or save the sheet as .csv")


# By suffix, the program whose files have it, and how they are read.
FOREIGN: dict[str, tuple[str, Read]] = {
    ".parquet": ("Parquet", read_parquet),
    ".pq": ("Parquet", read_parquet),
    ".feather": ("Feather", lambda path: plain_columns(feather.read_table(path))),
    ".xlsx": ("Excel", _excel),
    ".dta": ("Stata", _stata),
    ".sav": ("SPSS", read_spss),
}
