"""Samples of several files, joined by their keys: each sample that any file has, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.table import Table

Load = Callable[[], tuple[ViewData, tuple[str, ...]]]


@dataclass(frozen=True)
class Source:
    """A view of the M samples of one file, before its data are loaded.

    Attributes:
        keys: (M,) of str, each once.
        present: bool (M,), which of them have the view.
        load: the view and notes on what had to be skipped.
    """

    keys: np.ndarray
    present: np.ndarray
    load: Load

    def present_in(self, samples: np.ndarray) -> np.ndarray:
        """bool (N,): which of all `samples` have the view."""
        at = positions(self.keys, samples)
        return (at >= 0) & self.present[at]

    def load_for(self, samples: np.ndarray) -> tuple[ViewData, tuple[str, ...]]:
        """The view of all N `samples`, and the notes."""
        view, notes = self.load()
        at = positions(self.keys, samples)
        return replace(view, row=np.where(at >= 0, view.row[at], -1)), notes


def sample_keys(table: Table) -> np.ndarray:
    """The name of the sample that each row is about, (N,) of str; its number from 1 where no column says it.

    Raises:
        UserError: no such column, or an empty cell in it.
    """
    if table.key is None:
        return np.arange(1, len(table) + 1).astype(f"<U{len(str(len(table)))}")
    keys: np.ndarray = table.column(table.key, "data.key").astype(str)
    if (keys == "").any():
        row = np.flatnonzero(keys == "")[0] + 1
        raise UserError(f"data.key: column {table.key!r} is empty in row {row} of {table.path}")
    return keys


def distinct_keys(table: Table) -> np.ndarray:
    """As `sample_keys`, of a table with one row a sample.

    Raises:
        UserError: two rows have the same key.
    """
    keys = sample_keys(table)
    if table.key is None:
        return keys
    names, counts = np.unique(keys, return_counts=True)
    for name in names[counts > 1].tolist():
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(keys == name))
        raise UserError(f"data.key: {name!r} names several samples, rows {rows} of {table.path}; keys must differ")
    return keys


def union(keys: Iterable[np.ndarray]) -> np.ndarray:
    """Every key once, (N,) of str, in the order of appearance."""
    first, *others = keys
    more = [other for other in others if not np.array_equal(other, first)]
    if not more and len(np.unique(first)) == len(first):  # as of one file: no index of millions of names
        return first
    return pd.unique(np.concatenate([first, *more]).astype(object)).astype(str)


def positions(keys: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Where in `keys`, each of which comes once, the `samples` are: int64 (N,), -1 for one that is not there."""
    if np.array_equal(keys, samples):  # as of one file: no index of millions of names
        return np.arange(len(keys), dtype=np.int64)
    return pd.Index(keys).get_indexer(pd.Index(samples)).astype(np.int64)
