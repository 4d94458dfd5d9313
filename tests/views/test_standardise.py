"""Standardised columns: statistics of what is seen, and columns that have none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from favae_cli.views import standardise as standard_module
from favae_cli.views.standardise import LogStandard, Standard

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(200, 3), (50, 4, 3)])
def test_the_statistics_are_those_of_the_entries_that_are_seen(shape: tuple[int, ...]) -> None:
    values = (RNG.standard_normal(shape) * [1, 50, 0.01] + [0, 3000, -7]).astype(np.float32)
    values[RNG.random(shape) < 0.3] = np.nan
    standard = Standard(3)
    standard.fit(values)
    rows = values.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(standard.mean, np.nanmean(rows, axis=0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(standard.scale, np.nanstd(rows, axis=0), rtol=1e-6)
    found = standard(torch.from_numpy(values)).numpy()
    assert np.array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(np.nanmean(found.reshape(-1, 3), axis=0), 0, atol=1e-2)
    np.testing.assert_allclose(np.nanstd(found.reshape(-1, 3), axis=0), 1, rtol=1e-3)


def test_before_it_is_fitted_it_changes_nothing() -> None:
    x = torch.from_numpy(RNG.standard_normal((4, 2)).astype(np.float32))
    assert torch.equal(Standard(2)(x), x)


def test_a_constant_column_is_only_centred_and_an_empty_one_left_alone() -> None:
    values = np.full((50, 3), [0.1, np.nan, 1e9], np.float32)
    standard = Standard(3)
    standard.fit(values)
    np.testing.assert_allclose(standard.mean, [0.1, 0, 1e9], rtol=1e-6)
    assert standard.scale.tolist() == [1, 1, 1]


def test_a_small_spread_around_a_large_mean_is_no_constant() -> None:
    spread = np.stack([RNG.normal(0, 30, 200), RNG.normal(0, 0.4, 200), np.full(200, 0.1)], axis=1)
    offset = np.array([1.7e9, 5412345.678, 0.2])
    standard = Standard(3)
    standard.fit(spread + offset)
    np.testing.assert_allclose(standard.mean, spread.mean(axis=0) + offset, rtol=1e-15)
    np.testing.assert_allclose(standard.scale, [*spread.std(axis=0)[:2], 1], rtol=1e-7)


def test_counts_are_standardised_on_the_logarithmic_scale() -> None:
    counts = RNG.poisson([1, 30, 1000], (300, 3)).astype(np.float32)
    counts[0, 0] = np.nan
    standard = LogStandard(3)
    standard.fit(counts)
    found = standard(torch.from_numpy(counts)).numpy()
    np.testing.assert_allclose(np.nanmean(found, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(found, axis=0), 1, rtol=1e-4)
    order = np.argsort(counts[1:, 1])
    assert (np.diff(found[1:, 1][order]) >= 0).all()


def test_a_table_without_rows_changes_nothing() -> None:
    standard = Standard(2)
    standard.fit(np.zeros((0, 2), np.float32))
    x = torch.tensor([[1.0, 2.0]])
    assert torch.equal(standard(x), x)


def test_statistics_do_not_hang_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).lognormal(3, 1, (50, 4)).astype(np.float32)
    values[::7, 1] = np.nan
    for make in (Standard, LogStandard):
        whole, parts = make(4), make(4)
        whole.fit(values)
        monkeypatch.setattr(standard_module, "CHUNK", 8)
        parts.fit(values)
        monkeypatch.undo()
        torch.testing.assert_close(parts.mean, whole.mean)
        torch.testing.assert_close(parts.scale, whole.scale)
