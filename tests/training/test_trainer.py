"""One VAE's epochs: reproducible, interruptible at every step, and with the gradient clipped where it counts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.training.epoch_state import Position, Prior, Totals
from favae_cli.training.vae_trainer import VaeTrainer, held_out
from favae_cli.views import VaeView
from favae_cli.views.objective import KLTerm, VaeLoss

MakeTrainer = Callable[..., VaeTrainer]
Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]


def epoch(trainer: VaeTrainer, at: Position | None = None, number: int = 0, **changes: Any) -> Position:
    at = at or Position()
    arguments: dict[str, Any] = {"prior": Prior(), "term": KLTerm(1.0), "stop": lambda: False} | changes
    trainer.epoch(0, number, 4, at=at, **arguments)
    return at


def reached(at: Position, step: int) -> bool:
    return at.step >= step


def everything(trainer: VaeTrainer) -> dict[str, torch.Tensor]:
    """The networks' and the optimiser's numbers, copied."""
    slots = trainer.optimizer.state_dict()["state"]
    optimiser = {f"{i}/{slot}": value for i, part in slots.items() for slot, value in part.items()}
    return {name: value.clone() for name, value in {**trainer.view.networks.state_dict(), **optimiser}.items()}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each call of `VaeView.loss` was given."""
    calls: list[dict[str, Any]] = []
    original = VaeView.loss

    def loss(
        view: VaeView,
        x: torch.Tensor,
        noise: torch.Tensor,
        prior_mean: torch.Tensor,
        prior_precision: float,
        fed: int = 0,
    ) -> VaeLoss:
        calls.append({"x": x, "noise": noise, "mean": prior_mean, "precision": prior_precision, "fed": fed})
        return original(view, x, noise, prior_mean, prior_precision, fed)

    monkeypatch.setattr(VaeView, "loss", loss)
    return calls


# The same numbers again


def test_same_seed_same_numbers_whatever_the_global_generator_does(
    make_trainer: MakeTrainer, identical: Identical
) -> None:
    results = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(disturbance)
        trainer = make_trainer(seed)
        results.append((everything(trainer), epoch(trainer), everything(trainer)))
    (start, at, end), (same_start, same_at, same_end), (_, _, other_end) = results
    assert at == same_at
    assert identical(start, same_start)
    assert identical(end, same_end)
    assert not identical(end, other_end)


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_an_epoch_interrupted_at_any_step_goes_on_to_the_same_end(
    bf16: bool, make_trainer: MakeTrainer, identical: Identical
) -> None:
    whole = make_trainer(bf16=bf16)
    at_end, end = epoch(whole), everything(whole)
    assert whole.steps >= 3
    for step in range(1, whole.steps + 1):
        trainer = make_trainer(bf16=bf16)
        at = Position()
        complete = trainer.epoch(0, 0, 4, Prior(), KLTerm(1.0), at, partial(reached, at, step))
        assert (complete, at.step) == (step == whole.steps, step)
        told = json.loads(json.dumps([at.step, vars(at.parts["face"])]))
        at = epoch(trainer, Position(told[0], {"face": Totals(**told[1])}))
        assert at == at_end
        assert identical(everything(trainer), end)


# What an epoch shows to the network


def test_every_sample_comes_at_most_once_and_in_another_order_each_epoch(
    make_trainer: MakeTrainer, seen: list[dict[str, Any]]
) -> None:
    trainer = make_trainer()
    for number in range(2):
        epoch(trainer, number=number)
    shown = torch.cat([call["x"] for call in seen]).flatten(1)
    first, second = shown.split(len(shown) // 2)
    assert len(first) == trainer.steps * trainer.batch_size
    stored = trainer.view.batch(trainer.data.gather(trainer.indices)).flatten(1)
    assert len({tuple(row.tolist()) for row in first}) == len(first)
    assert {tuple(row.tolist()) for row in first} <= {tuple(row.tolist()) for row in stored}
    assert not torch.equal(first, second)


@pytest.mark.parametrize("size", [3, 8, 16])
def test_an_epoch_that_goes_on_with_another_batch_size_skips_and_repeats_no_sample(
    size: int, make_trainer: MakeTrainer, seen: list[dict[str, Any]]
) -> None:
    at, whole = Position(), make_trainer()
    assert not whole.epoch(0, 0, 4, Prior(), KLTerm(1.0), at, partial(reached, at, 2))
    trainer = make_trainer(batch_size=size)
    assert trainer.epoch(0, 0, 4, Prior(), KLTerm(1.0), at, lambda: False)
    shown = torch.cat([call["x"] for call in seen]).flatten(1)
    assert len(shown) == at.samples == 16 + (len(whole.indices) - 16) // size * size
    assert len({tuple(row.tolist()) for row in shown}) == len(shown)


def test_the_noise_is_drawn_afresh_for_every_sample_and_step(
    make_trainer: MakeTrainer, seen: list[dict[str, Any]]
) -> None:
    trainer = make_trainer()
    for number in range(2):
        epoch(trainer, number=number)
    held_out("face", trainer.view, trainer.data, trainer.indices, Prior(), 0)
    noise = torch.cat([call["noise"] for call in seen])
    assert noise.shape == (2 * trainer.steps * trainer.batch_size + len(trainer.indices), trainer.view.size)
    assert len(noise.unique()) == noise.numel()
    assert abs(float(noise.mean())) < 0.2
    assert abs(float(noise.std()) - 1) < 0.2


def test_every_sample_meets_its_own_prior_mean(make_trainer: MakeTrainer, seen: list[dict[str, Any]]) -> None:
    trainer = make_trainer()
    brightness = trainer.data.gather(trainer.indices).mean(axis=(1, 2, 3)) / 255
    prior = Prior(np.repeat(brightness[:, None], trainer.view.size, axis=1).astype(np.float32), 2.5)
    epoch(trainer, prior=prior)
    held_out("face", trainer.view, trainer.data, trainer.indices, prior, 0)
    for call in seen:
        assert call["precision"] == 2.5
        torch.testing.assert_close(call["mean"][:, 0], call["x"].mean(dim=(1, 2, 3)))


@pytest.mark.parametrize(("share", "fed"), [(0.0, 0), (0.25, 2), (0.6, 5), (1.0, 8)])
def test_the_share_of_a_batch_that_the_prior_asks_for_is_fed_and_of_held_out_samples_none(
    share: float, fed: int, make_trainer: MakeTrainer, seen: list[dict[str, Any]]
) -> None:
    trainer = make_trainer()
    prior = Prior(np.zeros((len(trainer.indices), trainer.view.size), np.float32), 2.0, share)
    epoch(trainer, prior=prior)
    assert [call["fed"] for call in seen] == [fed] * trainer.steps
    held_out("face", trainer.view, trainer.data, trainer.indices, prior, 0)
    assert seen[-1]["fed"] == 0


def test_a_capacity_grows_from_step_to_step_and_from_epoch_to_epoch(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[KLTerm, float]] = []
    objective = VaeLoss.objective

    def noted(loss: VaeLoss, term: KLTerm, epochs: float) -> torch.Tensor:
        asked.append((term, epochs))
        return objective(loss, term, epochs)

    monkeypatch.setattr(VaeLoss, "objective", noted)
    trainer, term = make_trainer(), KLTerm(2.0, 5.0, 3)
    for number in range(2):
        epoch(trainer, number=number, term=term)
    assert [each for each, _ in asked] == [term] * len(asked)
    assert [epochs for _, epochs in asked] == pytest.approx([step / trainer.steps for step in range(len(asked))])
    assert len(asked) == 2 * trainer.steps


def test_totals_are_sums_over_the_samples_that_were_seen(make_trainer: MakeTrainer, seen: list[dict[str, Any]]) -> None:
    trainer = make_trainer(learning_rate=1e-12, final_learning_rate=0.0)
    at = epoch(trainer)
    trainer.view.networks.train()
    losses = [trainer.view.loss(c["x"], c["noise"], c["mean"], c["precision"]) for c in list(seen)]
    assert at.count == trainer.steps * trainer.batch_size
    expected = sum(loss.kl.double().sum().item() for loss in losses)
    assert at.parts["face"].kl == pytest.approx(expected, rel=1e-5)
    means = Totals(-30.0, 6.0, 3).means()
    assert means == {"log_likelihood": -10.0, "kl": 2.0, "elbo": -12.0}


# Learning rate and clipping


def test_the_rate_climbs_linearly_then_falls_like_a_cosine(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(learning_rate=0.8, final_learning_rate=0.2, warm_up_steps=4)
    rates = [trainer.rate(step, 24) for step in range(25)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert rates[14] == pytest.approx(0.5)
    assert rates[24] == pytest.approx(0.2)
    assert all(later < sooner for sooner, later in pairwise(rates[4:]))
    assert rates[9] == pytest.approx(0.2 + 0.3 * (1 + math.cos(math.pi / 4)))


def test_a_short_training_warms_up_over_half_of_it_at_most(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(learning_rate=1.0, final_learning_rate=0.0, warm_up_steps=1000)
    rates = [trainer.rate(step, 6) for step in range(7)]
    assert rates[:4] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert rates[6] == pytest.approx(0)


def test_the_optimiser_runs_at_the_rate_of_the_whole_stage(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    epoch(trainer, number=2)
    last = 3 * trainer.steps - 1
    assert trainer.optimizer.param_groups[0]["lr"] == trainer.rate(last, 4 * trainer.steps)


def test_no_step_is_longer_than_the_clipped_gradient_allows(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Plain gradient descent, whose step is the gradient itself: Adam's would not show its length.
    trainer = make_trainer(clip_norm=1e-3, learning_rate=1.0, final_learning_rate=1.0, warm_up_steps=0)
    monkeypatch.setattr(trainer, "optimizer", torch.optim.SGD(trainer.parameters, lr=1.0))
    before = torch.cat([value.detach().flatten() for value in trainer.parameters])
    at = Position()
    trainer.epoch(0, 0, 1, Prior(), KLTerm(1.0), at, lambda: True)
    after = torch.cat([value.detach().flatten() for value in trainer.parameters])
    assert at.step == 1
    assert float((after - before).norm()) == pytest.approx(1e-3, rel=1e-2)


def test_a_short_gradient_is_not_stretched(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    for clip_norm in (1e6, 1e8):
        trainer = make_trainer(clip_norm=clip_norm, warm_up_steps=0)
        monkeypatch.setattr(trainer, "optimizer", torch.optim.SGD(trainer.parameters, lr=1.0))
        before = torch.cat([value.detach().flatten() for value in trainer.parameters])
        trainer.epoch(0, 0, 1, Prior(), KLTerm(1.0), Position(), lambda: True)
        steps.append(torch.cat([value.detach().flatten() for value in trainer.parameters]) - before)
    assert torch.equal(*steps)


def test_training_raises_the_elbo(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    ends = [epoch(trainer, number=number).parts["face"].means()["elbo"] for number in range(4)]
    assert ends[-1] > ends[0] + 10


def test_a_loss_that_is_not_finite_names_the_view_and_the_key(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    torch.nn.init.constant_(trainer.view.decoder.stem.bias, math.nan)
    with pytest.raises(UserError, match=r"trainer\.learning_rate: the loss of 'face' is no longer finite"):
        epoch(trainer, number=2)


# Samples that are not trained on


def test_held_out_numbers_are_the_same_whenever_they_are_asked_for(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    prior = Prior(np.zeros((len(trainer.indices), trainer.view.size), np.float32), 2.0)
    before = everything(trainer)
    asked = [held_out("face", trainer.view, trainer.data, trainer.indices, prior, 0) for _ in range(2)]
    assert asked[0] == asked[1]
    assert all(torch.equal(value, before[name]) for name, value in everything(trainer).items())
    assert held_out("face", trainer.view, trainer.data, trainer.indices, prior, 1) != asked[0]


def test_held_out_samples_are_all_counted_in_batches_of_any_size(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    many = np.tile(trainer.indices, 12)
    assert len(many) > 256
    once = held_out("face", trainer.view, trainer.data, trainer.indices, Prior(), 0)
    often = held_out("face", trainer.view, trainer.data, many, Prior(), 0)
    assert (once.count, often.count) == (len(trainer.indices), len(many))
    assert often.kl == pytest.approx(12 * once.kl, rel=1e-5)


def test_a_view_with_fewer_samples_than_a_batch_is_trained_all_the_same(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(batch_size=1000)
    assert (trainer.batch_size, trainer.steps) == (len(trainer.indices), 1)
    assert epoch(trainer).count == len(trainer.indices)


def test_a_prior_of_nothing_is_the_standard_one() -> None:
    assert torch.equal(Prior().of(np.arange(3), 2, torch.device("cpu")), torch.zeros(3, 2))
    assert Prior().precision == 1.0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_to_train_on_are_refused(count: int, make_trainer: MakeTrainer) -> None:
    whole = make_trainer()
    with pytest.raises(UserError, match=rf"views\.face: {count} training samples"):
        VaeTrainer("face", whole.view, whole.data, whole.indices[:count], whole.settings, 0)
