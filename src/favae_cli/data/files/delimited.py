"""Tables written as text, in the ways that spreadsheets and programs of several countries have of writing them."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.files.packed import CHUNK, RATIO, ROOM, first_line

GZ = ".gz"
# What comes of text that is damaged, badly packed or written in another way than is told.
TEXT_ERRORS = (ValueError, OSError, EOFError, LookupError, csv.Error, zlib.error)
SUFFIXES = (".csv", ".tsv", ".txt")  # also with .gz behind them
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}
WESTERN = "cp1252"  # what is no Unicode is most likely this, which has Latin-1's letters
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
LOOKED_AT = 50  # rows by which a separator is judged
ROW_NAME = "row_name"  # what a first column without a name is called
GROUP = {".": ",", ",": "."}  # what may stand between thousands, by what stands before the tenths
GROUPED = r",\d{3}[,.]"  # commas that can only stand between thousands
NUMBER = {
    mark: re.compile(
        rf"(?=[+-]?[.,]?\d)[+-]?([1-9]\d{{0,2}}({re.escape(group)}\d{{3}})+|\d+)?({re.escape(mark)}\d+)?([eE][+-]?\d+)?"
    )
    for mark, group in GROUP.items()
}


@dataclass(frozen=True)
class TextFormat:
    """How a table is written as text; None where it is to be recognised.

    Attributes:
        sep: what stands between two cells.
        decimal: "." or ",", what stands before the tenths of a number.
        encoding: a name that Python knows, such as utf-8 or latin-1.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None


PLAIN = TextFormat(",", ".", "utf-8")


@dataclass(frozen=True)
class Delimited:
    """What such a file holds: its columns, all cells as text, how it is written, and what was done to its names."""

    frame: pd.DataFrame
    written: TextFormat
    notes: tuple[str, ...]


def is_delimited(path: Path) -> bool:
    """Whether its suffix is that of a table written as text."""
    return _suffix(path) in SUFFIXES


def read_delimited(path: Path, given: TextFormat, missing: Collection[str] = ("",)) -> Delimited:
    """Read a table written as text. Numbers with a decimal comma get a point, so that all that follows can read them.

    Args:
        path: of the file; packed by gzip where it ends in .gz.
        given: what is known of how it is written.
        missing: cells that hold no value.

    Raises:
        UserError: text in another encoding, no header, or rows longer or shorter than it.
    """
    try:
        encoding = _encoding(path, given.encoding)
        sep = given.sep or _separator(path, encoding)
        header = _records(path, encoding, sep, 1)
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding=encoding, sep=sep)
    except TEXT_ERRORS as error:
        what = " and ".join(["text", *([] if given.encoding is None else [f"data.encoding={given.encoding}"])])
        raise UserError(f"{path}: cannot be read as a table of {what}: {first_line(error)}") from error
    names = header[0] if header else []
    notes = list(_twice(names))
    if not isinstance(frame.index, pd.RangeIndex):
        frame = _with_row_names(frame, path)
        notes.append(f"rows of {path.name} have a cell more than its header has names; the first is called {ROW_NAME}")
    elif len(frame.columns) and names[:1] == [""]:
        frame = frame.rename(columns={frame.columns[0]: ROW_NAME})
    if frame.empty:
        raise UserError(f"{path}: the table has no row")
    if (frame.iloc[:, -1] == "").any():  # as pandas fills up a row that ends early
        _require_whole_rows(path, encoding, sep, len(names))
    _require_header(frame, names, path)
    commas = _has_commas(path, sep)
    decimal = given.decimal or (_decimal(frame, missing) if commas else ".")
    for column in frame.columns if commas or decimal == "," else ():
        numbers = _numbers(frame[column], decimal, missing)
        if numbers is None:
            continue
        if given.decimal is None and decimal == "," and not numbers.str.contains(",").any():
            seen = numbers.iloc[0]
            notes.append(f"{column} has cells such as {seen}, taken for thousands; data.decimal says otherwise")
        if given.decimal or decimal == "," or numbers.str.contains(GROUPED).any():
            plain = numbers.str.replace(GROUP[decimal], "", regex=False).str.replace(decimal, ".", regex=False)
            frame.loc[plain.index, column] = plain
        else:
            notes.append(
                f"{column} has cells such as {numbers.iloc[0]}: more than a thousand, or a few? Set data.decimal"
            )
    return Delimited(frame, TextFormat(sep, decimal, encoding), tuple(notes))


def how_written(written: TextFormat) -> str | None:
    """How a file is written, where that is not plain: what a reader may want to know and to correct."""
    parts = []
    if written.sep != PLAIN.sep:
        parts.append(f"{SEPARATORS.get(written.sep or '', repr(written.sep))} between its cells")
    if written.decimal != PLAIN.decimal:
        parts.append("decimal commas")
    if written.encoding not in (PLAIN.encoding, "utf-8-sig"):
        parts.append(f"text in {written.encoding}")
    return ", ".join(parts) or None


def _open(path: Path) -> Callable[..., IO[Any]]:
    return gzip.open if path.suffix.lower() == GZ else open


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return Path(name.removesuffix(GZ)).suffix


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[IO[str]]:
    limit = csv.field_size_limit(sys.maxsize)  # that of pandas is no other
    try:
        with _open(path)(path, "rt", newline="", encoding=encoding) as file:
            yield file
    finally:
        csv.field_size_limit(limit)


def _records(path: Path, encoding: str, sep: str, most: int) -> list[list[str]]:
    with _text(path, encoding) as file:
        return [*islice((row for row in csv.reader(file, delimiter=sep) if row), most)]


def _encoding(path: Path, given: str | None) -> str:
    """What is given, or a mark at its beginning says, else UTF-8 where all of it is, else what the west wrote before.

    Raises:
        UserError: there are bytes of zero in it, as no text has them.
        ValueError: as `_unpacked`, of which all is looked at once.
    """
    chunks = _unpacked(path)
    beginning = next(chunks, b"")
    found = given or next((name for mark, name in MARKS.items() if beginning.startswith(mark)), None)
    if found is None and b"\0" in beginning:
        raise UserError(f"{path}: holds bytes that no text has; is it what its name says? Else set data.encoding")
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chain([beginning], chunks, [b""]):
        try:
            if found is None:
                decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            found = WESTERN
    return found or "utf-8"


def _unpacked(path: Path) -> Iterator[bytes]:
    """What a file holds, a part at a time.

    Raises:
        ValueError: it is packed, and more than `ROOM` and `RATIO` times its size: a few bytes can stand for any number
            of lines.
    """
    size, unfolded = path.stat().st_size, 0
    most = max(ROOM, RATIO * size)
    with _open(path)(path, "rb") as file:
        while chunk := file.read(CHUNK):
            unfolded += len(chunk)
            if unfolded > most:
                raise ValueError(f"its {size} bytes unfold to more than {most}; unpack it if that is meant")
            yield chunk


def _has_commas(path: Path, sep: str) -> bool:
    """Whether a cell may hold a comma, which one between commas does in quotes; sooner than by a look at every cell."""
    return any((b'"' if sep == "," else b",") in chunk for chunk in _unpacked(path))


def _separator(path: Path, encoding: str) -> str:
    """The one that cuts every row into as many cells as the header has names, and most of them."""
    cells = {}
    for sep in SEPARATORS:
        if sep == " " and _suffix(path) != ".txt":  # in other files the blanks are those of words
            continue
        try:
            header, *rows = _records(path, encoding, sep, LOOKED_AT)
        except (csv.Error, ValueError):  # an empty file, or quotes that this separator makes no sense of
            continue
        if {len(row) for row in rows} in ({len(header)}, {len(header) + 1}):  # a column of row names may have no name
            cells[sep] = len(header)
    best = max(cells, key=lambda sep: cells[sep], default=",")
    return best if cells.get(best, 1) > 1 else ","


def _twice(names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1 and name:
            others = " and ".join(f"{name}.{number}" for number in range(1, times))
            yield f"the header says {name} {times} times; the later ones are called {others}"


def _with_row_names(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The frame with its first column, which has no name in the header, called `ROW_NAME`.

    Raises:
        UserError: the first cells name no rows, the rows end in a separator, or are longer by two cells or more.
    """
    if isinstance(frame.index, pd.MultiIndex) or not frame.index.is_unique or (frame.iloc[:, -1] == "").all():
        raise UserError(f"{path}: its rows have more cells than its header has names")
    return frame.rename_axis(ROW_NAME).reset_index().astype({ROW_NAME: str})


def _require_whole_rows(path: Path, encoding: str, sep: str, columns: int) -> None:
    """Refuse a file with a row of fewer cells, such as a copy that was cut off has at its end."""
    try:
        with _text(path, encoding) as file:
            rows = csv.reader(file, delimiter=sep)
            for row in rows:
                if 0 < len(row) < columns:
                    lacks = f"line {rows.line_num} has {len(row)} of the {columns} cells that the header names"
                    between = SEPARATORS.get(sep, repr(sep))
                    raise UserError(f"{path}: {lacks}; is the file whole? An empty cell needs its {between}")
    except TEXT_ERRORS as error:
        raise UserError(f"{path}: cannot be read as a table of text: {first_line(error)}") from error


def _require_header(frame: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    """Refuse a first line that is a row: it has a number over every column of numbers, and one that is not whole."""
    over = {name: value for name in names if name in frame.columns and (value := _value(name)) is not None}
    if all(value == round(value) for value in over.values()):  # as of pixels, or years
        return
    if not any(_are_numbers(frame[name]) for name in names if name not in over):
        line = ", ".join([*names[:3], "..."] if len(names) > 3 else names)
        raise UserError(
            f"{path}: its first line seems to be a row ({line}), not the names of columns; add a line of names"
        )


def _value(cell: str) -> float | None:
    """What a number says in the one way of writing or the other; None of other text."""
    for mark, pattern in NUMBER.items():
        if pattern.fullmatch(cell):
            return float(cell.replace(GROUP[mark], "").replace(mark, "."))
    return None


def _are_numbers(cells: pd.Series) -> bool:
    return all(_value(cell) is not None for cell in cells if cell)


def _filled(cells: pd.Series, missing: Collection[str]) -> pd.Series:
    return cells[~cells.str.strip().isin([*missing, ""])].str.strip()


def _decimal(frame: pd.DataFrame, missing: Collection[str]) -> str:
    """A comma where some column of numbers has it in a place where no thousands end."""
    for column in frame.columns:
        cells = frame[column]
        with_comma = cells[cells.str.contains(",", regex=False)]
        if not len(with_comma) or not _filled(cells, missing).str.fullmatch(NUMBER[","]).all():
            continue
        if not with_comma.str.strip().str.fullmatch(NUMBER["."]).all():
            return ","
    return "."


def _numbers(cells: pd.Series, decimal: str, missing: Collection[str]) -> pd.Series | None:
    """The filled cells that are written otherwise than programs do, if the column is one of numbers and has any."""
    marked = cells.str.contains("[.,]" if decimal == "," else ",")
    if not marked.any():
        return None
    filled = _filled(cells, missing)
    numeric = len(filled) and filled.str.fullmatch(NUMBER[decimal]).all()
    return filled[marked.reindex(filled.index)] if numeric else None
