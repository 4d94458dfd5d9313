"""Scores by kind of data, against scikit-learn's and against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)

from favae_cli.common.pixels import unit
from favae_cli.config.data_base import Kind
from favae_cli.data import ViewData
from favae_cli.data.dataset import Measured, measured_as
from favae_cli.evaluation.images import r2_per_image, r2_pooled
from favae_cli.evaluation.scores import brier_skill, category_recalls, coverage, score

RNG = np.random.default_rng(0)


def stored(values: np.ndarray, groups: tuple[int, ...] = (), kind: Kind | None = None) -> ViewData:
    return ViewData(values, np.arange(len(values)), groups=groups, kind=kind)


def texts(*words: str) -> np.ndarray:
    return np.array(words, dtype=object)


REAL = RNG.normal(3, [1, 100, 0.01], (50, 3)).astype(np.float32)
BITS = (RNG.random((50, 3)) < 0.4).astype(np.float32)
HOLES = RNG.random((50, 3)) < 0.3


@pytest.mark.parametrize(
    ("view", "kind"),
    [
        (stored(np.zeros((2, 4, 4, 3), np.uint8)), "image"),
        (stored(texts("a", "b")), "text"),
        (stored(np.zeros((2, 5, 1), np.float32)), "sequence"),
        (stored(np.eye(2, dtype=np.float32), (2,)), "categorical"),
        (stored(BITS), "real"),
        (stored(BITS, kind="binary"), "binary"),
        (stored(BITS, kind="counts"), "real"),
        (stored(BITS, kind="real"), "real"),
    ],
)
def test_data_are_measured_by_their_kind(view: ViewData, kind: Measured) -> None:
    assert measured_as(view) == kind


def test_images_have_the_scores_of_images() -> None:
    images = RNG.integers(0, 256, (6, 4, 4, 3)).astype(np.uint8)
    made = RNG.random((6, 4, 4, 3))
    each = r2_per_image(unit(images), made)
    assert score(stored(images), images, made) == {
        "r2": r2_pooled(unit(images), made),
        "r2_mean": each.mean(),
        "r2_std": each.std(),
    }


def test_columns_of_any_unit_count_alike() -> None:
    made = REAL + RNG.normal(0, [0.1, 50, 0.001], REAL.shape)
    found = score(stored(REAL), REAL, made)
    assert found["r2"] == pytest.approx(r2_score(REAL, made, multioutput="uniform_average"))
    unit_error = mean_absolute_error(REAL, made, multioutput="raw_values") / REAL.std(axis=0)
    assert found["mae"] == pytest.approx(unit_error.mean(), rel=1e-5)
    assert found["rmse"] ** 2 == pytest.approx(1 - found["r2"])
    assert score(stored(REAL), REAL, np.broadcast_to(REAL.mean(axis=0), REAL.shape))["r2"] == pytest.approx(0, abs=1e-5)


def test_missing_entries_are_not_scored_and_columns_with_few_entries_count_as_much() -> None:
    truth, made = np.where(HOLES, np.nan, REAL), REAL + RNG.normal(0, [0.1, 50, 0.001], REAL.shape)
    each = [r2_score(REAL[~HOLES[:, d], d], made[~HOLES[:, d], d]) for d in range(3)]
    assert score(stored(truth), truth, made)["r2"] == pytest.approx(np.mean(each), rel=1e-5)


def test_columns_in_which_nothing_is_to_be_told_are_left_out() -> None:
    constant, unknown = np.full((50, 1), 0.1, np.float32), np.full((50, 1), np.nan, np.float32)
    wide, made = np.hstack([REAL, constant, unknown]), np.hstack([REAL, constant + 1, constant])
    assert score(stored(wide), wide, made)["r2"] == pytest.approx(1)
    assert score(stored(constant), constant, constant) == {}


def test_binary_columns_are_ranked_and_told_apart() -> None:
    probability = np.clip(0.5 * BITS + RNG.random(BITS.shape) * 0.6, 0, 1)
    truth = np.where(HOLES, np.nan, BITS)
    truth[:, 2] = 1  # nothing to tell
    found = score(stored(np.where(HOLES, np.nan, BITS), kind="binary"), truth, probability)
    seen = [(BITS[~HOLES[:, d], d], probability[~HOLES[:, d], d]) for d in (0, 1)]
    assert found["auc"] == pytest.approx(np.mean([roc_auc_score(*pair) for pair in seen]))
    assert found["accuracy"] == pytest.approx(np.mean([accuracy_score(x, p > 0.5) for x, p in seen]))
    assert score(stored(BITS, kind="binary"), np.ones_like(BITS), probability) == {}


def test_categories_are_scored_by_variable() -> None:
    """Two variables of three and two categories; some samples lack the first."""
    labels = RNG.integers(0, 3, 40), RNG.integers(0, 2, 40)
    truth = np.hstack([np.eye(size, dtype=np.float32)[label] for size, label in zip((3, 2), labels, strict=True)])
    made = np.hstack([RNG.dirichlet(np.ones(size), 40) for size in (3, 2)])
    view = stored(truth, (3, 2))
    truth = truth.copy()
    truth[:10, :3] = np.nan
    found = score(view, truth, made)
    pairs = [(labels[0][10:], made[10:, :3]), (labels[1], made[:, 3:])]
    assert found["accuracy"] == pytest.approx(np.mean([accuracy_score(x, p.argmax(axis=1)) for x, p in pairs]))
    assert found["log_loss"] == pytest.approx(np.mean([log_loss(x, p) for x, p in pairs]))
    each = [balanced_accuracy_score(x, p.argmax(axis=1)) for x, p in pairs]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(each))
    aucs = [roc_auc_score(x == category, p[:, category]) for x, p in pairs for category in range(p.shape[1])]
    assert found["auc"] == pytest.approx(np.mean(aucs))
    assert next(iter(found)) == "accuracy"


def test_levels_are_also_scored_by_how_far_off_they_are() -> None:
    truth, made = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 3]], np.eye(4)[[0, 3, 2, 2, 3]]
    truth[2] = np.nan
    found = score(stored(truth, (4,), kind="ordinal"), truth, made)
    assert found["level_error"] == pytest.approx((0 + 2 + 1 + 0) / 4)
    assert found["balanced_accuracy"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert next(iter(found)) == "accuracy"


def test_the_recall_of_a_category_that_does_not_occur_is_unknown() -> None:
    truth = np.array([[1, 0, 0, 1, 0], [1, 0, 0, np.nan, np.nan], [0, 1, 0, 0, 1]])
    made = np.array([[0.6, 0.4, 0, 0.9, 0.1], [0.2, 0.3, 0.5, 0.5, 0.5], [0.1, 0.8, 0.1, 0.7, 0.3]])
    found = category_recalls(truth, made, [slice(0, 3), slice(3, 5)])
    np.testing.assert_array_equal(found, [0.5, 1, np.nan, 1, 0])


def test_a_category_that_was_thought_impossible_costs_a_finite_loss() -> None:
    truth = np.eye(2, dtype=np.float32)
    found = score(stored(truth, (2,)), truth, 1 - truth)
    assert found["accuracy"] == found["auc"] == 0
    assert 10 < found["log_loss"] < 100


def test_sequences_are_scored_where_they_are_seen() -> None:
    truth = RNG.normal([0, 10], [1, 5], (6, 8, 2)).astype(np.float32)
    made = truth + RNG.normal(0, 0.3, truth.shape)
    truth[2, 5:] = np.nan
    seen = ~np.isnan(truth[..., 0])
    assert score(stored(truth), truth, made)["r2"] == pytest.approx(
        r2_score(truth[seen], made[seen], multioutput="uniform_average"), rel=1e-5
    )
    # What is thought to be over already is as good as the mean, and not as good as what is right.
    short = made.copy()
    short[0, 4:] = np.nan
    filled = np.where(np.isnan(short), truth[seen].mean(axis=0), short)
    assert score(stored(truth), truth, short)["r2"] == pytest.approx(score(stored(truth), truth, filled)["r2"])


def test_texts_by_hand() -> None:
    truth = texts("man with red hair", "cat", "", "dog dog")
    made = texts("red hair with man", "a cat face", "", "dog")
    found = score(stored(truth), truth, made)
    assert found == {"f1": pytest.approx((1 + 2 / 4 + 1 + 2 / 3) / 4), "exact": 0.25}


def test_skill_is_the_r2_of_probabilities() -> None:
    p = np.clip(BITS * 0.5 + 0.2, 0, 1)
    rates = np.broadcast_to(BITS.mean(axis=0), BITS.shape)
    assert brier_skill(BITS, rates) == pytest.approx(0)
    assert brier_skill(BITS, BITS) == 1
    expected = 1 - np.sum((BITS - p) ** 2) / np.sum((BITS - rates) ** 2)
    assert brier_skill(BITS, p) == score(stored(BITS, kind="binary"), BITS, p)["brier_skill"] == pytest.approx(expected)


def test_coverage_counts_what_lies_within_the_interval() -> None:
    truth = np.array([[0.0, 1.6], [1.7, np.nan], [-10.0, 3.0]])
    made, deviation = np.zeros((3, 2)), np.array([[1.0, 1.0], [1.0, 1.0], [7.0, 1.0]])
    assert coverage(truth, made, deviation) == pytest.approx(3 / 5)
    assert np.isnan(coverage(truth, np.full((3, 2), np.nan), deviation))
