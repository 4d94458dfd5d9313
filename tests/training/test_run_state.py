"""Everything that training goes on from comes back from a checkpoint bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.config.views import VaeViewConfig as Section
from favae_cli.data import Dataset
from favae_cli.factors import FactorModel, Gamma, fit
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.training import checkpoint
from favae_cli.training.epoch_state import Position, Prior, Priors, Totals
from favae_cli.training.progress import Progress
from favae_cli.training.run_state import described, pack, pack_means, unpack
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views import FrozenView
from favae_cli.views.objective import KLTerm

MakeTrainer = Callable[..., VaeTrainer]
MakeModel = Callable[..., FAVAE]
Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]


def trainer_of(model: FAVAE, make_trainer: MakeTrainer, bf16: bool = False) -> VaeTrainer:
    blank = make_trainer(bf16=bf16)
    view = model.trainable["face"]
    return VaeTrainer("face", view, blank.data, blank.indices, blank.settings, blank.seed)


def with_every_number_changed(model: FactorModel) -> FactorModel:
    """No field of a view keeps a value that could as well be its default."""
    views = {}
    for name, view in model.views.items():
        numbers = {field.name: getattr(view, field.name) for field in fields(view)}
        changed: dict[str, Any] = {key: value * 2 for key, value in numbers.items() if isinstance(value, float)}
        views[name] = replace(view, **changed)
    return replace(model, views=views)


def parts(value: Gamma | np.ndarray | float) -> tuple[np.ndarray | float, ...]:
    return (value.shape, value.rate) if isinstance(value, Gamma) else (value,)


def one_epoch(trainer: VaeTrainer, epoch: int) -> None:
    assert trainer.epoch(0, epoch, 4, Prior(), KLTerm(1.0), Position(), lambda: False)


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_networks_and_optimiser_come_back_and_go_on_as_if_nothing_had_been(
    bf16: bool, make_model: MakeModel, make_trainer: MakeTrainer, identical: Identical, tmp_path: Path
) -> None:
    model = make_model(bf16)
    trainer = trainer_of(model, make_trainer, bf16)
    one_epoch(trainer, 0)
    tensors = pack(model, {"face": trainer}, {})
    checkpoint.save(tmp_path / "last", tensors, {})

    other = make_model(bf16, seed=1)
    its_trainer = trainer_of(other, make_trainer, bf16)
    assert unpack(checkpoint.load(tmp_path / "last")[0], {}, other, {"face": its_trainer}) == {}
    assert identical(pack(other, {"face": its_trainer}, {}), tensors)
    assert other.factors is None

    for each in (trainer, its_trainer):
        one_epoch(each, 1)
    assert identical(pack(other, {"face": its_trainer}, {}), pack(model, {"face": trainer}, {}))


def test_a_checkpoint_holds_what_adam_knows(make_model: MakeModel, make_trainer: MakeTrainer) -> None:
    model = make_model()
    trainer = trainer_of(model, make_trainer)
    assert not [name for name in pack(model, {"face": trainer}, {}) if name.startswith("optimizer/")]
    one_epoch(trainer, 0)
    names = {name for name in pack(model, {"face": trainer}, {}) if name.startswith("optimizer/face/")}
    slots = ("step", "exp_avg", "exp_avg_sq")
    assert names == {f"optimizer/face/{i}/{slot}" for i in range(len(trainer.parameters)) for slot in slots}


def test_factors_and_priors_come_back(
    make_model: MakeModel, data: Dataset, identical: Identical, tmp_path: Path
) -> None:
    model = make_model()
    encoded = model.encode(data, data.split["train"])
    evidence = model.embeddings(data, data.split["train"], encoded)
    model.factors = with_every_number_changed(fit(evidence.moments(), 3, sweeps=12, local=evidence))
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((5, 3)).astype(np.float32)
    variance, kind = rng.random((2, 3)).astype(np.float32), np.array([0, 1, 1, 0, 1])
    spread = Prior(mean, 0.1, 0.0, variance, kind)
    priors: Priors = {"face": {"train": Prior(mean, 0.1, 0.3), "validation": Prior(), "test": spread}}
    tensors = pack(model, {}, priors)
    checkpoint.save(tmp_path / "last", tensors, {}, pack_means(priors))

    other = make_model(seed=1)
    found = unpack(checkpoint.load(tmp_path / "last")[0], checkpoint.load_tables(tmp_path / "last"), other, {})
    assert identical(pack(other, {}, found), tensors)
    assert np.array_equal(found["face"]["train"].mean, mean)
    assert (found["face"]["train"].precision, found["face"]["train"].feed) == (0.1, 0.3)
    assert found["face"]["validation"] == Prior()
    assert np.array_equal(found["face"]["test"].variance, variance)
    assert np.array_equal(found["face"]["test"].kind, kind)

    assert list(other.joined.views) == list(model.joined.views)
    for name, view in model.joined.views.items():
        for field in fields(view):
            kept, was = getattr(other.joined.views[name], field.name), getattr(view, field.name)
            for one, other_one in zip(parts(kept), parts(was), strict=True):
                assert np.array_equal(one, other_one), f"{name}.{field.name}"
                assert np.shape(one) == np.shape(other_one), f"{name}.{field.name}"
    other.networks.load_state_dict(model.networks.state_dict())
    answers = []
    for each in (model, other):
        answers.append(Given.of_samples(each, data, data.split["test"], views=["attributes"]).decoded("face"))
    before, after = answers
    assert np.array_equal(before, after)


def test_a_run_of_an_earlier_likelihood_is_refused_in_one_line(make_model: MakeModel) -> None:
    tensors = pack(make_model(), {}, {})
    del tensors["networks/of_attributes.intercepts.values"]
    with pytest.raises(UserError, match=r"^views\.attributes: the run is of an earlier version .*; train it again"):
        unpack(tensors, {}, make_model(), {})


def test_progress_survives_json_to_the_last_digit() -> None:
    progress = Progress(
        stage=2,
        entered=True,
        view=1,
        epoch=3,
        position=Position(7, {"face": Totals(-0.1 - 0.2, 1 / 3, 56)}),
        epochs={"face": 11},
        best={"face": -12345.678901234567},
        stale={"face": 2},
        bounds=[1e-17, -2.5],
        seconds={"alone": 0.1},
        images={"alone": 560},
        before={"test/face/r2": 0.7},
        written=812,
    )
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress
    assert Progress.from_json(json.loads(json.dumps(Progress().to_json()))) == Progress()


def test_a_checkpoint_says_what_its_views_were_made_for(make_model: MakeModel, data: Dataset) -> None:
    views = json.loads(json.dumps(described(make_model(), data)))
    assert views == {
        "face": {"shape": [8, 8, 3], "columns": [], "groups": [], "written": [], "latent": 3},
        "attributes": {"shape": [2], "columns": ["Bright", "Striped"], "groups": [], "written": []},
    }
    progress = Progress(stage=1, bounds=[-2.5])
    assert Progress.from_json(progress.to_json() | {"views": views}) == progress


def test_a_checkpoint_says_how_to_build_a_network_that_is_another_runs(make_model: MakeModel, data: Dataset) -> None:
    model = make_model()
    trained = model.trainable["face"]
    model.views["face"] = FrozenView(trained.config, trained.shape, trained.runtime)
    views = json.loads(json.dumps(described(model, data)))
    assert Section.model_validate(views["face"]["section"]) == trained.config
    assert "section" not in views["attributes"]


def test_speeds_are_told_for_phases_that_train() -> None:
    progress = Progress(seconds={"alone": 4.0, "factors": 2.0}, images={"alone": 100})
    assert progress.speeds() == {
        "seconds/alone": 4.0,
        "seconds/factors": 2.0,
        "images_per_second/alone": 25.0,
    }


def test_networks_and_factors_of_another_model_are_a_line(make_model: MakeModel) -> None:
    model = make_model()
    tensors = pack(model, {}, {})
    name = next(name for name, value in tensors.items() if name.startswith("networks/") and value.ndim > 1)
    others = (
        {**tensors, name: tensors[name][..., :-1]},
        {key: value for key, value in tensors.items() if key != name},
        {**tensors, "networks/more": torch.zeros(2)},
        {**tensors, "factors/nobody/weights": torch.zeros(2, 2)},
    )
    for other in others:
        with pytest.raises(UserError, match=r"^the checkpoint does not fit the config: "):
            unpack(other, {}, make_model(), {})


@pytest.mark.parametrize("elbo", [float("nan"), float("inf"), float("-inf")])
def test_networks_that_ran_away_are_a_line(elbo: float) -> None:
    progress = Progress()
    progress.remember("face", -3.0)
    with pytest.raises(UserError, match=r"^face: training has run away, its validation score is .+learning_rate"):
        progress.remember("face", elbo)
    assert progress.best == {"face": -3.0}
