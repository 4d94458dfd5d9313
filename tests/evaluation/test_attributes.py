"""Predicted attributes: calibration by hand, scores on a planted model, and attributes that cannot be scored."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.attributes import (
    attribute_metrics,
    attribute_pictures,
    expected_calibration_error,
    predicted_attributes,
    probe_auc,
)
from favae_cli.models.fa_vae import FAVAE
from favae_cli.views import Encoded

MEASURES = {"auc", "accuracy", "average_precision", "ece", "auc_probe"}
MakeData = Callable[..., Dataset]
Splits = dict[str, dict[str, Encoded]]


def encodings(model: FAVAE, data: Dataset) -> Splits:
    return {split: model.encode(data, indices) for split, indices in data.split.items()}


def with_column(data: Dataset, column: int, values: np.ndarray | float) -> Dataset:
    """The data with other values of one attribute."""
    view = data.views["attributes"]
    table = view.values.copy()
    table[:, column] = values
    return replace(data, views={**data.views, "attributes": ViewData(table, view.row, view.columns)})


def test_calibration_error_by_hand() -> None:
    truth = np.array([1.0, 0, 1, 1, 0])
    probability = np.array([0.72, 0.78, 0.1, 1.0, 0.0])
    # Bins 0.7-0.8: mean 0.75 against 1/2 (two samples); 0.1-0.2: 0.1 against 1; 0.9-1 and 0-0.1: right.
    assert expected_calibration_error(truth, probability) == pytest.approx((2 * 0.25 + 0.9) / 5)


def test_calibration_error_of_honest_and_of_overconfident_probabilities() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    truth = (rng.random(20_000) < probability).astype(float)
    assert expected_calibration_error(truth, probability) < 0.02
    assert expected_calibration_error(truth, (probability > 0.5).astype(float)) == pytest.approx(0.25, abs=0.02)


def test_predictions_are_for_samples_that_have_another_view(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    encoded = encodings(planted, data)
    truth, probability = predicted_attributes(planted, data, "attributes", "test", encoded["test"])
    having = data.having("test", "face")
    assert truth.shape == probability.shape == (len(having), 2)
    assert np.isnan(truth).any(axis=1).sum() == len(having) - len(data.having("test", "face", "attributes"))
    assert ((probability > 0) & (probability < 1)).all()


def test_a_linear_model_predicts_its_attributes_as_well_as_a_probe(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data(1200)
    encoded = encodings(planted, data)
    metrics = attribute_metrics(planted, data, "attributes", "test", encoded)
    for name in ("Top", "Bottom"):
        assert {key.rpartition("/")[2] for key in metrics if f"/{name}/" in key} == MEASURES
        assert metrics[f"test/attributes/{name}/auc"] > 0.85
        assert metrics[f"test/attributes/{name}/auc"] > metrics[f"test/attributes/{name}/auc_probe"] - 0.02
        assert metrics[f"test/attributes/{name}/ece"] < 0.1
    truth, probability = predicted_attributes(planted, data, "attributes", "test", encoded["test"])
    seen = ~np.isnan(truth[:, 1])
    assert metrics["test/attributes/Bottom/auc"] == roc_auc_score(truth[seen, 1], probability[seen, 1])
    mean = (metrics["test/attributes/Top/auc"] + metrics["test/attributes/Bottom/auc"]) / 2
    assert metrics["test/attributes/auc"] == pytest.approx(mean)


def test_an_attribute_without_variation_is_left_out_and_said(
    planted: FAVAE, planted_data: MakeData, caplog: pytest.LogCaptureFixture
) -> None:
    data = with_column(planted_data(), 0, 1.0)
    with caplog.at_level(logging.WARNING):
        metrics = attribute_metrics(planted, data, "attributes", "test", encodings(planted, data))
    assert not [key for key in metrics if "/Top/" in key]
    assert metrics["test/attributes/auc"] == metrics["test/attributes/Bottom/auc"]
    assert "same value of Top" in caplog.text


def test_an_attribute_that_varies_in_the_test_split_alone_has_no_probe(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    values = data.views["attributes"].values[:, 0].copy()
    values[data.split["train"]] = 0
    data = with_column(data, 0, values)
    encoded = encodings(planted, data)
    assert probe_auc(planted, data, "attributes", 0, "test", encoded) is None
    metrics = attribute_metrics(planted, data, "attributes", "test", encoded)
    assert "test/attributes/Top/auc" in metrics
    assert "test/attributes/Top/auc_probe" not in metrics


def test_the_probe_sees_nothing_but_the_embedding(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data(1200)
    encoded = encodings(planted, data)
    rng = np.random.default_rng(0)
    noise = {
        split: {"face": Encoded(rng.standard_normal(part["face"].mean.shape), part["face"].variance)}
        for split, part in encoded.items()
    }
    informed = probe_auc(planted, data, "attributes", 0, "test", encoded)
    blind = probe_auc(planted, data, "attributes", 0, "test", noise)
    assert informed is not None
    assert blind is not None
    assert informed > 0.8 > 0.65 > blind


def test_there_is_a_figure_of_the_calibration(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    encoded = planted.encode(data, data.split["test"])
    assert list(attribute_pictures(planted, data, "attributes", "test", encoded)) == ["reliability"]
