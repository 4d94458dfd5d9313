"""Pairs agree, are shared out evenly, and repeat no more than the smaller side forces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from favae_cli.data.sets.pairing import classify, combine, draw_pairs, quotas

FEW = settings(max_examples=40, deadline=None)
codes = st.lists(st.integers(-1, 5), max_size=40).map(lambda values: np.array(values, dtype=np.int64))


def test_only_one_class_counts() -> None:
    members = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1]], bool)
    assert classify(members).tolist() == [-1, 0, 2, -1, -1]


def test_combinations_count_the_last_group_fastest() -> None:
    classes = np.array([[0, 0], [0, 1], [2, 1], [-1, 1], [1, -1]])
    assert combine(classes, (3, 2)).tolist() == [0, 1, 5, -1, -1]


@FEW
@given(st.integers(1, 100), st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_quotas_are_as_equal_as_the_capacity_lets_them(count: int, capacity: list[int]) -> None:
    taken = quotas(count, np.array(capacity), np.ones(len(capacity)))
    assert taken.sum() == min(count, sum(capacity))
    for number, limit in zip(taken, capacity, strict=True):
        assert number == limit or (number < limit and number >= taken.max() - 1)


def test_quotas_follow_the_weights() -> None:
    assert quotas(100, np.array([90, 90, 0, 90]), np.array([1.0, 3.0, 0.0, 6.0])).tolist() == [10, 30, 0, 60]
    assert quotas(100, np.array([90, 90, 0, 40]), np.array([1.0, 3.0, 0.0, 6.0])).tolist() == [15, 45, 0, 40]


@FEW
@given(codes, codes, st.integers(1, 200), st.booleans(), st.integers(0, 3))
def test_pairs_agree_and_repeat_only_the_smaller_side(
    left: np.ndarray, right: np.ndarray, count: int, balanced: bool, seed: int
) -> None:
    pairs = draw_pairs(left, right, count, balanced, np.random.default_rng(seed))
    assert pairs.shape[1] <= count
    assert (left[pairs[0]] == right[pairs[1]]).all()
    assert (left[pairs[0]] >= 0).all()
    assert len(set(map(tuple, pairs.T))) == pairs.shape[1]
    for code in set(left) & set(right) - {-1}:
        of_code = pairs[:, left[pairs[0]] == code]
        for chosen, pool in zip(of_code, (np.sum(left == code), np.sum(right == code)), strict=True):
            times = np.bincount(chosen)
            assert times.max(initial=0) <= -(-of_code.shape[1] // pool)
    again = draw_pairs(left, right, count, balanced, np.random.default_rng(seed))
    assert (pairs == again).all()


@pytest.mark.parametrize("balanced", [True, False])
def test_the_share_of_a_combination(balanced: bool) -> None:
    left, right = np.repeat([0, 1], [300, 100]), np.repeat([0, 1], [50, 350])
    pairs = draw_pairs(left, right, 100, balanced, np.random.default_rng(0))
    kinds = left[pairs[0]]
    assert np.bincount(kinds).tolist() == ([50, 50] if balanced else [75, 25])
    assert len(set(kinds[:20])) == 2  # in no order
