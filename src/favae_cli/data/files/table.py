"""A user's file as columns of text and arrays of numbers, with errors that name the file, the column and the row."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.own_files import ANNOTATED, NPY
from favae_cli.data.dates import Dates
from favae_cli.data.files.annotated import Matrix, read_annotated
from favae_cli.data.files.delimited import TextFormat, how_written, read_delimited
from favae_cli.data.files.foreign import FOREIGN, read_foreign
from favae_cli.data.files.numpy_arrays import NUMPY_ERRORS, mapped_part, memory_mapped, readable
from favae_cli.data.files.packed import first_line, require_whole_archive, require_within_reason
from favae_cli.data.files.webdataset import TAR, read_shards

NUMPY = ".npz"


class NoSuchColumn(UserError):
    """A table lacks the column or array `name`, which another may have."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name

    def __reduce__(self) -> tuple[type[NoSuchColumn], tuple[str, str]]:
        """Another process may hear of it."""
        return type(self), (str(self), self.name)


@dataclass(frozen=True)
class Table:
    """A file with one row a sample. Rows count from 1, the first under the header.

    Attributes:
        path: of the file.
        frame: its columns; of an .npz file the arrays (N,).
        arrays: of an .npz file the arrays of two dimensions or more, (N, ...); and .npy files that have a row for each
            of its own, by their names.
        unread: names of the arrays that were not asked for.
        odd: columns that hold neither numbers nor texts, and what they hold.
        key: the column that names the samples; None: their row does.
        missing: cells that hold no value.
        missing_values: by column, more of its cells that hold none; numbers however they are written.
        dates: by column, how it writes dates or times.
        written: how text was written in it.
        notes: on what was made of the file.
        new: whether its samples are for a model that is trained already, so that columns of it may be empty.
        matrices: of an AnnData or MuData file, by name.
    """

    path: Path
    frame: pd.DataFrame
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    key: str | None = None
    missing: Collection[str] = ("",)
    missing_values: Mapping[str, Collection[str]] = field(default_factory=dict)
    dates: Mapping[str, Dates] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)
    written: TextFormat | None = None
    notes: tuple[str, ...] = ()
    new: bool = False
    matrices: Mapping[str, Matrix] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Of all columns, arrays and matrices."""
        return [*map(str, self.frame.columns), *self.arrays, *self.unread, *self.odd, *self.matrices]

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str, key: str) -> np.ndarray:
        """The cells of a column as text without blanks around it: (N,) of str, "" where the cell is empty.

        Args:
            name: the column.
            key: the config key that asked for it, for the message.

        Raises:
            NoSuchColumn: there is no such column.
            UserError: it is an array of more than one dimension.
        """
        if name not in self.frame.columns:
            raise self._lacks("column", name, key)
        held = self.frame[name]
        if held.dtype == np.float64 and np.any(held.to_numpy()[np.isfinite(held)] % 1):  # as below, but quickly
            return np.array(["" if value != value else repr(value) for value in held.tolist()], object)
        if isinstance(held.dtype, pd.StringDtype):  # as below, but quickly: there may be many columns
            return np.array([cell.strip() for cell in held.to_numpy(object, na_value="")], object)
        cells = held.convert_dtypes()
        return cells.astype("string").fillna("").str.strip().to_numpy(dtype=object)

    def dtype(self, name: str) -> np.dtype | None:
        """What a column's cells are in the file: a NumPy type of numbers or bool; None of text."""
        dtype = self.frame[name].dtype
        return dtype if isinstance(dtype, np.dtype) and dtype.kind in "biuf" else None

    def numbers(self, name: str) -> np.ndarray | None:
        """float64 or int64 (N,) of a column that is there as such, NaN is missing; None where its text may tell."""
        told = name in self.missing_values or name in self.dates or any(map(is_number, self.missing))
        if name not in self.frame.columns or told or self.dtype(name) not in (np.float64, np.int64):
            return None
        return self.frame[name].to_numpy()

    def values(self, name: str, key: str) -> np.ndarray:
        """As `column`, "" also where the cell says that a value is missing."""
        cells = self.column(name, key)
        none = {*self.missing}
        gaps = np.fromiter((cell in none for cell in cells), bool, len(cells))
        if name in self.missing_values:
            gaps |= _say_one_of(cells, self.missing_values[name])
        return np.where(gaps, "", cells)

    def array(self, name: str, key: str) -> np.ndarray:
        """An array of an .npz file, or one of an .npy file that goes with the table, (N, ...).

        Raises:
            NoSuchColumn: the file has no such array.
            UserError: it is no .npz file, or the array is a column.
        """
        if self.path.suffix.lower() not in (NUMPY, *ANNOTATED) and name not in self.arrays:
            raise UserError(f"{key}: {self.path} holds no arrays, only columns; use columns, or an .npz or .npy file")
        if name in self.frame.columns:
            raise UserError(f"{key}: array {name!r} of {self.path} has one number a sample; use columns: [{name}]")
        if name not in self.arrays:
            raise self._lacks("array", name, key)
        return self.arrays[name]

    def matching(self, patterns: Iterable[str], key: str, without: Iterable[str] = ()) -> list[str]:
        """The columns that `patterns` name, such as "pixel_*", each once; those of a pattern in the file's order.

        Args:
            patterns: of columns.
            key: the config key of the view, whose `columns` they are.
            without: patterns of columns that are left out of these.

        Raises:
            NoSuchColumn: a name or a pattern that fits no column.
            UserError: no column is left, a column whose name has a slash, or an array of more than one dimension.
        """
        left_out = set(self._fitting(without, f"{key}.without"))
        found = [name for name in self._fitting(patterns, f"{key}.columns") if name not in left_out]
        if left_out and not found:
            raise UserError(f"{key}.without: leaves none of the columns")
        for name in found:
            if "/" in name:
                told = f"the slash in column {name!r} would split the names of metrics; rename it"
                raise UserError(f"{key}.columns: {told}, or leave it out by {key}.without")
        return found

    def _fitting(self, patterns: Iterable[str], key: str) -> list[str]:
        names = dict.fromkeys(map(str, self.frame.columns))
        found: dict[str, None] = {}
        for pattern in patterns:
            if pattern in names:
                fitting = [pattern]
            else:
                fitting = [name for name in names if name != self.key and fnmatchcase(name, pattern)]
            if not fitting:
                raise self._lacks("column", pattern, key)
            found |= dict.fromkeys(fitting)
        return list(found)

    def _lacks(self, what: str, name: str, key: str) -> UserError:
        if name in self.odd:
            return UserError(f"{key}: column {name!r} of {self.path} holds {self.odd[name]}; use numbers or texts")
        if name in self.arrays:
            shape = self.arrays[name].shape
            return UserError(f"{key}: {name!r} of {self.path} is an array {shape}, no column; use array: {name}")
        return NoSuchColumn(f"{key}: no {what} {name!r}; {did_you_mean(name, self.names)} (in {self.path})", name)


def read_table(
    path: Path,
    wanted: Sequence[str] = ("*",),
    key: str | None = None,
    missing: Collection[str] = ("",),
    text: TextFormat | None = None,
) -> Table:
    """Read an .npz or .npy file, one of another program, or else a table written as text, by its suffix.

    An .npy file is a table without columns; its array is added by `with_array`. A .tar file, or a name of several, is
    read as `read_shards` says.

    Args:
        path: of the file.
        wanted: names and patterns of the arrays to read of an .npz file; of other files all columns are read.
        key, missing: as `Table` has them.
        text: what is known of how text is written; None: nothing.

    Raises:
        UserError: the file is no such table, is empty, or has rows longer or shorter than its header, or arrays of
            other lengths.
    """
    suffix = path.suffix.lower()
    if suffix == NPY:
        return Table(path, pd.DataFrame(index=pd.RangeIndex(len(memory_mapped(path)))), key=key, missing=missing)
    if suffix == TAR:
        return Table(path, read_shards(path), key=key, missing=missing)
    if suffix == NUMPY:
        found, unread = _read_arrays(path, [*wanted, *([key] if key else [])])
        frame = pd.DataFrame(
            {name: array for name, array in found.items() if array.ndim == 1},
            index=pd.RangeIndex(max(map(len, found.values()), default=0)),
        )
        arrays = {name: array for name, array in found.items() if array.ndim > 1}
        return Table(path, frame, arrays, unread, key, missing)
    if suffix in ANNOTATED:
        frame, matrices, odd, names = read_annotated(path, key)
        return Table(path, frame, key=key or names, missing=missing, odd=odd, matrices=matrices)
    if suffix in FOREIGN:
        frame, odd = read_foreign(path)
        return Table(path, frame, key=key, missing=missing, odd=odd)
    read = read_delimited(path, text or TextFormat(), missing)
    seems = how_written(read.written)
    notes = [f"{path.name} has {seems}", *read.notes] if seems else read.notes
    return Table(path, read.frame, key=key, missing=missing, written=read.written, notes=tuple(notes))


def _say_one_of(cells: np.ndarray, values: Collection[str]) -> np.ndarray:
    """bool (N,): which cells are one of the values, as a text or as a number."""
    numbers = pd.to_numeric(np.array([*values], object), errors="coerce")
    same = np.isin(pd.to_numeric(cells, errors="coerce"), numbers[~np.isnan(numbers)])
    return same | np.isin(cells.astype(str), list(values))


def is_number(text: str) -> bool:
    """Whether it says a number that is finite."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def with_array(table: Table, name: str, path: Path) -> Table:
    """The table with the array of an .npy file, memory-mapped, whose rows are those of the table.

    Args:
        table: of N rows.
        name: to call the array by.
        path: of the .npy file.

    Raises:
        UserError: it holds no array of N rows.
    """
    array = memory_mapped(path)
    if len(array) != len(table):
        raise UserError(f"{path}: has {len(array)} rows, but {table.path} has {len(table)}; row n of both is a sample")
    return replace(table, arrays=table.arrays | {name: array})


def _read_arrays(path: Path, wanted: Sequence[str]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The wanted arrays, all of the same length, and the names of the others."""
    try:
        members = require_whole_archive(path)  # of other files np.load makes something else
        with np.load(path) as file:
            names = [name for name in file.files if any(name == want or fnmatchcase(name, want) for want in wanted)]
            packed = [member for member in members if member.filename.removesuffix(".npy") in names]
            require_within_reason(packed, "packed arrays", "save them by numpy.savez, which does not pack")
            parts = {name: mapped_part(path, name) for name in names}
            found = {name: readable(file[name]) if part is None else part for name, part in parts.items()}
            there = file.files
    except NUMPY_ERRORS as error:
        raise UserError(f"{path}: cannot be read as .npz of numbers and texts: {first_line(error)}") from error
    for name, array in found.items():
        if array.ndim == 0 or not len(array):
            raise UserError(f"{path}: array {name!r} has no row")
    lengths = {name: len(array) for name, array in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UserError(f"{path}: the arrays must have a row for each sample, but their lengths differ: {told}")
    return found, tuple(name for name in there if name not in found)
