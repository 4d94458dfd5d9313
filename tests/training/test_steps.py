"""What one step of the optimiser is made of: batches added up, schedules, compiled networks, precisions, a profile."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.machine.world import World
from favae_cli.training.compiled import Compiled
from favae_cli.training.epoch_state import Position, Prior
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views.objective import KLTerm

MakeTrainer = Callable[..., VaeTrainer]


def epoch(trainer: VaeTrainer, number: int = 0, of: int = 4, **changes: Any) -> Position:
    at = Position()
    arguments: dict[str, Any] = {"prior": Prior(), "term": KLTerm(1.0), "stop": lambda: False} | changes
    trainer.epoch(0, number, of, at=at, **arguments)
    return at


def reached(at: Position, step: int) -> bool:
    return at.step >= step


def weights(trainer: VaeTrainer) -> Tensor:
    return torch.cat([value.detach().flatten() for value in trainer.parameters])


@pytest.fixture
def without_batch_norm(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> MakeTrainer:
    """As `make_trainer`, but samples of a batch do not see each other."""

    def make(**changes: Any) -> VaeTrainer:
        trainer = make_trainer(**changes)
        for module in trainer.networks.modules():
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.Identity())
        return VaeTrainer("face", trainer.view, trainer.data, trainer.indices, trainer.settings, 0)

    return make


# Batches added up


def test_batches_added_up_make_the_step_of_one_large_batch(
    without_batch_norm: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = without_batch_norm(batch_size=24, clip_norm=0.5)
    small = without_batch_norm(batch_size=8, accumulate=3, clip_norm=0.5)
    noise = torch.randn(24, large.view.size, generator=torch.Generator().manual_seed(0))
    drawn = iter(noise.split(8))
    monkeypatch.setattr(small, "draw", lambda generator: next(drawn))
    monkeypatch.setattr(large, "draw", lambda generator: noise)
    start = weights(large)
    totals = [epoch(trainer) for trainer in (large, small)]
    assert [trainer.steps for trainer in (large, small)] == [1, 1]
    assert totals[0].count == totals[1].count == 24
    assert totals[1].parts["face"].kl == pytest.approx(totals[0].parts["face"].kl, rel=1e-6)
    for one, other in zip(large.parameters, small.parameters, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weights(small), weights(large))
    assert not torch.equal(start, weights(large))


def test_the_gradient_is_clipped_once_all_batches_are_in_it(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(accumulate=3, clip_norm=1e-3)
    epoch(trainer)
    assert float(torch.cat([value.grad.flatten() for value in trainer.parameters]).norm()) == pytest.approx(1e-3, 1e-3)


@pytest.mark.parametrize(("batch_size", "accumulate", "batches", "steps"), [(8, 1, 1, 3), (5, 2, 2, 2), (8, 99, 3, 1)])
def test_steps_of_several_batches_never_ask_for_more_samples_than_there_are(
    batch_size: int, accumulate: int, batches: int, steps: int, make_trainer: MakeTrainer
) -> None:
    trainer = make_trainer(batch_size=batch_size, accumulate=accumulate)
    assert len(trainer.indices) == 27
    assert (trainer.batches, trainer.steps) == (batches, steps)
    assert epoch(trainer).count == steps * batches * batch_size


def test_an_epoch_of_several_batches_a_step_goes_on_where_it_stopped(make_trainer: MakeTrainer) -> None:
    ends = []
    for stops in (99, 1):
        trainer, at = make_trainer(batch_size=5, accumulate=2), Position()
        while not trainer.epoch(0, 0, 4, Prior(), KLTerm(1.0), at, partial(reached, at, stops)):
            stops = 99
        ends.append((at, weights(trainer)))
    assert ends[0][0] == ends[1][0]
    assert torch.equal(ends[0][1], ends[1][1])


# Schedules of the learning rate


def test_a_constant_rate_stays_and_a_linear_one_falls_evenly(make_trainer: MakeTrainer) -> None:
    changes = {"learning_rate": 0.8, "final_learning_rate": 0.2, "warm_up_steps": 4}
    constant = make_trainer(rate_schedule="constant", **changes)
    linear = make_trainer(rate_schedule="linear", **changes)
    for trainer in (constant, linear):
        assert [trainer.rate(step, 24) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert [constant.rate(step, 24) for step in (4, 14, 24)] == pytest.approx([0.8] * 3)
    falling = [linear.rate(step, 24) for step in range(4, 25)]
    assert np.diff(falling) == pytest.approx(-0.03)
    assert falling[-1] == pytest.approx(0.2)


# Compiled networks


def test_compiled_networks_train_and_are_the_plain_ones_outside(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[bool] = []

    def counted(plain: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        return lambda *inputs: (runs.append(torch.is_grad_enabled()), plain(*inputs))[1]

    monkeypatch.setattr(torch, "compile", counted)
    plain, compiled = make_trainer(), make_trainer(compile=True)
    names = list(compiled.networks.state_dict())
    assert epoch(plain) == epoch(compiled)
    assert runs == [True] * 2 * compiled.steps
    compiled.view.encode(compiled.data.gather(compiled.indices))
    assert len(runs) == 2 * compiled.steps
    assert list(compiled.networks.state_dict()) == names
    assert torch.equal(weights(plain), weights(compiled))
    assert not caplog.records


@pytest.mark.parametrize("when", ["at once", "at the first call"])
def test_networks_that_cannot_be_compiled_run_as_they_are_with_one_warning(
    when: str, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*inputs: Any, **options: Any) -> Any:
        raise RuntimeError("no C++ compiler\nand much more")

    monkeypatch.setattr(torch, "compile", fails if when == "at once" else lambda plain, **options: fails)
    plain, compiled = make_trainer(), make_trainer(compile=True)
    with caplog.at_level(logging.WARNING):
        for number in range(2):
            assert epoch(plain, number) == epoch(compiled, number)
    assert torch.equal(weights(plain), weights(compiled))
    assert [record.getMessage() for record in caplog.records] == [
        "trainer.compile: the networks cannot be compiled here and run as they are: no C++ compiler"
    ]


def test_what_a_network_itself_raises_comes_through(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda plain, **options: plain)
    view = make_trainer().view
    with Compiled(view.networks).running(), pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        view.generative(torch.zeros(2, view.size + 1))


# Precisions


@pytest.mark.slow
def test_bf16_training_ends_where_fp32_training_does(make_trainer: MakeTrainer) -> None:
    """After 40 epochs on a fixed seed: R2 within 0.01, and the ELBO within 2 % of what training raised it by."""
    found = {}
    for bf16 in (False, True):
        trainer = make_trainer(bf16=bf16)
        images = trainer.data.gather(trainer.indices)
        start, *_, end = [epoch(trainer, number, of=40).parts["face"].means()["elbo"] for number in range(40)]
        decoded = trainer.view.decode(trainer.view.encode(images).mean)
        shown = images / 255
        found[bf16] = start, end, 1 - np.square(shown - decoded).sum() / np.square(shown - shown.mean(0)).sum()
    (start, fp32, exact), (_, half, rough) = found[False], found[True]
    assert fp32 - start > 30
    assert exact > 0.7
    assert abs(half - fp32) < 0.02 * (fp32 - start)
    assert abs(rough - exact) < 0.01


# A profile


def test_a_profile_shows_steps_of_the_first_epoch(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(profile=True)
    trainer.directory = tmp_path
    epoch(trainer)
    file = tmp_path / "trace_face.json"
    names = {event.get("name") for event in json.loads(file.read_text())["traceEvents"]}
    assert {"aten::convolution_backward", "ProfilerStep#1"} <= names
    file.unlink()
    epoch(trainer, 1)
    assert not list(tmp_path.iterdir())


# Several processes, each in the place of the other in turn


class Apart(World):
    """One of two processes, alone: what the other adds is left out."""

    def add(self, tensor: Tensor) -> Tensor:
        return tensor

    def broadcast(self, tensor: Tensor) -> None:
        pass

    def any(self, here: bool) -> bool:
        return here

    def add_gradients(self, parameters: list[nn.Parameter]) -> None:
        pass


def apart(trainer: VaeTrainer, rank: int) -> VaeTrainer:
    """The same trainer as process `rank` of two."""
    view = trainer.view
    view.runtime = replace(view.runtime, world=Apart(rank, 2))
    return VaeTrainer("face", view, trainer.data, trainer.indices, trainer.settings, 0)


@pytest.mark.parametrize("feed", [0.0, 0.7])
def test_the_shares_of_two_processes_add_up_to_the_step_of_one(feed: float, without_batch_norm: MakeTrainer) -> None:
    changes = {"batch_size": 9, "accumulate": 2, "clip_norm": 1e9}
    prior = Prior(np.random.default_rng(0).normal(size=(27, 3)).astype(np.float32), 2.0, feed)
    gradients, kl, held_out = [], [], []
    for trainer in (without_batch_norm(**changes), *(apart(without_batch_norm(**changes), rank) for rank in (0, 1))):
        tested = trainer.view, trainer.data, trainer.indices
        held_out.append(VaeTrainer.held_out(trainer, _Only(tested[1]), trainer.indices, prior)["face"])  # type: ignore[arg-type]
        kl.append(epoch(trainer, prior=prior, stop=lambda: True).parts["face"].kl)
        gradients.append([value.grad for value in trainer.parameters])
    for whole, *parts in zip(*gradients, strict=True):
        torch.testing.assert_close(sum(parts), whole, rtol=1e-4, atol=1e-5)
    assert kl[1] + kl[2] == pytest.approx(kl[0], rel=1e-6)
    assert held_out[1].kl + held_out[2].kl == pytest.approx(held_out[0].kl, rel=1e-6)
    assert held_out[1].log_likelihood != held_out[2].log_likelihood
    assert [totals.count for totals in held_out] == [27, 13, 14]


class _Only:
    """A data set of one view."""

    def __init__(self, face: Any) -> None:
        self.views = {"face": face}


def test_several_processes_ask_each_other_to_stop_only_now_and_then(
    without_batch_norm: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = apart(without_batch_norm(batch_size=4), 0)
    monkeypatch.setattr("favae_cli.training.stopping.AGREED", 4)
    assert trainer.steps == 6
    assert epoch(trainer, stop=lambda: True).step == 4


def test_what_several_processes_cannot_do_exactly_is_refused(without_batch_norm: MakeTrainer) -> None:
    trainer = apart(without_batch_norm(), 1)
    with pytest.raises(UserError, match=r"model\.capacity: is for one process"):
        epoch(trainer, term=KLTerm(1.0, 3.0))
    trainer.indices = trainer.indices[:3]
    with pytest.raises(UserError, match="3 training samples have this view; training needs at least 4 in so many"):
        apart(trainer, 0)
