"""Schedules other than FA-VAE's own: VAEs alone, rounds alone, what the KL counts, and splits that are only watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.config.run import ScheduleConfig
from favae_cli.data import Dataset
from favae_cli.training import checkpoint
from favae_cli.training.schedule import Training
from favae_cli.training.trainer import Trainer
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views.objective import KLTerm

Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]
End = tuple[dict[str, torch.Tensor], list[dict[str, Any]], dict[str, Any]]
Finish = Callable[[Training], End]


def told_epochs(records: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(record["phase"], record["round"], record["epoch"]) for record in records if record["kind"] == "epoch"]


@pytest.mark.parametrize("model", ["vae", "beta_vae"])
def test_a_vae_goes_through_all_epochs_alone_and_is_joined_at_the_end(
    model: str, start: Callable[..., Training], finish: Finish
) -> None:
    training = start("run", f"model={model}")
    _, records, state = finish(training)
    # As many as FA-VAE has alone (2) and in its rounds (2 x 1).
    assert told_epochs(records) == [("alone", 0, 1), ("alone", 0, 2), ("alone", 0, 3), ("alone", 0, 4)]
    assert [record["kind"] for record in records[4:]] == ["round"]
    assert state["before"] == {"joined": 0.0}
    assert set(training.model.joined.views) == {"face", "attributes"}
    assert training.priors["face"]["train"].mean is not None


def test_a_single_view_has_nothing_to_be_joined_with(start: Callable[..., Training], finish: Finish) -> None:
    training = start("run", "model=vae", views=("face",))
    _, records, _ = finish(training)
    assert [record["kind"] for record in records] == ["epoch"] * 4
    assert training.model.factors is None
    assert training.progress.finished
    assert checkpoint.exists(training.best)
    again = start("run", "model=vae", views=("face",))
    assert finish(again)[1] == records


@pytest.mark.slow
def test_a_schedule_of_its_own_takes_the_place_of_the_configs(start: Callable[..., Training], finish: Finish) -> None:
    _, records, _ = finish(start("run", plan=lambda s: s.model_copy(update={"alone_epochs": 1, "rounds": 3})))
    assert told_epochs(records) == [("alone", 0, 1), ("round", 1, 2), ("round", 2, 3), ("round", 3, 4)]


class Seen:
    """What the trainer of the faces was shown and asked, step by step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[list[int]] = []
        self.noise: list[torch.Tensor] = []
        self.terms: list[KLTerm] = []
        inputs, epoch = VaeTrainer.inputs, Trainer.epoch

        def watched_inputs(
            trainer: VaeTrainer, rows: np.ndarray, drawn: torch.Tensor, prior: Any
        ) -> dict[str, torch.Tensor]:
            self.rows.append(rows.tolist())
            self.noise.append(drawn)
            return inputs(trainer, rows, drawn, prior)

        def watched_epoch(
            trainer: Trainer, stage: int, number: int, epochs: int, prior: Any, term: KLTerm, *rest: Any
        ) -> bool:
            self.terms.append(term)
            return epoch(trainer, stage, number, epochs, prior, term, *rest)

        monkeypatch.setattr(VaeTrainer, "inputs", watched_inputs)
        monkeypatch.setattr(Trainer, "epoch", watched_epoch)


@pytest.mark.slow
@pytest.mark.parametrize("alone_epochs", [0, 2])
def test_rounds_without_a_time_alone_see_what_a_vae_alone_sees(
    alone_epochs: int, start: Callable[..., Training], monkeypatch: pytest.MonkeyPatch, finish: Finish
) -> None:
    overrides = f"schedule.alone_epochs={alone_epochs}", "schedule.round_epochs=2", "model.gamma=0"
    runs, rates = [], []
    for folder, views, plan in (
        ("rounds", ("face", "attributes"), lambda schedule: schedule),
        ("alone", ("face",), ScheduleConfig.alone),
    ):
        with monkeypatch.context() as patch:
            seen = Seen(patch)
            _, records, _ = finish(start(folder, *overrides, views=views, plan=plan))
        runs.append(seen)
        rates.append([record["learning_rate"] for record in records if record["kind"] == "epoch"])
    rounds, alone = runs
    assert len(rounds.rows) == len(alone.rows) == (alone_epochs + 4) * 3
    # After a time alone the rounds have an order and a learning rate of their own.
    assert (rounds.rows == alone.rows) == (alone_epochs == 0)
    assert (rates[0] == rates[1]) == (alone_epochs == 0)
    if alone_epochs == 0:
        assert all(torch.equal(one, other) for one, other in zip(rounds.noise, alone.noise, strict=True))


@pytest.mark.parametrize(
    ("overrides", "terms"),
    [
        (["model.beta=6"], [KLTerm(0.5)] * 2 + [KLTerm(6.0)] * 2),
        pytest.param(["model.beta=6", "model.gamma=0"], [KLTerm(0.5)] * 2 + [KLTerm(6.0)] * 2, marks=pytest.mark.slow),
        pytest.param(["model=vae"], [KLTerm(0.5)] * 4, marks=pytest.mark.slow),
        pytest.param(["model=beta_vae", "model.beta=6"], [KLTerm(6.0, 0.0, 20)] * 4, marks=pytest.mark.slow),
        (["model=beta_vae", "model.beta=6", "model.capacity=9", "model.growth=3"], [KLTerm(6.0, 9.0, 3)] * 4),
    ],
    ids=["fa_vae", "published", "vae", "beta_vae", "capacity"],
)
def test_the_kl_counts_as_the_model_says(
    overrides: list[str],
    terms: list[KLTerm],
    start: Callable[..., Training],
    monkeypatch: pytest.MonkeyPatch,
    finish: Finish,
) -> None:
    seen = Seen(monkeypatch)
    finish(start("run", "schedule.alone_beta=0.5", *overrides))
    assert seen.terms == terms


# Splits that are only looked at


@pytest.mark.slow
def test_a_watched_split_is_told_after_every_epoch_and_teaches_nothing(
    start: Callable[..., Training], identical: Identical, data: Dataset, finish: Finish, finished: tuple[Training, End]
) -> None:
    watching = start("watched", watched=("test",))
    tensors, records, _ = finish(watching)
    _, (plain_tensors, plain_records, _) = finished
    own = [name for name in tensors if name.startswith("prior/face/test/")]
    assert own
    assert identical({name: value for name, value in tensors.items() if name not in own}, plain_tensors)
    tested = ("test/elbo", "test/log_likelihood", "test/kl")
    unseen = [{key: value for key, value in record.items() if not key.startswith("test/")} for record in records]
    assert unseen == plain_records
    epochs = [record for record in records if record["kind"] == "epoch"]
    assert all(math.isfinite(record[key]) for record in epochs for key in tested)
    assert all(record["test/elbo"] == record["test/log_likelihood"] - record["test/kl"] for record in epochs)
    # Its samples meet the priors of their own attributes, of which the last round's are still there.
    assert len(watching.priors["face"]["test"].mean) == len(data.having("test", "face"))
    # Not the validation samples under another name.
    assert all(record["test/elbo"] != record["validation/elbo"] for record in epochs)
