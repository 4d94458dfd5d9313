"""What a user gives for one view in Python, before it is known what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from favae_cli.common.errors import UserError
from favae_cli.data.kinds.numbers import LARGEST


@dataclass(frozen=True)
class Cells:
    """What the user gave for one view, of N samples.

    Attributes:
        key: what it is called in messages.
        values: (N, ...) of any type.
        missing: bool, of the same shape.
        columns: their names, of a data frame.
        dated: by column, whether it was dates and times, in place of which there are now days since the beginning of
            1970; empty where none was.
        levels: of pandas columns that all are ordered Categoricals, the levels of each, the lowest first.
    """

    key: str
    values: np.ndarray
    missing: np.ndarray
    columns: tuple[str, ...] | None = None
    levels: tuple[tuple[Any, ...], ...] = ()
    dated: tuple[bool, ...] = ()

    @classmethod
    def of(cls, name: str, given: Any) -> Cells:
        """Arrays and lists as they are, samples along the first axis.

        Raises:
            UserError: samples of unequal shapes, no samples at all, or two columns of one name.
        """
        key = f"X[{name!r}]"
        columns = tuple(map(str, given.columns)) if isinstance(given, pd.DataFrame) else None
        for column in [column for column, times in Counter(columns or ()).items() if times > 1][:1]:
            raise UserError(f"{key}: has column {column!r} more than once; give each a name of its own")
        dated: tuple[bool, ...] = ()
        if isinstance(given, pd.DataFrame):
            dates = [kind.kind == "M" for kind in given.dtypes]
            dated = tuple(dates) if any(dates) else ()
            values: np.ndarray = (given.apply(_in_days) if dated else given).to_numpy()
        elif isinstance(given, pd.Series):
            values = given.to_numpy("M8[ns]" if given.dtype.kind == "M" else None)  # of any time zone
        elif sparse.issparse(given):  # its zeros are values, as of counts; the models look at all of them
            values = given.toarray()
        elif isinstance(given, list | tuple):
            values = _stacked(given, key)
        else:
            values = np.ma.asarray(given)
        if values.dtype.kind == "M":
            values, dated = _days(values), (True,) * (values.shape[-1] if values.ndim > 1 else 1)
        if values.ndim == 0:
            raise UserError(f"{key}: {type(given).__name__} has no samples; give an array, a list or a data frame")
        found = np.ma.getdata(values)
        gaps = False if found.dtype.kind in "biu" else pd.isna(found)  # whole numbers, as of many images, have none
        missing = np.broadcast_to(np.ma.getmask(values) | gaps, found.shape)
        return cls(key, found, missing, columns, _levels(given), dated)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def seen(self) -> np.ndarray:
        """(R,) the values that are there, whatever their place."""
        return self.values[~self.missing]

    def two_dimensional(self) -> Cells:
        """A table (N, D); of one column if there is one value a sample."""
        if self.values.ndim == 1:
            return replace(self, values=self.values[:, None], missing=self.missing[:, None])
        return self.of_dimensions("(N,) or (N, D)", 2)

    def of_dimensions(self, shapes: str, *dimensions: int) -> Cells:
        """Itself.

        Raises:
            UserError: it has another number of dimensions.
        """
        if self.values.ndim not in dimensions:
            raise UserError(f"{self.key}: has shape {self.values.shape}; it must be {shapes}")
        return self

    def names(self, view: str) -> tuple[str, ...]:
        """Names of the last axis: of the columns, or made of the view's."""
        size = self.values.shape[-1]
        return self.columns or ((view,) if size == 1 else tuple(f"{view}_{index}" for index in range(size)))

    def numbers(self) -> np.ndarray:
        """float64 (N, ...), NaN where an entry is missing.

        Raises:
            UserError: an entry that is no number, or not a finite one.
        """
        try:
            values = np.where(self.missing, np.nan, self.values).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.key}: holds something that is no number ({error})") from error
        self.refuse(np.abs(values) > LARGEST, "finite numbers, or NaN for missing")
        return values

    def refuse(self, wrong: np.ndarray, rule: str) -> None:
        """Name the first entry that is `wrong`, a bool of the shape of `values`, and what would be right.

        Raises:
            UserError: there is one.
        """
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            raise UserError(f"{self.key}: holds {self.values[place]} at {list(place)}; use {rule}")


def _in_days(column: pd.Series) -> pd.Series:
    return pd.Series(_days(column.to_numpy("M8[ns]")), column.index) if column.dtype.kind == "M" else column


def _days(times: np.ndarray) -> np.ndarray:
    days: np.ndarray = (times - np.datetime64(0, "D")) / np.timedelta64(1, "D")
    return days


def _levels(given: Any) -> tuple[tuple[Any, ...], ...]:
    """Of each column of a frame, or of a series; nothing if not all have an order."""
    columns = [given[name] for name in given] if isinstance(given, pd.DataFrame) else [given]
    kinds = [column.dtype for column in columns if isinstance(column, pd.Series)]
    ordered = [kind for kind in kinds if isinstance(kind, pd.CategoricalDtype) and kind.ordered]
    return tuple(tuple(kind.categories) for kind in ordered) if len(ordered) == len(columns) else ()


def _stacked(items: Sequence[Any], key: str) -> np.ma.MaskedArray[Any, Any]:
    """One array of the samples, with a mask for those that are None."""
    # As a list of its own, a sample may hold numbers and words: NumPy would make words of all.
    samples = [np.asarray(item, object if isinstance(item, list | tuple) else None) for item in items]
    absent = np.array([item is None for item in items])
    found = [sample for sample, gap in zip(samples, absent, strict=True) if not gap]
    shapes = {item.shape for item in found}
    if len(shapes) > 1:
        told = " and ".join(map(str, sorted(shapes)[:2]))
        raise UserError(f"{key}: its samples have shapes such as {told}; they must be of one shape")
    if not shapes or shapes == {()}:
        values = np.empty(len(items), object)
        values[:] = items
        return np.ma.asarray(values)
    blank = np.zeros_like(found[0])
    values = np.stack([blank if gap else sample for sample, gap in zip(samples, absent, strict=True)])
    return np.ma.array(values, mask=np.broadcast_to(absent.reshape(-1, *[1] * blank.ndim), values.shape))
