"""What is measured of a conditioned VAE, and on which samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.config.run import Config
from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.conditioning import Conditioning
from favae_cli.evaluation.generation_and_editing import EditScores
from favae_cli.evaluation.judge import Judge
from favae_cli.evaluation.labelled import Labelled
from favae_cli.machine.runtime import Runtime
from favae_cli.models.fa_vae import FAVAE

MakeData = Callable[..., Dataset]


@pytest.fixture
def data(planted_data: MakeData) -> Dataset:
    """With one entry of one attribute missing among the test samples."""
    data = planted_data(240)
    view = data.views["attributes"]
    table = view.values.copy()
    table[data.having("test", "face", "attributes")[0], 1] = np.nan
    return replace(data, views={**data.views, "attributes": ViewData(table, view.row, view.columns)})


@pytest.fixture
def conditioning(planted: FAVAE, data: Dataset, config_of: Callable[..., Config]) -> Conditioning:
    settings = config_of(
        "evaluation.judge.epochs=2",
        "evaluation.judge.shift=0",
        "evaluation.generate.per_combination=4",
        "evaluation.generate.show=3",
        "evaluation.edit.strengths=[1.0,2.0,4.0]",
        "evaluation.edit.images=15",
        "evaluation.edit.show=2",
        "evaluation.min_combination=2",
    ).evaluation
    return Conditioning(planted, data, "test", "face", "attributes", settings, Runtime(torch.device("cpu")), 0)


def test_the_judge_learns_from_partly_labelled_samples_but_only_whole_ones_are_judged(data: Dataset) -> None:
    indices = data.having("test", "face", "attributes")
    partly = Labelled.of(data, "test", "face", "attributes")
    assert np.array_equal(partly.images, data.views["face"].gather(indices))
    assert np.isnan(partly.labels).sum() == 1
    whole = Labelled.of(data, "test", "face", "attributes", np.random.default_rng(0))
    assert not np.isnan(whole.labels).any()
    assert len(whole.images) == len(indices) - 1
    # In another order, so that the first few are a sample of all; each image with its own labels.
    pairs = {image.tobytes(): label.tolist() for image, label in zip(partly.images, partly.labels, strict=True)}
    assert all(pairs[image.tobytes()] == label.tolist() for image, label in zip(*vars(whole).values(), strict=True))
    assert not np.array_equal(whole.images, partly.images[1:])
    assert np.array_equal(whole.first(3).images, whole.images[:3])
    assert np.array_equal(whole.first(3).labels, whole.labels[:3])


@pytest.mark.slow
def test_everything_that_is_promised_is_measured(conditioning: Conditioning) -> None:
    metrics = conditioning.metrics()
    for kind in ("judge/accuracy", "reconstruction/accuracy", "generate/accuracy", "edit/flip", "edit/keep"):
        assert 0 <= metrics[kind] <= 1
    assert np.isfinite(metrics["edit/r2"])
    assert metrics["edit/Top/strength"] in (1.0, 2.0, 4.0)
    assert metrics["generate/variety"] > 0
    assert 0 <= metrics["edit/ceiling"] <= 1
    for name in ("Top", "Bottom"):
        assert {f"judge/{name}/accuracy", f"generate/{name}/accuracy", f"edit/{name}/flip"} <= set(metrics)
    # Reconstructions through this view are perfect, so that attributes survive as often as the judge is right.
    assert metrics["reconstruction/accuracy"] == metrics["judge/accuracy"]
    assert conditioning.metrics() == metrics
    for strength in ("1", "2", "4"):
        assert {f"edit_curve/{strength}/{key}" for key in ("flip", "keep", "r2_reconstruction")} <= set(metrics)
    curves = conditioning.pictures()["strengths"]
    assert len(curves.axes) == 2


def test_the_strength_is_chosen_on_the_validation_split_and_reported_on_the_test_split(
    conditioning: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, float]] = []
    splits = {"validation": conditioning.chosen_on, "test": conditioning.edited}

    def scores(*arguments: Any) -> EditScores:
        images, strength = arguments[2].images, arguments[5][0]
        (split,) = [name for name, part in splits.items() if part.images is images]
        asked.append((split, strength))
        best = {"validation": 2.0, "test": 4.0}[split]
        return EditScores(np.full(2, 1.0 if strength == best else 0.5), *np.ones((5, 2)))

    monkeypatch.setattr("favae_cli.evaluation.conditioning.edit_scores", scores)
    metrics = conditioning.metrics()
    assert asked == [("validation", 1.0), ("validation", 2.0), ("validation", 4.0), ("test", 2.0)]
    assert (metrics["edit/strength"], metrics["edit/flip"]) == (2.0, 0.5)


def test_what_a_weak_judge_says_is_marked(conditioning: Conditioning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "read", lambda judge, images: np.tile([True, False], (len(images), 1)))
    metrics = conditioning.metrics()
    assert metrics["judge/balanced_accuracy"] == metrics["judge/Top/balanced_accuracy"] == 0.5
    titles = [axes.get_title(loc="left") for axes in conditioning.pictures()["strengths"].axes]
    assert titles == ["Top (weak judge)", "Bottom (weak judge)"]


def test_edits_are_made_of_so_many_images_at_most(conditioning: Conditioning) -> None:
    assert len(conditioning.edited.images) == len(conditioning.chosen_on.images) == 15


def test_there_are_pictures_of_edits_and_of_generated_images(conditioning: Conditioning) -> None:
    pictures = conditioning.pictures()
    assert set(pictures) == {"editing", "generated"}  # no curves before there are scores
    # Wider by a column for each combination, higher by a row for each.
    fewer = replace(conditioning.combinations, values=conditioning.combinations.values[:2])
    sizes = {name: figure.get_size_inches() for name, figure in pictures.items()}
    conditioning.combinations = fewer
    smaller = {name: figure.get_size_inches() for name, figure in conditioning.pictures().items()}
    assert len(fewer.values) < 4
    assert smaller["editing"][0] < sizes["editing"][0]
    assert smaller["generated"][1] < sizes["generated"][1]
