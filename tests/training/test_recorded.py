"""The training step as a CUDA graph takes it: inputs in fixed memory, no look at a value, nothing learned by the way.

There may be no GPU here: the recorder is one that runs the step itself, as `cuda_graph` does before it records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.models import JointVAE
from favae_cli.training import trainer as training_loop
from favae_cli.training.epoch_state import Moment, Position, Prior
from favae_cli.training.joint_trainer import JointTrainer
from favae_cli.training.recorded import Learner, Recorded, recorded
from favae_cli.training.trainer import Trainer
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views.objective import KLTerm

MakeTrainer = Callable[..., VaeTrainer]
LOOKS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")
LOOKING = (
    "mvae",
    "mmvae",
    "mopoe",
    "mvtcae",
)  # they choose samples by a mask, or check values


class NoLooks(TorchDispatchMode):
    """Refuses what makes a CPU wait for a GPU to know a value, which no graph can do."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in LOOKS or (name.startswith("index") and _by_mask(args)):
            raise RuntimeError(f"{func} looks at a value")
        return func(*args, **(kwargs or {}))


def _by_mask(args: Any) -> bool:
    """Whether rows are chosen by a mask, of which one number for all of them is put without a count."""
    masks = isinstance(args[1], list | tuple) and any(part is not None and part.dtype == torch.bool for part in args[1])
    return masks and not (len(args) > 2 and args[2].numel() == 1)


def runs_itself(work: Callable[[], None]) -> Callable[[], None]:
    for _ in range(2):
        work()
    return work


def cannot(work: Callable[[], None]) -> Callable[[], None]:
    work()
    raise RuntimeError("this network looks at its values\nand much more")


@pytest.fixture
def make_joint(
    joint: Callable[..., JointVAE], config_of: Callable[..., Config], incomplete_pairs: Dataset
) -> Callable[[str], JointTrainer]:
    def make(name: str) -> JointTrainer:
        settings = config_of("experiment=avatars_adapt", "trainer.batch_size=32").trainer
        return JointTrainer(joint(name), incomplete_pairs, settings, 0)

    return make


def _half_way(number: int, at: Position) -> bool:
    return number == at.step == 1


def train(trainer: Trainer, *terms: KLTerm) -> list[Position]:
    """An epoch for each term, the second of which stops after a step and goes on."""
    rng = np.random.default_rng(0)
    prior = Prior(rng.normal(size=(len(trainer.indices), 3)).astype(np.float32), 2.0, 0.3)
    ends: list[Position] = []
    for number, term in enumerate(terms):
        at = Position()
        while not trainer.epoch(0, number, len(terms), prior, term, at, partial(_half_way, number, at)):
            pass
        ends.append(at)
    return ends


def state(trainer: Trainer) -> dict[str, Tensor]:
    slots = trainer.optimizer.state_dict()["state"]
    return {
        **trainer.networks.state_dict(),
        **{f"{i}/{slot}": value for i, part in slots.items() for slot, value in part.items()},
    }


def same(one: Trainer, other: Trainer) -> bool:
    first, second = state(one), state(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


TERMS = (KLTerm(1.0), KLTerm(1.0), KLTerm(4.0, capacity=3.0, growth=2), KLTerm(4.0, capacity=3.0, growth=2))


def test_a_recorded_epoch_is_the_plain_one(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = make_trainer(), make_trainer()
    fast._records = True
    monkeypatch.setattr(training_loop, "recorded", partial(recorded, record=runs_itself))
    steps: list[Recorded] = []
    replay = Recorded.__call__
    monkeypatch.setattr(Recorded, "__call__", lambda self, inputs: (steps.append(self), replay(self, inputs))[1])
    assert train(plain, *TERMS) == train(fast, *TERMS)
    assert same(plain, fast)
    assert len(steps) == 4 * plain.steps
    assert len({id(step) for step in steps}) == 2  # one for each term


@pytest.mark.parametrize(
    "model", ["multi_vae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("amvae", "jva2e", "mopoe"))]
)
def test_a_recorded_epoch_of_a_joint_model_is_the_plain_one(
    model: str, make_joint: Callable[[str], JointTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, fast = make_joint(model), make_joint(model)
    fast._records = True
    monkeypatch.setattr(training_loop, "recorded", partial(recorded, record=runs_itself))
    assert train(plain, *TERMS[:2]) == train(fast, *TERMS[:2])
    assert fast._recorded is not None
    assert same(plain, fast)


def test_recording_teaches_nothing(make_trainer: MakeTrainer) -> None:
    plain, fast = make_trainer(), make_trainer()
    for trainer in (plain, fast):
        train(trainer, KLTerm(1.0))
    fast._records = True
    rows, moment = np.arange(fast.batch_size), torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    sums = fast._sums.clone()
    found = recorded(
        "face",
        lambda inputs: fast._learn([inputs], KLTerm(1.0)),
        fast.inputs(rows, fast.draw(torch.Generator()), Prior()) | {"moment": moment},
        Learner(fast.networks, fast.optimizer, fast._sums),
        runs_itself,
    )
    assert found is not None
    assert same(plain, fast)
    assert torch.equal(fast._sums, sums)


def test_networks_that_cannot_be_recorded_train_as_they_are_with_one_line(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain, fast = make_trainer(), make_trainer()
    fast._records = True
    monkeypatch.setattr(training_loop, "recorded", partial(recorded, record=cannot))
    with caplog.at_level(logging.WARNING):
        assert train(plain, *TERMS) == train(fast, *TERMS)
    assert same(plain, fast)
    assert [record.getMessage() for record in caplog.records] == [
        "face: the training step cannot be a CUDA graph, and is slower as it is: this network looks at its values"
    ]


def test_a_batch_of_another_shape_is_not_put_into_the_memory_of_the_others() -> None:
    seen: list[Tensor] = []
    step = Recorded(lambda inputs: seen.append(inputs["x"]), {"x": torch.zeros(2, 3)}, lambda work: work)
    for x in (torch.ones(2, 3), torch.ones(2, 4), torch.full((2, 3), 5.0)):
        step({"x": x})
    assert [part.shape for part in seen] == [(2, 3), (2, 4), (2, 3)]
    assert seen[0] is seen[2]  # always the same memory
    assert seen[0].eq(5).all()


@pytest.mark.parametrize("changes", [{"accumulate": 3}, {"compile": True}, {}])
def test_on_a_cpu_nothing_is_recorded(changes: dict[str, Any], make_trainer: MakeTrainer) -> None:
    assert not make_trainer(**changes)._records


# No look at a value


def step_without_looks(trainer: Trainer) -> None:
    drawn = trainer.draw(torch.Generator().manual_seed(0))
    prior = Prior(np.zeros((len(trainer.indices), 3), np.float32), 2.0, 0.3)
    inputs = trainer.inputs(np.arange(trainer.batch_size), drawn, prior) | {"moment": trainer._moments(1, prior)[0]}
    with trainer.seeded(drawn), NoLooks():
        trainer._learn([inputs], KLTerm(4.0, capacity=3.0, growth=2))


def test_a_look_is_seen() -> None:
    with NoLooks(), pytest.raises(RuntimeError, match="looks at a value"):
        torch.ones(3).sum().item()
    with NoLooks(), pytest.raises(RuntimeError, match="looks at a value"):
        torch.ones(3)[torch.ones(3) > 0]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_step_of_a_vae_looks_at_no_value(bf16: bool, make_trainer: MakeTrainer) -> None:
    step_without_looks(make_trainer(bf16=bf16))


def test_the_step_of_counts_looks_at_no_value(counts_trainer: VaeTrainer) -> None:
    assert counts_trainer.networks.get_buffer("inputs.back").any()  # what is missing is expected by a linear model
    step_without_looks(counts_trainer)


@pytest.mark.parametrize("model", ["multi_vae", "amvae", "jva2e", "jmvae", "dmvae"])
def test_the_step_of_a_joint_model_looks_at_no_value(model: str, make_joint: Callable[[str], JointTrainer]) -> None:
    step_without_looks(make_joint(model))


@pytest.mark.parametrize("model", LOOKING)
def test_models_of_the_package_that_look_cannot_be_recorded(
    model: str, make_joint: Callable[[str], JointTrainer]
) -> None:
    with pytest.raises(RuntimeError, match="looks at a value"):
        step_without_looks(make_joint(model))


def test_the_moment_of_a_step_says_how_far_training_is_and_what_the_prior_is(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    moments = trainer._moments(3, Prior(None, 2.5, 0.3))
    assert moments.shape == (trainer.steps, 3)
    found = [Moment(*row) for row in moments]
    assert [float(moment.epochs) for moment in found] == [3 + i / trainer.steps for i in range(trainer.steps)]
    assert {float(moment.precision) for moment in found} == {2.5}
    assert {float(moment.fed) for moment in found} == {round(0.3 * trainer.batch_size)}
