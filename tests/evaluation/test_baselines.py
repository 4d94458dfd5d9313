"""What could be said without factors, against regressions by hand."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.neighbors import KNeighborsRegressor

from favae_cli.data import Dataset, ViewData
from favae_cli.data.masked_tables import masked_view
from favae_cli.evaluation.baselines import (
    PENALTIES,
    _nearest,
    _nearest_known,
    _seen,
    baseline_metrics,
    regressed,
    warn_of_losses,
)

COUNT = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=(COUNT, 3))
REAL = 1e9 + X @ RNG.normal(size=(3, 2)) + 0.1 * RNG.normal(size=(COUNT, 2))
BITS = (X[:, :1] + 0.5 * RNG.normal(size=(COUNT, 1)) > 0.8).astype(float)
LABEL = np.digitize(X[:, 1] + 0.2 * RNG.normal(size=COUNT), [0.5, 1.5])
TRAIN, TEST = np.arange(200), np.arange(200, COUNT)


def view(values: np.ndarray, kind: str, groups: tuple[int, ...] = ()) -> ViewData:
    made = masked_view(values, [f"{kind}{column}" for column in range(values.shape[1])], groups)
    return ViewData(made.values, made.row, made.columns, groups, kind)  # type: ignore[arg-type]


@pytest.fixture
def data() -> Dataset:
    views = {
        "x": view(X, "real"),
        "real": view(REAL, "real"),
        "bits": view(BITS, "binary"),
        "label": view(np.eye(3)[LABEL], "categorical", (3,)),
        "text": ViewData(np.full(COUNT, "word", object), np.arange(COUNT)),
    }
    split = {"train": TRAIN, "validation": TEST[:0], "test": TEST}
    return Dataset("planted", np.arange(COUNT).astype(str), views, split)


def test_beside_each_score_stands_what_is_usual_and_what_regression_says(data: Dataset) -> None:
    ways = {name: (name, ["x"]) for name in ("real", "bits", "label", "text")}
    found = baseline_metrics(data, ways, "test")
    mean = np.broadcast_to(REAL[TRAIN].mean(axis=0), (len(TEST), 2))
    assert found["predict/real/r2_usual"] == pytest.approx(r2_score(REAL[TEST], mean), abs=1e-6)
    by_hand = np.linalg.lstsq(np.c_[X[TRAIN], np.ones(200)], REAL[TRAIN] - 1e9, rcond=None)[0]
    expected = r2_score(REAL[TEST] - 1e9, np.c_[X[TEST], np.ones(100)] @ by_hand)
    assert found["predict/real/r2_linear"] == pytest.approx(expected, abs=0.01)
    nearest = KNeighborsRegressor(5).fit(X[TRAIN] / X[TRAIN].std(axis=0), REAL[TRAIN] - 1e9)
    expected = r2_score(REAL[TEST] - 1e9, nearest.predict(X[TEST] / X[TRAIN].std(axis=0)))
    assert found["predict/real/r2_knn"] == pytest.approx(expected, abs=0.01)
    assert found["predict/label/accuracy_knn"] > 0.7
    commonest = np.bincount(LABEL[TRAIN]).argmax()
    assert found["predict/label/accuracy_usual"] == pytest.approx(np.mean(LABEL[TEST] == commonest))
    assert found["predict/label/balanced_accuracy_usual"] == pytest.approx(1 / 3)
    logistic = LogisticRegression().fit(X[TRAIN], LABEL[TRAIN])
    assert found["predict/label/accuracy_linear"] == pytest.approx(
        accuracy_score(LABEL[TEST], logistic.predict(X[TEST])), abs=0.03
    )
    assert found["predict/bits/auc_usual"] == 0.5
    assert found["predict/bits/auc_linear"] == pytest.approx(roc_auc_score(BITS[TEST, 0], X[TEST, 0]), abs=0.03)
    assert not any("text" in key for key in found)


def test_gaps_on_both_sides_are_borne(data: Dataset) -> None:
    holes = RNG.random(REAL.shape) < 0.2
    data.views["real"] = view(np.where(holes, np.nan, REAL), "real")
    data.views["x"] = view(np.where(RNG.random(X.shape) < 0.1, np.nan, X), "real")
    indices = data.having("test", "real", "x")
    for way in ("linear", "knn"):
        made = regressed(data, "real", ["x"], data.having("train", "real", "x"), indices, way)
        assert made is not None
        assert r2_score(REAL[indices], made) > 0.6


def test_of_many_gaps_the_nearest_are_those_of_each_column_that_is_known() -> None:
    """Whether five are among the rows that are looked for once for all columns, or have to be looked for further."""
    rng = np.random.default_rng(2)
    x, asked, y = rng.normal(size=(400, 3)), rng.normal(size=(50, 3)), rng.normal(size=(400, 4))
    y[rng.random(y.shape) < np.array([0.1, 0.5, 0.9, 0.0])] = np.nan
    y[4:, 3] = np.nan  # fewer are known than are asked for
    parts = [slice(0, 1), slice(1, 2), slice(2, 4)]
    for many in (parts[:2], parts, [slice(column, column + 1) for column in range(4)]):
        found = _nearest_known(x, y[:, : many[-1].stop], asked, many)
        expected = np.concatenate([_seen(_nearest, x, y[:, part], asked) for part in many], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_column_that_no_training_sample_has_is_not_regressed(data: Dataset) -> None:
    holes = REAL.copy()
    holes[TRAIN, 1] = np.nan
    lacking = Dataset("lacking", data.keys, {**data.views, "real": view(holes, "real")}, data.split)
    assert regressed(lacking, "real", ["x"], TRAIN, TEST, "linear") is None


def test_what_is_no_table_is_not_regressed_on(data: Dataset) -> None:
    assert regressed(data, "real", ["x", "text"], TRAIN, TEST, "linear") is None


def test_a_score_below_what_is_usual_is_said(caplog: pytest.LogCaptureFixture) -> None:
    metrics = {
        "predict/rna/r2": -0.3,
        "predict/rna/rmse": 1.1,
        "predict/rna-dna/r2": 0.2,
        "predict/rna/r2_usual": -0.01,
        "predict/rna/rmse_usual": 1.0,
        "predict/rna-dna/r2_usual": -0.01,
    }
    with caplog.at_level(logging.WARNING):
        warn_of_losses(metrics)
    assert [record.getMessage() for record in caplog.records] == [
        "rna: predicted worse than by what is usual in the training samples: r2 is -0.300, not -0.010"
    ]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        warn_of_losses({"predict/rna/r2": -0.0162, "predict/rna/r2_usual": -0.0161})
    assert caplog.records[0].getMessage().endswith("r2 is -0.016200, not -0.016100")


@pytest.mark.parametrize("noise", [0.1, 5.0])
def test_of_fewer_samples_than_columns_ridge_is_what_it_is_of_more(noise: float) -> None:
    """Without a coefficient for each pair of columns: those of two wide views would take gigabytes."""
    rng = np.random.default_rng(1)
    x = 3 + rng.normal(size=(40, 60))
    y = x[:, :4] @ rng.normal(size=(4, 5)) + noise * rng.normal(size=(40, 5))
    split = {"train": np.arange(30), "validation": np.arange(0), "test": np.arange(30, 40)}
    data = Dataset("wide", np.arange(40).astype(str), {"x": view(x, "real"), "y": view(y, "real")}, split)
    found = regressed(data, "y", ["x"], split["train"], split["test"], "linear")
    scaled = (x - x[:30].mean(axis=0)) / x[:30].std(axis=0)
    expected = RidgeCV(PENALTIES).fit(scaled[:30], y[:30]).predict(scaled[30:])
    np.testing.assert_allclose(found, expected, atol=1e-6)
