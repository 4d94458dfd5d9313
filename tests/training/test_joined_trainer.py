"""Views that learn together through the factors: what is predicted of each, from which others, and who learns of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.common.errors import Interrupted
from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.training import trainer as training_loop
from favae_cli.training.epoch_state import Moment, Position, Prior, Totals
from favae_cli.training.joined_trainer import JoinedLoss, JoinedTrainer
from favae_cli.training.recorded import recorded
from favae_cli.training.schedule import Training
from favae_cli.training.trainer import Trainer
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views.objective import KLTerm

VIEWS = ("face", "cartoon", "attributes")
NOW = Moment(*torch.zeros(3, dtype=torch.float64))
Finish = Callable[[Training], tuple[dict[str, torch.Tensor], list[dict[str, Any]], dict[str, Any]]]
Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]


@pytest.fixture
def joined(model: FAVAE, both: Dataset, make_trainer: Callable[..., VaeTrainer]) -> JoinedTrainer:
    """Two image views and the attributes, in a round."""
    return tied(model, both, make_trainer)


def tied(model: FAVAE, data: Dataset, make_trainer: Callable[..., VaeTrainer]) -> JoinedTrainer:
    trainer = JoinedTrainer(model, data, make_trainer().settings, 0, gamma=2.0)
    rng = np.random.default_rng(3)
    trainer.tie(
        {
            name: {
                split: Prior(rng.normal(size=(len(data.having(split, name)), view.size)).astype(np.float32), 1.5)
                for split in ("train", "validation")
            }
            for name, view in model.trainable.items()
        }
    )
    return trainer


def loss_of(trainer: JoinedTrainer, rows: np.ndarray) -> JoinedLoss:
    trainer.networks.eval()
    drawn = trainer.draw(torch.Generator().manual_seed(0))
    return trainer.loss(trainer.inputs(rows, drawn, Prior()), NOW)


def everything(trainer: JoinedTrainer) -> dict[str, torch.Tensor]:
    slots = trainer.optimizer.state_dict()["state"]
    optimiser = {f"{i}/{slot}": value for i, part in slots.items() for slot, value in part.items()}
    return {name: value.clone() for name, value in {**trainer.networks.state_dict(), **optimiser}.items()}


def epoch(trainer: JoinedTrainer, at: Position, stop: Callable[[], bool] = lambda: False) -> Position:
    trainer.epoch(1, 0, 3, Prior(), KLTerm(1.0), at, stop)
    return at


def reached(at: Position, step: int) -> bool:
    return at.step >= step


def test_what_is_predicted_is_what_the_factors_say_of_the_given_views(joined: JoinedTrainer, both: Dataset) -> None:
    """Each sample's predictive log-likelihood anew, by the engine's own posterior."""
    rows = np.arange(joined.batch_size)
    indices, model = joined.indices[rows], joined.model
    with torch.inference_mode():
        loss = loss_of(joined, rows)
    chance = joined.draw(torch.Generator().manual_seed(0))["chance"].numpy()
    given = joined._questions.given[joined._questions.drawn(indices, chance)]
    encoded, checked = model.encode(both, indices), 0
    for i, target in np.ndindex(len(rows), len(VIEWS)):
        name = VIEWS[target]
        sets = [view for view, here in zip(VIEWS, given[i, target], strict=True) if here]
        assert name not in sets
        present = both.views[name].present[indices[i]]
        assert bool(loss.asked[name][i]) == (present and bool(sets))
        if not present or not sets:
            continue
        z = {view: encoded[view].mean[[i]].astype(np.float64) for view in sets if view in encoded}
        if "attributes" in sets:
            alone = model.embeddings(both, indices[[i]], {}, ["attributes"])
            alone.settle(model.joined)
            z["attributes"] = alone.local["attributes"].mean
        mean, covariance = model.joined.posterior(z)
        expected, variance = (torch.tensor(part).float() for part in model.joined.predict(name, mean, covariance))
        if name == "attributes":
            p = torch.tensor(model.views[name].decode(expected.numpy(), variance.numpy()))
            x = torch.tensor(observed_table(both, name, indices[[i]]))
            told = (x * p.log() + (1 - x) * (1 - p).log()).sum()
            assert loss.inferred[name][i].item() == pytest.approx(told.item(), rel=2e-2)
        else:
            view = model.trainable[name]
            x = view.batch(both.views[name].gather(indices[[i]]))
            with torch.inference_mode():
                told = view.log_likelihood(x, view.generative(expected))[0]
            assert loss.own[name].predictive[i].item() == pytest.approx(told.item(), rel=1e-4)
        checked += 1
    assert checked > 12


def test_what_is_predicted_of_a_view_teaches_its_decoder_and_the_encoders_of_the_others(joined: JoinedTrainer) -> None:
    loss = loss_of(joined, np.arange(joined.batch_size))
    part = loss.own["cartoon"].predictive
    assert part is not None
    (loss.asked["cartoon"] * part).sum().backward()
    face, cartoon = joined.views["face"], joined.views["cartoon"]

    def learns(network: torch.nn.Module) -> bool:
        return any(value.grad is not None and bool(value.grad.any()) for value in network.parameters())

    assert learns(face.encoder)
    assert learns(cartoon.decoder)
    assert not learns(face.decoder)
    assert not learns(cartoon.encoder)


def test_a_table_that_is_predicted_teaches_the_encoders(joined: JoinedTrainer) -> None:
    loss = loss_of(joined, np.arange(joined.batch_size))
    (loss.asked["attributes"] * loss.inferred["attributes"]).sum().backward()
    assert all(joined.views[name].encoder.head.weight.grad is not None for name in ("face", "cartoon"))


def test_the_objective_is_the_elbo_of_the_views_and_gamma_times_what_is_predicted(joined: JoinedTrainer) -> None:
    with torch.inference_mode():
        loss = loss_of(joined, np.arange(joined.batch_size))
        total = 0.0
        for name, part in loss.own.items():
            assert part.predictive is not None
            total += (loss.present[name] * (part.log_likelihood - 3.0 * part.kl)).mean().item()
            total += 2.0 * (loss.told[name] * loss.asked[name] * part.predictive).mean().item()
        total += 2.0 * (loss.told["attributes"] * loss.asked["attributes"] * loss.inferred["attributes"]).mean().item()
        assert loss.objective(KLTerm(3.0), 0.0).item() == pytest.approx(-total, rel=1e-5)
        own = loss.own | {"face": replace(loss.own["face"], beta=0.5)}
        less = 1.5 * (loss.present["face"] * loss.own["face"].kl).mean().item()
        assert replace(loss, own=own).objective(KLTerm(3.0), 0.0).item() == pytest.approx(-total - less, rel=1e-5)


def test_samples_that_lack_a_view_do_not_count_in_it(joined: JoinedTrainer, both: Dataset) -> None:
    at = epoch(joined, Position())
    assert at.parts.keys() == {"face", "cartoon"}
    for name, totals in at.parts.items():
        assert totals.count <= len(both.having("train", name))
        assert 0 < totals.predicted <= totals.count
    found = joined.held_out(both, joined.samples(both, "train"), Prior())
    assert {name: totals.count for name, totals in found.items()} == {
        name: len(both.having("train", name)) for name in ("face", "cartoon")
    }


def test_held_out_numbers_are_those_of_each_view_and_the_same_whenever_they_are_asked(
    joined: JoinedTrainer, both: Dataset
) -> None:
    indices = joined.samples(both, "validation")
    first, again = (joined.held_out(both, indices, Prior()) for _ in range(2))
    assert first == again
    many = joined.held_out(both, np.concatenate([indices] * 3), Prior())
    for name, totals in many.items():
        assert totals.count == 3 * first[name].count
        assert totals.kl == pytest.approx(3 * first[name].kl, rel=1e-6)
        assert totals.predictive == pytest.approx(3 * first[name].predictive, rel=1e-6)


def test_a_view_that_no_held_out_sample_has_is_not_counted(
    model: FAVAE, both: Dataset, make_trainer: Callable[..., VaeTrainer]
) -> None:
    lacking, cartoon = both.split["validation"], both.views["cartoon"]
    row = cartoon.row.copy()
    row[lacking] = -1
    data = replace(both, views=both.views | {"cartoon": replace(cartoon, row=row)})
    found = tied(model, data, make_trainer).held_out(data, lacking[data.views["face"].present[lacking]], Prior())
    assert found["cartoon"] == Totals()
    assert found["face"].count > 0


@pytest.mark.slow
def test_a_round_goes_on_though_no_validation_sample_has_one_of_the_views(
    model: FAVAE, both: Dataset, tiny_config: Callable[..., Config], tmp_path: Path
) -> None:
    cartoon = both.views["cartoon"]
    row = cartoon.row.copy()
    row[both.split["validation"]] = -1
    data = replace(both, views=both.views | {"cartoon": replace(cartoon, row=row)})
    config = tiny_config("schedule.alone_epochs=1", "schedule.rounds=1")
    copies = config.model_copy(update={"views": config.views | {"cartoon": config.views["face"]}})
    training = Training(model, data, copies, tmp_path)
    training.run(StopRequest())
    assert training.progress.epochs == {"face": 2, "cartoon": 2}


def test_an_epoch_interrupted_at_any_step_goes_on_to_the_same_end(
    model: FAVAE, both: Dataset, make_trainer: Callable[..., VaeTrainer], identical: Identical
) -> None:
    begun = {name: value.clone() for name, value in model.networks.state_dict().items()}
    whole = tied(model, both, make_trainer)
    at_end, end = epoch(whole, Position()), everything(whole)
    assert whole.steps >= 3
    for step in range(1, whole.steps):
        model.networks.load_state_dict(begun)
        trainer, at = tied(model, both, make_trainer), Position()
        epoch(trainer, at, partial(reached, at, step))
        told = json.loads(json.dumps({name: vars(part) for name, part in at.parts.items()}))
        again = epoch(trainer, Position(at.step, {name: Totals(**part) for name, part in told.items()}))
        assert again == at_end
        assert identical(everything(trainer), end)


def test_a_recorded_epoch_is_the_plain_one(
    model: FAVAE,
    both: Dataset,
    make_trainer: Callable[..., VaeTrainer],
    identical: Identical,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = {name: value.clone() for name, value in model.networks.state_dict().items()}
    plain = tied(model, both, make_trainer)
    told, numbers = epoch(plain, Position()), everything(plain)
    model.networks.load_state_dict(begun)
    fast = tied(model, both, make_trainer)
    fast._records = True

    def runs_itself(work: Callable[[], None]) -> Callable[[], None]:
        work()
        return work

    monkeypatch.setattr(training_loop, "recorded", partial(recorded, record=runs_itself))
    assert epoch(fast, Position()) == told
    assert fast._recorded is not None
    assert identical(everything(fast), numbers)


@pytest.mark.slow
@pytest.mark.parametrize("gamma", [0, 1])
def test_stopped_within_a_round_it_goes_on_to_the_same_end(
    gamma: int, start: Callable[..., Training], identical: Identical, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = f"model.gamma={gamma}", "schedule.alone_epochs=1", "schedule.rounds=1", "schedule.round_epochs=2"
    tensors, records, state = finish(start("whole", *overrides))
    training, stop, steps = start("stopped", *overrides), StopRequest(), []
    learn = Trainer._learn

    def counted(trainer: Trainer, *arguments: Any) -> None:
        learn(trainer, *arguments)
        steps.append(trainer.name)
        stop.asked = len(steps) == 5

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_learn", counted)
        with pytest.raises(Interrupted):
            training.run(stop)
    assert steps == ["face"] * 3 + ["views" if gamma else "face"] * 2
    again = start("stopped", *overrides)
    assert (again.progress.stage, again.progress.position.step) == (1, 2)
    again_tensors, again_records, again_state = finish(again)
    assert identical(again_tensors, tensors)
    assert again_records == records
    assert again_state == state


def test_a_round_through_the_factors_predicts_better_than_views_that_learn_by_themselves(
    model: FAVAE, both: Dataset, make_trainer: Callable[..., VaeTrainer]
) -> None:
    trainer = tied(model, both, make_trainer)
    before = trainer.held_out(both, trainer.indices, Prior())
    for number in range(6):
        trainer.epoch(1, number, 6, Prior(), KLTerm(1.0), Position(), lambda: False)
    after = trainer.held_out(both, trainer.indices, Prior())
    for name in ("face", "cartoon"):
        assert after[name].means()["predictive"] > before[name].means()["predictive"] + 20
