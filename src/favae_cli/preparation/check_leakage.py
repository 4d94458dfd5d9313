"""The same thing in two splits, which makes a test too easy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from favae_cli.config.own_files import ManifestConfig
from favae_cli.data import SPLITS, Dataset, ViewData
from favae_cli.data.files.join_by_key import positions, sample_keys
from favae_cli.data.sets.manifest import read_tables
from favae_cli.data.split import LABELS
from favae_cli.preparation.guess_columns import GROUP_NAME, guess_column

TELLING = 4  # values of a sample, from which two that are alike are no accident

Marks = list[tuple[int, bytes]]


def copies(data: Dataset) -> Iterator[str]:
    """A line for each view, and for all together, that is the same for samples of two splits, and by no accident."""
    marks = {name: _marks(view) for name, view in data.views.items()}
    torn = {name: _torn(data, [part]) for name, part in marks.items()}
    if not any(torn.values()):
        torn = {"everything": _torn(data, [*marks.values()])}
    for name, pairs in torn.items():
        if pairs:
            one, other = (str(data.keys[index]) for index in pairs[0])
            yield (
                f"data.split: {len(pairs)} samples have the same {name} as one of another split, such as {one!r} and "
                f"{other!r}; keep such samples together, with data.split.by=COLUMN, or leave copies out"
            )


def _torn(data: Dataset, marks: Sequence[Marks]) -> list[tuple[int, int]]:
    """Samples of another split than the first one that is the same, each with that one."""
    split_of = split_numbers(data)
    first: dict[bytes, int] = {}
    pairs = []
    for index, split in enumerate(split_of.tolist()):
        found = [part[index] for part in marks]
        if split < 0 or sum(telling for telling, _ in found) < TELLING:
            continue
        same = first.setdefault(b"".join(digest for _, digest in found), index)
        if split_of[same] != split:
            pairs.append((index, same))
    return pairs


def _marks(view: ViewData) -> Marks:
    """Of every sample how many of its values tell it from others, and what is the same for the same values."""
    stored = [(_telling(value), _digest(value)) for value in view.values]
    return [stored[row] if row >= 0 else (0, b"") for row in view.row.tolist()]


def _telling(value: np.ndarray | str) -> int:
    """Words of a text, pixels of an image, numbers that are no plain 0 or 1."""
    if isinstance(value, str):
        return len(value.split())
    return value.size if value.dtype == np.uint8 else int((~np.isnan(value) & (value != 0) & (value != 1)).sum())


def _digest(value: np.ndarray | str) -> bytes:
    return hashlib.blake2b(value.encode() if isinstance(value, str) else value.tobytes(), digest_size=16).digest()


def split_numbers(data: Dataset) -> np.ndarray:
    """int64 (N,): the position in `SPLITS` of each sample's split, -1 for none."""
    numbers = np.full(len(data.keys), -1)
    for number, split in enumerate(SPLITS):
        numbers[data.split[split]] = number
    return numbers


def keys_in_two_splits(config: ManifestConfig) -> Iterator[str]:
    """A line for each key that the split's column puts into two splits; such a table cannot even be loaded."""
    if config.table is None or config.key is None or config.split.column is None:
        return
    table = read_tables(config)[config.table]
    labels = table.column(config.split.column, "data.split.column")
    seen: dict[str, tuple[str, int]] = {}
    for row, (key, label) in enumerate(zip(sample_keys(table).tolist(), labels, strict=True), start=1):
        split = LABELS.get(label.lower(), label)
        where, first = seen.setdefault(key, (split, row))
        if split != where:
            yield (
                f"data.split.column: {key!r} is in {where} by row {first} and in {split} by row {row} of {table.path}; "
                "leave out one of them"
            )


def groups_in_two_splits(config: ManifestConfig, data: Dataset) -> Iterator[str]:
    """A line for each column of the main table that seems to name groups of rows, some of which are in two splits."""
    if config.table is None or config.split.by != "row":
        return
    table = read_tables(config)[config.table]
    at = positions(data.keys, sample_keys(table))
    split_of = split_numbers(data)
    for name in filter(GROUP_NAME.search, map(str, table.frame.columns)):
        cells = table.values(name, "data.table")
        if name == config.key or guess_column(name, cells, config.root).kind != "group":
            continue
        met: dict[str, set[int]] = {}
        for cell, index in zip(cells.tolist(), at.tolist(), strict=True):
            if index >= 0:
                met.setdefault(cell, set()).add(int(split_of[index]))
        torn = [cell for cell, splits in met.items() if len(splits) > 1]
        if torn:
            yield (
                f"data.split: {len(torn)} values of column {name!r} are in two splits, such as {torn[0]!r}; "
                f"data.split.by={name} keeps their rows together"
            )
