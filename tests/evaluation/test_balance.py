"""Rare attributes count as much as frequent ones, in what is shown and in how it is scored."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.evaluation.balance import (
    balanced_accuracy,
    balanced_shares,
    drawn,
    loss_weights,
    mean_of_known,
)


@pytest.fixture
def labels() -> np.ndarray:
    """Rates of 0.5, 0.1 and 0.02, a fifth of the labels missing."""
    rng = np.random.default_rng(0)
    table = (rng.random((2000, 3)) < [0.5, 0.1, 0.02]).astype(float)
    table[rng.random(table.shape) < 0.2] = np.nan
    return table


def test_present_and_absent_weigh_the_same_in_what_is_shown(labels: np.ndarray) -> None:
    shares = balanced_shares(labels)
    assert shares.sum() == pytest.approx(1)
    shown = shares[:, None] * loss_weights(labels, shares)
    for value in (0, 1):
        np.testing.assert_allclose((shown * (labels == value)).sum(axis=0), shares @ ~np.isnan(labels) / 2)
    assert (shown[np.isnan(labels)] == 0).all()


def test_the_rarer_an_attribute_the_more_often_is_a_sample_shown_that_has_it(labels: np.ndarray) -> None:
    shown = labels[drawn(balanced_shares(labels), np.random.default_rng(0))]
    assert np.nanmean(shown[:, 2]) > 0.15  # of a rate of 0.02
    rates = (np.random.default_rng(1).random((50, 2)) < 0.5).astype(float)
    alike = np.concatenate([rates, 1 - rates])  # balanced already: every sample is shown once
    assert sorted(drawn(balanced_shares(alike), np.random.default_rng(2))) == list(range(100))


def test_an_attribute_that_never_shows_balances_nothing() -> None:
    labels = np.array([[1.0, 0], [0, 0], [0, 0]])
    np.testing.assert_allclose(balanced_shares(labels), [0.5 / 1.5 + 1 / 9, *[0.25 / 1.5 + 1 / 9] * 2])
    assert np.isfinite(loss_weights(labels, balanced_shares(labels))).all()
    unknown = np.full((4, 2), np.nan)
    np.testing.assert_allclose(balanced_shares(unknown), 0.25)
    assert not loss_weights(unknown, balanced_shares(unknown)).any()


def test_who_always_says_no_has_half_the_balanced_accuracy() -> None:
    labels = np.array([[1.0, 0, 0], [0, 0, np.nan], [0, 0, 1], [0, 0, 0]])
    right = np.where(np.isnan(labels), np.nan, labels == 0)
    found = balanced_accuracy(right, labels)
    np.testing.assert_allclose(found, [0.5, np.nan, 0.5])
    assert mean_of_known(found) == 0.5
    assert np.isnan(mean_of_known(np.array([np.nan])))
