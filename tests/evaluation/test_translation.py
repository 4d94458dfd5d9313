"""Scores of translations by models that do it perfectly, or make the same of everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.stats import norm
from sklearn.metrics import r2_score

from favae_cli.config.run import Config
from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation import translation
from favae_cli.evaluation.images import r2_per_image
from favae_cli.evaluation.labelled import Labelled
from favae_cli.evaluation.translation import (
    agreement_metrics,
    translation_metrics,
    translation_pictures,
)
from favae_cli.machine.runtime import Runtime
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.translate import translator_of
from favae_cli.reporting.grids import image_grid
from favae_cli.views.objective import Loss

DIRECTIONS = ["photo-sketch", "sketch-photo"]
PLAIN = Runtime(torch.device("cpu"))


class Told(JointVAE):
    """Translates as it is told, and notes what it was given.

    Args:
        make: images of the target from stored ones of the source.
        place: embeddings of stored images of a view.
    """

    def __init__(
        self,
        make: Callable[[str, str, np.ndarray], np.ndarray],
        place: Callable[[str, np.ndarray], np.ndarray] = lambda view, stored: stored.reshape(len(stored), -1) / 255,
    ) -> None:
        self.views = dict.fromkeys(("photo", "sketch", "attributes"))
        self.make, self.place = make, place
        self.given: dict[tuple[str, str], np.ndarray] = {}

    def draw(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def loss_of(self, batch: object, present: object, drawn: object) -> Loss:
        raise NotImplementedError

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        return self.place(view, stored)

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        self.given[source, target] = stored
        return self.make(source, target, stored)


@pytest.fixture
def data(paired_data: Dataset) -> Dataset:
    """Every sketch is its photo upside down; samples lack views and attributes as in `paired_data`."""
    photo, sketch = paired_data.views["photo"], paired_data.views["sketch"]
    flipped = ViewData(photo.values[:, ::-1].copy(), sketch.row)
    return replace(paired_data, views={**paired_data.views, "sketch": flipped})


def perfect(source: str, target: str, stored: np.ndarray) -> np.ndarray:
    return (stored if source == target else stored[:, ::-1]) / np.float32(255)


def upright(view: str, stored: np.ndarray) -> np.ndarray:
    turned = stored if view == "photo" else stored[:, ::-1]
    return turned.reshape(len(stored), -1) - 127.0


def grey(source: str, target: str, stored: np.ndarray) -> np.ndarray:
    return np.full(stored.shape, 0.25, np.float32)


def without_partners(data: Dataset, split: str) -> Dataset:
    """No sample of the split has both views."""
    sketch = data.views["sketch"]
    row = sketch.row.copy()
    row[data.having(split, "photo")] = -1
    return replace(data, views={**data.views, "sketch": ViewData(sketch.values, row)})


def test_both_directions_are_told_by_the_same_names(data: Dataset) -> None:
    metrics = translation_metrics(Told(perfect), data, "test")
    keys = [{key.split("/")[2] for key in metrics if key.startswith(f"translate/{way}/")} for way in DIRECTIONS]
    assert keys[0] == keys[1] >= {"r2", "r2_mean", "top1", "top5", "median_rank", "chance_top1", "partners"}
    assert len(metrics) == len(keys[0]) + len(keys[1])


def test_a_perfect_translator_is_perfect_in_every_number(data: Dataset) -> None:
    metrics = translation_metrics(Told(perfect, upright), data, "test")
    for way in DIRECTIONS:
        found = {key: metrics[f"translate/{way}/{key}"] for key in ("r2", "r2_mean", "top1", "top5", "median_rank")}
        assert found == pytest.approx({"r2": 1, "r2_mean": 1, "top1": 1, "top5": 1, "median_rank": 0}, abs=1e-6)


def test_r2_is_pooled_around_the_mean_partner_and_averaged_over_images(paired: FAVAE, paired_data: Dataset) -> None:
    metrics = translation_metrics(paired, paired_data, "test")
    indices = paired_data.having("test", "photo", "sketch")
    given, truth = (paired_data.views[name].gather(indices) for name in ("photo", "sketch"))
    made, truth = translator_of(paired).translate("photo", "sketch", given), truth / 255
    pooled = r2_score(truth.reshape(len(truth), -1), made.reshape(len(made), -1), multioutput="variance_weighted")
    assert metrics["translate/photo-sketch/r2"] == pytest.approx(pooled, abs=1e-5)
    assert metrics["translate/photo-sketch/r2_mean"] == pytest.approx(r2_per_image(truth, made).mean(), abs=1e-5)
    assert 0.2 < pooled < 1
    # Two shared factors tell forty people apart better than chance does.
    assert metrics["translate/photo-sketch/top1"] > 3 * metrics["translate/photo-sketch/chance_top1"]


def test_the_log_likelihood_is_of_pixels_around_the_translation(paired: FAVAE, paired_data: Dataset) -> None:
    metrics = translation_metrics(paired, paired_data, "test", {"sketch": 0.04})
    indices = paired_data.having("test", "photo", "sketch")
    given, truth = (paired_data.views[name].gather(indices) for name in ("photo", "sketch"))
    made = translator_of(paired).translate("photo", "sketch", given)
    expected = norm(made, 0.2).logpdf(truth / 255).sum(axis=(1, 2, 3)).mean()
    assert metrics["translate/photo-sketch/log_likelihood"] == pytest.approx(expected)
    assert "translate/sketch-photo/log_likelihood" not in metrics


def test_samples_with_one_view_missing_are_not_scored(data: Dataset) -> None:
    model = Told(perfect)
    metrics = translation_metrics(model, data, "test")
    complete = [i for i in data.split["test"] if i % 6 and i % 7]
    assert 0 < len(complete) < len(data.split["test"])
    for way in DIRECTIONS:
        source, target = way.split("-")
        assert np.array_equal(model.given[source, target], data.views[source].gather(np.array(complete)))
        assert metrics[f"translate/{way}/partners"] == len(complete)


def test_without_pairs_nothing_is_told(data: Dataset, settings_of: Callable[[], Any]) -> None:
    apart, model = without_partners(data, "test"), Told(perfect)
    assert translation_metrics(model, apart, "test") == {}
    assert agreement_metrics(model, apart, "attributes", "test", settings_of(), PLAIN, 0) == {}
    assert translation_pictures(model, apart, "test", settings_of().translate) == {}


# Agreement of attributes


class HalvesJudge:
    """Sees the first attribute in a bright left half, and the second in a bright right one."""

    def read(self, images: np.ndarray) -> np.ndarray:
        return np.stack([images[:, :, :2].mean(axis=(1, 2, 3)), images[:, :, 2:].mean(axis=(1, 2, 3))], axis=1) > 0.5


@pytest.fixture
def settings_of(config_of: Callable[..., Config]) -> Callable[[], Any]:
    return lambda: config_of("evaluation.judge.epochs=1", "evaluation.translate.show=3").evaluation


@pytest.fixture
def learned_from(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels that judges are trained on; what comes out is always the one above."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def train(samples: Labelled, held_out: Labelled, *rest: Any) -> HalvesJudge:
        seen.append((samples.images, samples.labels))
        return HalvesJudge()

    monkeypatch.setattr(translation, "train_judge", train)
    return seen


def test_a_perfect_translator_agrees_as_often_as_the_true_partners(
    data: Dataset, settings_of: Callable[[], Any], learned_from: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    metrics = agreement_metrics(Told(perfect), data, "attributes", "test", settings_of(), PLAIN, 0)
    right = []
    for i in data.having("test", "photo", "sketch", "attributes"):
        read = HalvesJudge().read(data.views["photo"].gather(np.array([i])) / 255)[0]
        labels = data.views["attributes"].gather(np.array([i]))[0]
        right += [(read[k] == (labels[k] == 1), labels[k] == 1) for k in (0, 1) if not np.isnan(labels[k])]
    for way in DIRECTIONS:
        assert metrics[f"translate/{way}/agreement"] == metrics[f"translate/{way}/agreement_real"]
        assert metrics[f"translate/{way}/agreement"] == pytest.approx(np.mean([hit for hit, _ in right]))
        present = np.mean([hit for hit, there in right if there])
        assert metrics[f"translate/{way}/agreement_present"] == pytest.approx(present)


def test_a_translator_that_makes_one_image_of_everything_shows_no_attribute_that_is_present(
    data: Dataset, settings_of: Callable[[], Any], learned_from: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    metrics = agreement_metrics(Told(grey), data, "attributes", "test", settings_of(), PLAIN, 0)
    labels = data.views["attributes"].gather(data.having("test", "photo", "sketch", "attributes"))
    for way in DIRECTIONS:
        assert metrics[f"translate/{way}/agreement_present"] == 0
        assert metrics[f"translate/{way}/agreement_balanced"] == 0.5
        assert metrics[f"translate/{way}/agreement"] == pytest.approx((labels == 0).sum() / (labels == labels).sum())


def test_each_judge_learns_from_real_training_images_of_its_view(
    data: Dataset, settings_of: Callable[[], Any], learned_from: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    agreement_metrics(Told(grey), data, "attributes", "test", settings_of(), PLAIN, 0)
    assert len(learned_from) == 2
    for name, (images, labels) in zip(("photo", "sketch"), learned_from, strict=True):
        indices = data.having("train", name, "attributes")
        assert np.array_equal(images, data.views[name].gather(indices))
        assert np.array_equal(labels, data.views["attributes"].gather(indices), equal_nan=True)


# Pictures


def test_a_picture_shows_the_source_its_translation_and_the_truth(
    data: Dataset, settings_of: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    grids: list[tuple[Sequence[Sequence[np.ndarray]], Sequence[str]]] = []

    def noted(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str]) -> Figure:
        grids.append((rows, labels))
        return image_grid(rows, labels)

    monkeypatch.setattr(translation, "image_grid", noted)
    pictures = translation_pictures(Told(perfect), data, "test", settings_of().translate)
    assert list(pictures) == ["translation_photo-sketch", "translation_sketch-photo"]
    (rows, labels), _ = grids
    assert len(rows) == len(labels) == 5
    given = data.views["photo"].gather(data.having("test", "photo", "sketch")[:3])
    truth = given[:, ::-1]
    for row, expected in zip(rows, (given, given / 255, truth / 255, truth / 255, truth), strict=True):
        np.testing.assert_allclose(np.array(row), expected, rtol=1e-6)
    assert (labels[0], labels[2], labels[4]) == ("photo", "translated to sketch", "sketch")
