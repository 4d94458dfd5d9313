"""Moments: sums that do not depend on order, batches or chunks, and patterns of missing views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as np_arrays

from favae_cli.factors import Moments, fit
from favae_cli.factors import moments as moments_module

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

SIZES = {"a": 3, "b": 2, "c": 4}
ROWS = 12


def tables(present: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Random embeddings of which `present` (N, 3) says which there are."""
    rng = np.random.default_rng(seed)
    return {
        view: np.where(present[:, [place]], rng.standard_normal((len(present), size)), np.nan)
        for place, (view, size) in enumerate(SIZES.items())
    }


masks = np_arrays(bool, (ROWS, len(SIZES))).map(lambda present: present | ~present.any(axis=1, keepdims=True))


def assert_equal(first: Moments, second: Moments) -> None:
    assert first.sizes == second.sizes
    assert set(first.patterns) == set(second.patterns)
    for pattern, sums in first.patterns.items():
        other = second.patterns[pattern]
        assert sums.count == other.count
        np.testing.assert_allclose(sums.outer.dense(), other.outer.dense(), rtol=1e-12, atol=1e-12)
        for name in ("total", "variance"):
            np.testing.assert_allclose(getattr(sums, name), getattr(other, name), rtol=1e-12, atol=1e-12)
        assert sums.entropy == pytest.approx(other.entropy)


@settings(max_examples=25, deadline=None)
@given(present=masks, order=st.permutations(range(ROWS)))
def test_order_of_the_samples_changes_nothing(present: np.ndarray, order: list[int]) -> None:
    arrays = tables(present)
    shuffled = {view: table[list(order)] for view, table in arrays.items()}
    assert_equal(Moments.from_arrays(arrays), Moments.from_arrays(shuffled))


@settings(max_examples=25, deadline=None)
@given(present=masks, cut=st.integers(1, ROWS - 1))
def test_merged_parts_are_the_whole(present: np.ndarray, cut: int) -> None:
    arrays = tables(present)
    spread = {"b": np.full((ROWS, SIZES["b"]), 0.3)}
    parts = [
        Moments.from_arrays({view: table[rows] for view, table in arrays.items()}, {"b": spread["b"][rows]})
        for rows in (slice(cut), slice(cut, None))
    ]
    whole = Moments.from_arrays(arrays, spread)
    assert_equal(parts[0].merge(parts[1]), whole)
    assert_equal(parts[1].merge(parts[0]), whole)


@settings(max_examples=25, deadline=None)
@given(present=masks)
def test_patterns_are_sums_over_the_samples_that_have_just_these_views(present: np.ndarray) -> None:
    arrays = tables(present)
    found = Moments.from_arrays(arrays)
    assert found.count == ROWS
    assert len(found.patterns) == len(np.unique(present, axis=0))
    for pattern, sums in found.patterns.items():
        rows = (present == [view in pattern for view in SIZES]).all(axis=1)
        stacked = np.concatenate([arrays[view][rows] for view in pattern], axis=1)
        assert pattern == tuple(view for view in SIZES if view in pattern), "views in the model's order"
        assert sums.count == rows.sum()
        np.testing.assert_allclose(sums.total, sum(stacked), atol=1e-12)
        np.testing.assert_allclose(sums.outer.dense(), sum(np.outer(z, z) for z in stacked), atol=1e-12)


def test_chunks_give_what_one_piece_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = tables(np.random.default_rng(1).random((100, 3)) < 0.7 + np.eye(3)[0])
    whole = Moments.from_arrays(arrays, {"a": np.abs(arrays["a"])})
    monkeypatch.setattr(moments_module, "CHUNK", 7)
    assert_equal(Moments.from_arrays(arrays, {"a": np.abs(arrays["a"])}), whole)


def test_variances_and_entropy_are_those_of_the_uncertain_views() -> None:
    present = np.ones((ROWS, 3), dtype=bool)
    variance = np.random.default_rng(2).uniform(0.1, 2.0, (ROWS, SIZES["b"]))
    (sums,) = Moments.from_arrays(tables(present), {"b": variance}).patterns.values()
    np.testing.assert_allclose(sums.variance, np.r_[np.zeros(3), variance.sum(axis=0), np.zeros(4)])
    entropy = 0.5 * np.log(2 * np.pi * np.e * variance).sum()
    assert sums.entropy == pytest.approx({"a": 0.0, "b": entropy, "c": 0.0})


def test_half_precision_embeddings_are_summed_in_double() -> None:
    ones = np.ones((5000, 1), dtype=np.float16)
    (sums,) = Moments.from_arrays({"a": ones}).patterns.values()
    assert sums.total.dtype == sums.outer.dense().dtype == np.float64
    assert sums.total[0] == sums.outer.dense()[0, 0] == 5000, "float16 stops counting at 2048"


def test_merged_parts_are_fitted_to_the_same_numbers(plant: Plant) -> None:
    arrays = plant(0, 200, {"a": 6, "b": 5}, 3, missing=0.2).arrays
    halves = [
        Moments.from_arrays({view: table[rows] for view, table in arrays.items()})
        for rows in (slice(0, None, 2), slice(1, None, 2))
    ]
    together = fit(halves[0].merge(halves[1]), 6, sweeps=30)
    whole = fit(Moments.from_arrays(arrays), 6, sweeps=30)
    assert together.bound == pytest.approx(whole.bound, rel=1e-6)


def test_rows_of_unequal_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same number of rows, got {'a': 3, 'b': 4}"):
        Moments.from_arrays({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))})


def test_row_that_is_partly_missing_is_named() -> None:
    table = np.zeros((4, 2))
    table[2, 1] = np.nan
    with pytest.raises(ValueError, match="view 'b', row 2: a row must be whole or all NaN"):
        Moments.from_arrays({"a": np.zeros((4, 1)), "b": table})


def test_sample_without_any_view_is_named() -> None:
    table = np.zeros((4, 2))
    table[3] = np.nan
    with pytest.raises(ValueError, match="row 3 has no view"):
        Moments.from_arrays({"a": table, "b": table})


@pytest.mark.parametrize(
    "other",
    [{"a": np.zeros((2, 3))}, {"a": np.zeros((2, 2)), "b": np.zeros((2, 1))}, {"c": np.zeros((2, 2))}],
    ids=["size", "views", "name"],
)
def test_moments_of_other_views_are_not_merged(other: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="cannot be merged"):
        Moments.from_arrays({"a": np.zeros((2, 2))}).merge(Moments.from_arrays(other))
