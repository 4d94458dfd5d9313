"""Which samples train the model, which tune it and which judge it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import SPLITS

# How tables say the split, CelebA's numbers among them.
LABELS = {
    "train": "train",
    "training": "train",
    "0": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "1": "validation",
    "test": "test",
    "2": "test",
}


class Shares(Protocol):
    """The shares of the samples held out, each above 0 and together below 1; the rest trains."""

    @property
    def validation(self) -> float:
        """Of the samples that tune the model."""
        ...

    @property
    def test(self) -> float:
        """Of the samples that judge it."""
        ...


def split_indices(
    n: int,
    shares: Shares,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    column: np.ndarray | None = None,
    key: str = "data",
) -> dict[str, np.ndarray]:
    """Split n samples into "train", "validation" and "test": sorted int64 indices, disjoint and complete.

    Args:
        n: number of samples.
        shares: the wanted shares; rows keep to them within a sample, groups within about a group.
        seed: picks the random split; the same seed and groups give the same split.
        groups: (n,) values; samples with the same value are never parted. None: every sample for itself.
        column: (n,) labels that say the split themselves (`LABELS`); seed and groups are then not used.
        key: the section of the config that holds `split`, for messages.

    Raises:
        UserError: a label that names no split, or a split that stays empty.
    """
    assigned = _random(n, shares, seed, groups) if column is None else _labelled(column, key)
    split = {name: np.flatnonzero(assigned == code).astype(np.int64) for code, name in enumerate(SPLITS)}
    for name, indices in split.items():
        if indices.size == 0:
            reason = f"no row of {key}.split.column names it" if column is not None else _too_few(n, groups, key)
            raise UserError(f"{key}.split: the {name} split is empty ({reason})")
    return split


def _random(n: int, shares: Shares, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """Lay the groups out in random order and cut the line at the shares; a group goes where its middle is."""
    _, group_of, sizes = np.unique(np.arange(n) if groups is None else groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    cuts = np.array([1 - shares.validation - shares.test, 1 - shares.test]) * n
    code = np.empty(len(sizes), dtype=np.int64)
    code[order] = np.searchsorted(cuts, middle)
    return code[group_of]


def _labelled(column: np.ndarray, key: str) -> np.ndarray:
    labels, position = np.unique(np.asarray(column).astype(str), return_inverse=True)
    for label in labels.tolist():
        if label.strip().lower() not in LABELS:
            raise UserError(
                f"{key}.split.column: {label!r} names no split; use train, validation and test, or 0, 1 and 2"
            )
    codes = np.array([SPLITS.index(LABELS[label.strip().lower()]) for label in labels], dtype=np.int64)
    return codes[position]


def _too_few(n: int, groups: np.ndarray | None, key: str) -> str:
    among = f"{n} samples" if groups is None else f"{n} samples in {len(np.unique(groups))} groups"
    return f"{among} are too few for these shares; raise its share, or try another {key}.split.seed"
