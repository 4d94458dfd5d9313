"""A split is disjoint and complete, keeps its shares, and never parts a group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from favae_cli.common.errors import UserError
from favae_cli.data.split import split_indices


@dataclass(frozen=True)
class Shares:
    validation: float = 0.1
    test: float = 0.2


shares = st.builds(Shares, st.floats(0.1, 0.3), st.floats(0.1, 0.3))


def assert_partition(split: dict[str, np.ndarray], n: int) -> None:
    assert list(split) == ["train", "validation", "test"]
    for indices in split.values():
        assert indices.dtype == np.int64
        assert (np.diff(indices) > 0).all()
    assert sorted(np.concatenate(list(split.values()))) == list(range(n))


@given(st.integers(20, 400), shares, st.integers(0, 2**32))
def test_rows_keep_the_shares(n: int, shares: Shares, seed: int) -> None:
    split = split_indices(n, shares, seed=seed)
    assert_partition(split, n)
    assert abs(split["validation"].size - shares.validation * n) <= 1
    assert abs(split["test"].size - shares.test * n) <= 1


@pytest.mark.slow
@given(st.lists(st.integers(1, 8), min_size=60, max_size=120), shares, st.integers(0, 2**32))
def test_groups_are_never_parted(sizes: list[int], shares: Shares, seed: int) -> None:
    groups = np.repeat([f"group {i}" for i in range(len(sizes))], sizes)
    np.random.default_rng(seed).shuffle(groups)
    n = groups.size
    split = split_indices(n, shares, seed=seed, groups=groups)
    assert_partition(split, n)
    members = [set(groups[indices]) for indices in split.values()]
    assert sum(map(len, members)) == len(sizes)
    assert abs(split["test"].size - shares.test * n) <= max(sizes)
    assert abs(split["validation"].size - shares.validation * n) <= max(sizes)


def test_seed_decides() -> None:
    first, again, other = (split_indices(100, Shares(), seed=seed)["test"] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_groups_decide_not_their_order_in_the_table() -> None:
    groups = np.repeat(np.arange(50), 2)
    backwards = groups[::-1]
    split = split_indices(100, Shares(), seed=3, groups=groups)
    turned = split_indices(100, Shares(), seed=3, groups=backwards)
    assert set(groups[split["test"]]) == set(backwards[turned["test"]])


def test_column_says_the_split() -> None:
    labels = np.array(["train", "Val", "test ", "0", "1", "2", "TRAINING", "valid", "validation"], dtype=object)
    split = split_indices(9, Shares(), seed=0, column=labels)
    assert {name: indices.tolist() for name, indices in split.items()} == {
        "train": [0, 3, 6],
        "validation": [1, 4, 7, 8],
        "test": [2, 5],
    }


def test_unknown_label_is_named() -> None:
    with pytest.raises(UserError, match=r"data\.split\.column: 'holdout' names no split"):
        split_indices(2, Shares(), seed=0, column=np.array(["train", "holdout"], dtype=object))


def test_empty_split_is_refused() -> None:
    labels = np.array(["train", "test"], dtype=object)
    with pytest.raises(UserError, match=r"data\.split: the validation split is empty \(no row"):
        split_indices(2, Shares(), seed=0, column=labels)
    with pytest.raises(UserError, match=r"the validation split is empty \(3 samples are too few"):
        split_indices(3, Shares(), seed=0)
    with pytest.raises(UserError, match=r"50 samples in 1 groups are too few"):
        split_indices(50, Shares(), seed=0, groups=np.zeros(50))
