"""What every data set is to the rest of the program: named, masked views of the same samples, already split."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal, NamedTuple

import numpy as np

from favae_cli.config.data_base import Kind
from favae_cli.data.written import Written

SPLITS = ("train", "validation", "test")


class OneHot(NamedTuple):
    """A variable of a table of categories: its name, its categories, and where their columns are."""

    name: str
    categories: tuple[str, ...]
    block: slice

    def codes(self, table: np.ndarray) -> np.ndarray:
        """float64 (N,): which of the categories, from 0, each row (N, D) of the table has; NaN where it is missing."""
        part = table[:, self.block]
        return np.where(np.isnan(part).any(axis=1), np.nan, np.nan_to_num(part).argmax(axis=1))


@dataclass(frozen=True)
class ViewData:
    """One view of N samples, stored without its gaps.

    Attributes:
        values: images as uint8 (R, H, W, C), maybe memory-mapped, or as `ShardedImages`; a table (R, D) in which NaN is
            a missing entry; sequences (R, T, C), NaN past their end and where an entry is missing; or texts, an object
            array (R,) of str. Numbers are float32 where that holds every one of them to the last digit, else float64.
            R <= N: only samples that have the view take a row.
        row: int64 (N,), the row of `values` that holds each sample, -1 where the sample lacks the view.
        columns: names of the table's D columns, or of the sequences' C channels; empty for images and texts.
        groups: of a table of categories, how many of its columns belong to each variable, exactly one of which is 1.
        kind: what the data are, as the config says; None where only the form of the values can tell.
        labels: by variable of a table of categories, (R,) of str, what the file says where rare ones are merged.
        written: how the user's file has each variable of a table; empty where only the values can tell.
    """

    values: np.ndarray
    row: np.ndarray
    columns: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    kind: Kind | None = None
    written: tuple[Written, ...] = ()
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def variables(self) -> list[OneHot]:
        """Those of a table of categories, in the order of its columns."""
        found = []
        for block in blocks(self.groups):
            pairs = [parted(column) for column in self.columns[block]]
            found.append(OneHot(pairs[0][0], tuple(category for _, category in pairs), block))
        return found

    @property
    def present(self) -> np.ndarray:
        """bool (N,): which samples have this view."""
        return self.row >= 0

    @property
    def is_image(self) -> bool:
        """Whether a sample is an (H, W, C)."""
        return self.values.ndim == 4

    @property
    def is_table(self) -> bool:
        """Whether a sample is a (D,), of numbers of any kind."""
        return self.values.ndim == 2

    @property
    def is_sequence(self) -> bool:
        """Whether a sample is a (T, C)."""
        return self.values.ndim == 3

    @property
    def is_text(self) -> bool:
        """Whether a sample is a str."""
        return self.values.ndim == 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (H, W, C), (D,), (T, C), or () of a text."""
        return self.values.shape[1:]

    def gather(self, indices: np.ndarray) -> np.ndarray:
        """Values of the samples `indices`, in that order; every one of them must have the view.

        Rows of a memory-mapped file are read as they come: to sort them first gained nothing, be they in memory or not.
        """
        return self.values[self.row[indices]]


@dataclass(frozen=True)
class Dataset:
    """Named views of N samples with a fixed split.

    Attributes:
        name: what the data set calls itself in logs and reports.
        keys: (N,) a name for each sample.
        views: the views by name, in the order of the config.
        split: "train", "validation" and "test", each the sorted int64 indices of its samples; disjoint.
        truth: what is known beyond the views, each (N,) or (N, k): generative factors by name (drawn data), or by view
            the values of a table before some were hidden.
        notes: one line each on what the loader had to skip or repair.
        key: the column that names the samples in the user's files, if one does.
    """

    name: str
    keys: np.ndarray
    views: dict[str, ViewData]
    split: dict[str, np.ndarray]
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    key: str = "key"

    def seen_as(self, sources: Mapping[str, str]) -> Dataset:
        """The data set with views of new names, each the view that `sources` gives for it."""
        truth = {name: values for name, values in self.truth.items() if name not in self.views}
        truth |= {
            name: self.truth[source] for name, source in sources.items() if source in self.views.keys() & self.truth
        }
        return replace(self, views={name: self.views[source] for name, source in sources.items()}, truth=truth)

    def taken(self, indices: np.ndarray, split: dict[str, np.ndarray]) -> Dataset:
        """Some of the samples, in the order of `indices`, with a split of their own."""
        return replace(
            self,
            keys=self.keys[indices],
            views={name: replace(view, row=view.row[indices]) for name, view in self.views.items()},
            split=split,
            truth={name: values[indices] for name, values in self.truth.items()},
        )

    def thinned(self, most: int | None) -> Dataset:
        """With so many samples of each split at most, the same ones whenever it is asked; all when None."""
        if most is None:
            return self
        return replace(self, split={name: some(indices, most) for name, indices in self.split.items()})

    def in_company(self, split: str) -> np.ndarray:
        """Sorted indices of the samples in `split` that have two views, or the one that there is."""
        indices = self.split[split]
        count = np.sum([view.present[indices] for view in self.views.values()], axis=0)
        return indices[count >= min(2, len(self.views))]

    def having_any(self, split: str) -> np.ndarray:
        """Indices of the samples in `split` that have a view at all."""
        return self.having(split, any_of=self.views)

    def having(self, split: str, *views: str, any_of: Collection[str] | None = None) -> np.ndarray:
        """Sorted indices of the samples in `split` that have every one of `views`, and one or more of `any_of`."""
        indices = self.split[split]
        for view in views:
            indices = indices[self.views[view].present[indices]]
        if any_of is not None:
            present = (self.views[view].present[indices] for view in any_of)
            indices = indices[reduce(np.logical_or, present, np.zeros(len(indices), bool))]
        return indices


Measured = Literal["image", "text", "sequence", "categorical", "binary", "real"]
"""Kinds of data that are scored, and drawn, in different ways; counts and vectors are real, levels are categories."""


def measured_as(view: ViewData) -> Measured:
    """The kind of the data; a table of no declared kind is real, unless it has groups."""
    match view.kind:
        case "counts" | "vector":
            return "real"
        case "ordinal":
            return "categorical"
        case "image" | "text" | "sequence" | "categorical" | "binary" | "real":
            return view.kind
    if view.is_image:
        return "image"
    if view.is_text:
        return "text"
    if view.is_sequence:
        return "sequence"
    return "categorical" if view.groups else "real"


def parted(column: str) -> tuple[str, str]:
    """The variable and the category that a column of a table of categories is called after, as "colour=red" is."""
    name, _, category = column.partition("=")
    return name, category


def blocks(groups: tuple[int, ...]) -> list[slice]:
    """Where the columns of each variable of a categorical table are."""
    ends = np.cumsum(groups)
    return [slice(end - size, end) for size, end in zip(groups, ends.tolist(), strict=True)]


def some(indices: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the samples, the same ones whenever they are asked for."""
    return indices if len(indices) <= most else np.sort(np.random.default_rng(0).permutation(indices)[: max(most, 1)])
