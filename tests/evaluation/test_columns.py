"""Scores by column, recall by category, and what intervals and probabilities promise."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.config.data_base import Kind
from favae_cli.data import ViewData
from favae_cli.evaluation.columns import Predicted, calibration, category_scores, column_scores
from favae_cli.evaluation.scores import score

NORMAL = np.random.default_rng(1).normal(size=(4000, 3))


def view(kind: Kind, *columns: str, groups: tuple[int, ...] = ()) -> ViewData:
    return ViewData(np.zeros((0, len(columns)), np.float32), np.zeros(0, np.int64), columns, groups, kind)


@pytest.fixture
def numbers() -> Predicted:
    """Three columns, of which the last does not vary; the truth is as far from what is made as is promised."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(4000, 3)) * [1.0, 10.0, 0.0]
    deviation = np.ones((4000, 3)) * [0.5, 2.0, 1.0]
    truth = made + deviation * rng.normal(size=made.shape)
    truth[:, 2] = 7.0
    truth[::5, 0] = np.nan
    return Predicted(view("real", "age", "income", "planet"), truth, made, deviation)


def test_columns_have_the_scores_whose_mean_is_their_views(numbers: Predicted) -> None:
    table = column_scores("people", numbers)
    assert table["column"].tolist() == ["age", "income"]
    assert table["samples"].tolist() == [3200, 4000]
    assert table["score"].mean() == pytest.approx(score(numbers.view, numbers.truth, numbers.made)["r2"])
    assert table["score"].tolist() == pytest.approx([1 - 0.25 / 1.25, 1 - 4 / 104], abs=0.02)
    assert table["coverage"].tolist() == pytest.approx([0.9, 0.9], abs=0.02)


def test_intervals_are_calibrated_where_the_deviations_are_right(numbers: Predicted) -> None:
    assert numbers.deviation is not None
    table = calibration("people", numbers._replace(truth=numbers.made + numbers.deviation * NORMAL))
    np.testing.assert_allclose(table["observed"], table["expected"], atol=0.02)
    half = calibration("people", numbers._replace(truth=numbers.made + 2 * numbers.deviation * NORMAL))
    assert half["observed"].tolist()[-2] == pytest.approx(0.59, abs=0.02)  # of 90 %


def test_categories_are_told_one_by_one_and_against_the_commonest() -> None:
    label, taken = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0])
    truth, made = np.eye(3)[label], np.eye(3)[taken] * 0.7 + 0.1
    found = Predicted(view("categorical", "ward=a", "ward=b", "ward=c", groups=(3,)), truth, made, None)
    assert column_scores("stay", found).iloc[0].tolist()[:5] == ["stay", "ward", "accuracy", 0.5, 0.5]
    table = category_scores("stay", found)
    assert table["category"].tolist() == ["a", "b", "c"]
    assert table["samples"].tolist() == [3, 2, 1]
    assert table["chosen"].tolist() == [4, 2, 0]
    np.testing.assert_allclose(table["recall"], [2 / 3, 1 / 2, 0])
    assert calibration("stay", found)["count"].sum() == truth.size


def test_bits_are_scored_by_auc_and_texts_not_at_all() -> None:
    truth = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, np.nan]])
    found = Predicted(
        view("binary", "fever", "alive"), truth, np.array([[0.2], [0.6], [0.4], [0.5]]).repeat(2, 1), None
    )
    table = column_scores("signs", found)
    assert table[["column", "measure", "score", "usual"]].values.tolist() == [["fever", "AUC", 0.75, 0.5]]
    assert category_scores("signs", found).empty
    words = np.array(["a"], object)
    text = Predicted(ViewData(words, np.arange(1), kind="text"), words, words, None)
    assert column_scores("note", text).empty
    assert calibration("note", text).empty
