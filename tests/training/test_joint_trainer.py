"""A joint VAE in the training loop: its samples, its draws, and an epoch that goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.config.run import Config
from favae_cli.data import Dataset, ViewData
from favae_cli.models import JointVAE
from favae_cli.training.epoch_state import Position, Prior, Totals
from favae_cli.training.joint_trainer import JointTrainer, gathered
from favae_cli.views.objective import KLTerm

MODELS = ("multi_vae", "amvae", "jva2e", "mvae", "jmvae")
# In a hurry two of them train for a while: one of ours, and one of the package, which needs complete samples.
SOME = ("multi_vae", "jmvae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("amvae", "jva2e", "mvae")))
MakeJointTrainer = Callable[..., JointTrainer]
Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]


@pytest.fixture
def make_joint_trainer(
    joint: Callable[..., JointVAE], config_of: Callable[..., Config], incomplete_pairs: Dataset
) -> MakeJointTrainer:
    """A trainer of a fresh model on incomplete pairs: `make_joint_trainer("mvae", data=None)`."""

    def make(name: str, data: Dataset | None = None) -> JointTrainer:
        settings = config_of("experiment=avatars_adapt", "trainer.batch_size=32", "trainer.learning_rate=1e-2").trainer
        return JointTrainer(joint(name), data or incomplete_pairs, settings, 0)

    return make


def epoch(trainer: JointTrainer, at: Position, stop: Callable[[], bool] = lambda: False, number: int = 0) -> Position:
    trainer.epoch(0, number, 4, Prior(), KLTerm(1.0), at, stop)
    return at


def everything(trainer: JointTrainer) -> dict[str, torch.Tensor]:
    """The networks' and the optimiser's numbers, copied."""
    slots = trainer.optimizer.state_dict()["state"]
    optimiser = {f"{i}/{slot}": value for i, part in slots.items() for slot, value in part.items()}
    return {name: value.clone() for name, value in {**trainer.networks.state_dict(), **optimiser}.items()}


def reached(at: Position, step: int) -> bool:
    return at.step >= step


@pytest.mark.parametrize("name", SOME)
def test_an_epoch_interrupted_at_any_step_goes_on_to_the_same_end(
    name: str, make_joint_trainer: MakeJointTrainer, identical: Identical
) -> None:
    torch.manual_seed(1)
    whole = make_joint_trainer(name)
    at_end, end = epoch(whole, Position()), everything(whole)
    assert whole.steps >= 3
    for step in range(1, whole.steps):
        torch.manual_seed(2)
        trainer, at = make_joint_trainer(name), Position()
        epoch(trainer, at, partial(reached, at, step))
        told = json.loads(json.dumps([at.step, vars(at.parts["joint"])]))
        assert told[0] == step
        assert epoch(trainer, Position(told[0], {"joint": Totals(**told[1])})) == at_end
        assert identical(everything(trainer), end)


@pytest.mark.parametrize("name", MODELS)
def test_it_trains_on_what_the_model_can_learn_from(
    name: str, make_joint_trainer: MakeJointTrainer, incomplete_pairs: Dataset
) -> None:
    trainer = make_joint_trainer(name)
    both = incomplete_pairs.having("train", "face", "cartoon")
    expected = both if name == "jmvae" else incomplete_pairs.split["train"]
    assert trainer.indices.tolist() == expected.tolist()
    assert epoch(trainer, Position()).count == trainer.steps * 32


def test_samples_without_any_of_its_views_are_left_out(
    make_joint_trainer: MakeJointTrainer, incomplete_pairs: Dataset
) -> None:
    views = {name: replace(part, row=part.row.copy()) for name, part in incomplete_pairs.views.items()}
    for part in views.values():
        part.row[:20] = -1
    trainer = make_joint_trainer("multi_vae", replace(incomplete_pairs, views=views))
    assert trainer.indices.tolist() == incomplete_pairs.split["train"][20:].tolist()


def test_steps_and_epochs_draw_afresh(make_joint_trainer: MakeJointTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_joint_trainer("multi_vae")
    drawn: list[float] = []
    loss = trainer.loss
    monkeypatch.setattr(
        trainer, "loss", lambda inputs, moment: (drawn.append(float(inputs["drawn/c"].sum())), loss(inputs, moment))[1]
    )
    for number in range(2):
        epoch(trainer, Position(), number=number)
    assert len(set(drawn)) == len(drawn) == 2 * trainer.steps


@pytest.mark.parametrize("name", MODELS)
def test_held_out_numbers_are_the_same_whenever_they_are_asked_for(
    name: str, make_joint_trainer: MakeJointTrainer, incomplete_pairs: Dataset
) -> None:
    trainer = make_joint_trainer(name)
    indices = trainer.samples(incomplete_pairs, "validation")
    before = everything(trainer)
    asked = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        asked.append(trainer.held_out(incomplete_pairs, indices, Prior())["joint"])
    assert asked[0] == asked[1]
    assert asked[0].count == len(indices)
    assert all(torch.equal(value, before[key]) for key, value in everything(trainer).items())
    many = trainer.held_out(incomplete_pairs, np.tile(indices, 20), Prior())["joint"]
    assert many.count == 20 * len(indices) > 256
    assert many.log_likelihood / many.count == pytest.approx(asked[0].log_likelihood / asked[0].count, rel=0.1)


@pytest.mark.parametrize("name", SOME)
def test_training_raises_the_held_out_elbo(
    name: str, make_joint_trainer: MakeJointTrainer, incomplete_pairs: Dataset
) -> None:
    trainer = make_joint_trainer(name)
    indices = trainer.samples(incomplete_pairs, "validation")
    before = trainer.held_out(incomplete_pairs, indices, Prior())["joint"].means()["elbo"]
    for number in range(4):
        epoch(trainer, Position(), number=number)
    assert trainer.held_out(incomplete_pairs, indices, Prior())["joint"].means()["elbo"] > before + 100


def test_a_gap_is_filled_with_what_other_samples_of_the_batch_have() -> None:
    part = ViewData(np.arange(4, dtype=np.float32)[:, None], np.array([0, -1, 1, -1, 2, 3, -1]))
    values, here = gathered(part, np.array([1, 4, 3, 2]), np.array([0]))
    assert here.tolist() == [False, True, False, True]
    assert values[here, 0].tolist() == [2, 1]
    assert set(values[~here, 0]) <= {1, 2}
    values, here = gathered(part, np.array([1, 3]), np.array([0, 4]))  # none to borrow from but the training samples
    assert not here.any()
    assert set(values[:, 0]) <= {0, 2}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("multi_vae", r"^views\.cartoon: 1 training samples have this view; training needs at least 2$"),
        ("jmvae", r"^views\.face: 1 training samples have all views; training needs at least 2$"),
    ],
)
def test_too_few_samples_to_train_on_are_refused(
    name: str, message: str, make_joint_trainer: MakeJointTrainer, incomplete_pairs: Dataset
) -> None:
    views = dict(incomplete_pairs.views)
    views["cartoon"] = replace(views["cartoon"], row=np.where(np.arange(240) == 1, 1, -1))
    with pytest.raises(UserError, match=message):
        make_joint_trainer(name, replace(incomplete_pairs, views=views))
