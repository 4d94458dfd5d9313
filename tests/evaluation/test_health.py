"""Each thing that may be wrong with a model is found, with the view that has it, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.evaluation.health import Ailment, ailments
from favae_cli.machine.runtime import Runtime
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.build import build_model
from favae_cli.views import Encoded, VaeView

ROUNDS = [{"round": 1, "bound": -100.0}, {"round": 2, "bound": -100.5}, {"round": 3, "bound": -90.0}]


@pytest.fixture
def config(config_of: Callable[..., Config]) -> Config:
    arch = [line for view in ("face", "cartoon") for line in (f"arch@views.{view}.arch=mlp", f"views.{view}.latent=4")]
    return config_of("experiment=avatars_adapt", "~views.attributes", "schedule.sweeps=50", *arch)


@pytest.fixture
def data(incomplete_pairs: Dataset) -> Dataset:
    """With enough samples in every split."""
    rows = np.arange(240)
    return incomplete_pairs.taken(rows, {"train": rows[:120], "validation": rows[120:180], "test": rows[180:]})


@pytest.fixture
def model(config: Config, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> FAVAE:
    """Two VAEs whose z says something in every dimension."""
    model = build_model(config, data, Runtime(torch.device("cpu")))
    assert isinstance(model, FAVAE)
    for view in model.trainable.values():
        say(view, monkeypatch)
    return model


def say(view: VaeView, monkeypatch: pytest.MonkeyPatch, dead: int = 0, made: float = 0.5) -> None:
    """Have a view give means that differ, but in its first dimensions, and images of one brightness."""

    def encode(values: np.ndarray) -> Encoded:
        mean = np.random.default_rng(0).standard_normal((len(values), view.size)).astype(np.float32)
        mean[:, :dead] = 0.3
        return Encoded(mean, np.full_like(mean, 0.5))

    monkeypatch.setattr(view, "encode", encode)
    monkeypatch.setattr(view, "decode", lambda mean, variance=None: np.full((len(mean), *view.shape), made))


def only(found: list[Ailment]) -> Ailment:
    (one,) = found
    return one


def test_of_a_healthy_model_nothing_is_told(model: FAVAE, data: Dataset, config: Config) -> None:
    assert ailments(model, data, config, ROUNDS) == []


def test_values_that_are_not_finite(model: FAVAE, data: Dataset, config: Config) -> None:
    next(iter(model.views["cartoon"].networks.parameters())).data[0] = torch.nan
    found = only(ailments(model, data, config, ROUNDS))
    assert (found.kind, found.view) == ("non-finite", "cartoon")
    assert found.line().startswith("view cartoon: its networks hold values that are not finite; ")


@pytest.mark.parametrize("bound", [-102.0, np.nan])
def test_a_bound_that_fell(bound: float, model: FAVAE, data: Dataset, config: Config) -> None:
    found = only(ailments(model, data, config, [*ROUNDS[:1], {"round": 2, "bound": bound}]))
    assert (found.kind, found.view) == ("bound fell", None)
    assert f"from -100 to {bound:.4g} in round 2" in found.told


def test_dimensions_that_hold_nothing(
    model: FAVAE, data: Dataset, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(model.trainable["face"], monkeypatch, dead=3)
    found = only(ailments(model, data, config, ROUNDS))
    assert (found.kind, found.view, found.told) == (
        "dead latents",
        "face",
        "3 of the 4 dimensions of its z hold nothing",
    )
    assert "views.face.latent=1" in found.advice


@pytest.mark.parametrize("made", [0.0, 1.0])
def test_outputs_at_their_ends(
    made: float, model: FAVAE, data: Dataset, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(model.trainable["face"], monkeypatch, made=made)
    found = only(ailments(model, data, config, ROUNDS))
    assert (found.kind, found.view) == ("saturated", "face")
    assert found.told.startswith("100% of the pixels")


@pytest.mark.parametrize(("last", "told"), [(-80.0, True), (-99.9999, False)])
def test_factors_that_still_move(last: float, told: bool, model: FAVAE, data: Dataset, config: Config) -> None:
    factors: Any = SimpleNamespace(bound=(*[-100.0] * 49, last), views={})
    model.factors = factors
    found = ailments(model, data, config, ROUNDS)
    assert [each.kind for each in found] == ["not converged"] * told
    model.factors = SimpleNamespace(bound=factors.bound[:40], views={})  # type: ignore[assignment]
    assert ailments(model, data, config, ROUNDS) == [], "they stopped by themselves"


def test_splits_too_small_for_their_scores(model: FAVAE, data: Dataset, config: Config) -> None:
    few = data.taken(np.arange(240), data.split | {"test": np.arange(180, 212)})
    found = {(each.kind, each.view): each for each in ailments(model, few, config, ROUNDS)}
    assert set(found) == {("few samples", "face"), ("few samples", "cartoon")}
    assert "test samples have it" in found["few samples", "face"].told
    assert "data.split.test" in found["few samples", "face"].advice


def test_validation_samples_of_views_without_epochs_choose_something_else(
    model: FAVAE, data: Dataset, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = data.taken(np.arange(240), data.split | {"validation": np.arange(120, 152)})
    told = [each.told for each in ailments(model, few, config, ROUNDS)]
    assert told
    assert all("for the choice of the best epoch" in line for line in told)
    for view in model.views.values():
        monkeypatch.setattr(view, "trainable", False)
    told = [each.told for each in ailments(model, few, config, ROUNDS)]
    assert told
    assert all("for what is chosen by them" in line for line in told)
