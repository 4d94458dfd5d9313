"""The schedule as a whole: what it does when, and that a run killed around any checkpoint ends the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.common.errors import Interrupted
from favae_cli.common.pace import Pace
from favae_cli.data import Dataset
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training import checkpoint, factor_step, schedule
from favae_cli.training.epoch_state import Totals
from favae_cli.training.records import read_records
from favae_cli.training.run_state import under
from favae_cli.training.schedule import Training
from favae_cli.views import VaeView

Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]
End = tuple[dict[str, torch.Tensor], list[dict[str, Any]], dict[str, Any]]
Finish = Callable[[Training], End]


class Killed(BaseException):
    """Stands for SIGKILL."""


def test_views_train_alone_then_in_rounds_between_factors(finished: tuple[Training, End]) -> None:
    training, (_, records, state) = finished
    told = [(r["kind"], r.get("round"), r.get("epoch")) for r in records]
    assert told == [
        ("epoch", 0, 1),
        ("epoch", 0, 2),
        ("round", 1, None),
        ("epoch", 1, 3),
        ("round", 2, None),
        ("epoch", 2, 4),
        ("round", 3, None),
    ]
    assert state["before"] == {"joined": 0.0}
    assert training.progress.finished
    assert training.model.joined.factors >= 1
    assert checkpoint.exists(training.best)


def test_alone_the_prior_is_standard_and_in_the_rounds_it_is_expected_from_the_others(
    finished: tuple[Training, End], data: Dataset
) -> None:
    training, _ = finished
    prior = training.priors["face"]["train"]
    assert prior.mean is not None
    assert prior.mean.shape == (len(data.having("train", "face")), 3)
    # Samples with the same attributes get the same prediction, others another one; those without any the bias.
    labels = [tuple(row) for row in np.nan_to_num(_labels(data), nan=-1)]
    means = {
        label: {tuple(np.round(m, 5)) for m, other in zip(prior.mean, labels, strict=True) if other == label}
        for label in labels
    }
    assert all(len(found) == 1 for found in means.values())


def _labels(data: Dataset) -> np.ndarray:
    indices = data.having("train", "face")
    table = np.full((len(indices), 2), np.nan)
    here = data.views["attributes"].present[indices]
    table[here] = data.views["attributes"].gather(indices[here])
    return table


@pytest.mark.slow
def test_patience_ends_the_training_alone(start: Callable[..., Training]) -> None:
    still = "trainer.learning_rate=1e-30", "trainer.final_learning_rate=0", "schedule.alone_epochs=50"
    training = start("run", *still, "schedule.patience=2", "schedule.rounds=1", "schedule.round_epochs=0")
    training.run(StopRequest())
    # Batch norm's averages still move for a while, whatever the weights do.
    assert training.progress.epochs["face"] < 50


@pytest.mark.parametrize(("beta", "epochs"), [pytest.param(0.1, 5, marks=pytest.mark.slow), (1.0, 3)])
def test_alone_an_epoch_is_judged_by_what_is_trained(
    beta: float, epochs: int, start: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a nat of KL costs says whether an epoch that spends two on one of likelihood is better."""
    monkeypatch.setattr(VaeView, "usual_beta", beta)
    numbers = count(1)

    def tested(*_: Any) -> dict[str, Totals]:
        number = next(numbers)
        return {"face": Totals(log_likelihood=float(number), kl=2.0 * number, count=1)}

    training = start(
        "run", "schedule.alone_epochs=5", "schedule.patience=2", "schedule.rounds=1", "schedule.round_epochs=0"
    )
    monkeypatch.setattr(training.trainers["face"], "test", tested)
    training.run(StopRequest())
    assert training.progress.epochs["face"] == epochs


@pytest.fixture
def worse_and_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The more the networks learn, the lower is their score."""
    monkeypatch.setattr(schedule, "score", lambda means, beta=1.0: -means["log_likelihood"])


@pytest.mark.parametrize("model", [pytest.param("fa_vae", marks=pytest.mark.slow), "vae"])
def test_what_runs_out_of_patience_goes_back_to_its_best(
    model: str, start: Callable[..., Training], data: Dataset, worse_and_worse: None
) -> None:
    limits = "schedule.alone_epochs=20", "schedule.rounds=20", "schedule.round_epochs=1"
    training = start("run", f"model={model}", "schedule.patience=2", *limits)
    training.run(StopRequest())
    told = read_records(training.last.parents[1], "epoch")
    alone, rounds = (
        [-record["validation/log_likelihood"] for record in told if record["phase"] == phase]
        for phase in ("alone", "round")
    )
    assert len(alone) - 1 - np.argmax(alone) == 2
    if model == "fa_vae":
        assert training.progress.stale == {"views": 2}
        assert training.progress.best["views"] >= max(rounds) > min(rounds)
    shown = data.views["face"].values
    made = _reconstructed(training, shown)
    training.model.networks.load_state_dict(under(checkpoint.load(training.best)[0], "networks/"))
    np.testing.assert_allclose(made, _reconstructed(training, shown), atol=1e-5)


def test_the_start_of_the_rounds_stays_where_nothing_better_comes(
    start: Callable[..., Training], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = count(0, -1)
    monkeypatch.setattr(schedule, "score", lambda means, beta=1.0: next(worse))
    training = start("run", "schedule.patience=1", "schedule.alone_epochs=1")
    training.run(StopRequest())
    assert training.progress.epochs["face"] == 1 + 1
    shown = data.views["face"].values
    made = _reconstructed(training, shown)
    training.model.networks.load_state_dict(under(checkpoint.load(training.alone)[0], "networks/"))
    np.testing.assert_allclose(made, _reconstructed(training, shown), atol=1e-5)


@pytest.mark.slow
def test_published_rounds_are_as_many_as_the_schedule_says(
    start: Callable[..., Training], worse_and_worse: None
) -> None:
    training = start("run", "model=fa_vae_published", "schedule.patience=1", "schedule.alone_epochs=1")
    training.run(StopRequest())
    assert training.progress.epochs["face"] == 1 + 2


def _reconstructed(training: Training, shown: np.ndarray) -> np.ndarray:
    view = training.model.views["face"]
    assert isinstance(view, VaeView)
    return view.decode(view.encode(shown).mean)  # whatever the scale of z


def test_rounds_are_judged_by_what_the_other_views_foretell(finished: tuple[Training, End]) -> None:
    training, (_, records, _) = finished
    rounds = [record for record in records if record.get("phase") == "round"]
    assert training.progress.best["views"] == max(record["validation/predictive"] for record in rounds)


@pytest.mark.slow
def test_rounds_end_once_the_bound_stays(start: Callable[..., Training]) -> None:
    training = start("run", "schedule.rounds=9", "schedule.round_epochs=0", "schedule.tolerance=1.0")
    training.run(StopRequest())
    assert len(training.progress.bounds) == 3


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.slow
def test_killed_around_any_checkpoint_the_end_is_the_same(
    when: str,
    start: Callable[..., Training],
    identical: Identical,
    monkeypatch: pytest.MonkeyPatch,
    finish: Finish,
    worse_and_worse: None,
) -> None:
    saved = 0
    save = checkpoint.save

    def counted(*arguments: Any, **named: Any) -> None:
        nonlocal saved
        save(*arguments, **named)
        saved += 1

    monkeypatch.setattr(checkpoint, "save", counted)
    tensors, records, state = finish(start("whole", "schedule.patience=1"))
    saves = saved
    assert saves >= 8
    # Before the odd ones and after the even ones: twice as many would show the same places once more.
    for number in range(int(when == "before"), saves, 2):
        left = number

        def cut_off(*arguments: Any, **named: Any) -> None:
            nonlocal left
            if when == "after":
                save(*arguments, **named)
            if left == 0:
                raise Killed
            left -= 1
            if when == "before":
                save(*arguments, **named)

        monkeypatch.setattr(checkpoint, "save", cut_off)
        with pytest.raises(Killed):
            start(f"killed {number}", "schedule.patience=1").run(StopRequest())
        monkeypatch.setattr(checkpoint, "save", save)
        its_tensors, its_records, its_state = finish(start(f"killed {number}", "schedule.patience=1"))
        assert identical(its_tensors, tensors), f"checkpoint {number}"
        assert its_records == records
        assert its_state == state


@pytest.mark.slow
def test_asked_to_stop_it_saves_within_the_epoch_and_goes_on_from_there(
    start: Callable[..., Training], identical: Identical, finish: Finish
) -> None:
    whole = start("whole")
    tensors, records, _ = finish(whole)
    steps = whole._alone_trainers["face"].steps
    for wanted in range(1, 4 * steps, 3):
        training, stop = start(f"stopped {wanted}"), StopRequest()
        _ask_after(training, wanted, stop)
        with pytest.raises(Interrupted):
            training.run(stop)
        place = training.progress.position.step + training.progress.epochs.get("face", 0) * steps
        assert place == wanted
        its_tensors, its_records, _ = finish(start(f"stopped {wanted}"))
        assert identical(its_tensors, tensors)
        assert its_records == records


def _ask_after(training: Training, steps: int, stop: StopRequest) -> None:
    """Ask to stop once so many optimiser steps are done, alone and in the rounds, as a signal would."""
    left = steps

    def counted(step: Callable[[], Any]) -> Any:
        nonlocal left
        left -= 1
        stop.asked = stop.asked or left == 0
        return step()

    for trainer in (training._alone_trainers["face"], training._joined):
        trainer.optimizer.step = partial(counted, trainer.optimizer.step)  # type: ignore[method-assign]


def test_a_finished_run_is_left_as_it_is(
    finished: tuple[Training, End],
    start: Callable[..., Training],
    identical: Identical,
    finish: Finish,
    tmp_path: Path,
) -> None:
    training, first = finished
    shutil.copytree(training.last.parents[1], tmp_path / "run")
    again = finish(start("run"))
    assert identical(again[0], first[0])
    assert again[1:] == first[1:]


def test_the_bound_is_told_term_by_term(finished: tuple[Training, End]) -> None:
    _, (_, records, _) = finished
    for record in records:
        if record["kind"] == "round":
            terms = [value for key, value in record.items() if key.startswith("bound/")]
            assert sum(terms) == pytest.approx(record["bound"])
            assert {"bound/x/face", "tau/face", "tau/attributes", "factors/active"} <= set(record)


@pytest.mark.slow
def test_the_bound_of_many_samples_is_told_from_some(
    finished: tuple[Training, End], start: Callable[..., Training], finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [record for record in finished[1][1] if record["kind"] == "round"]
    monkeypatch.setattr(factor_step, "PROBED", 24)
    some = [record for record in finish(start("some"))[1] if record["kind"] == "round"]
    for one, other in zip(whole, some, strict=True):
        assert one["bound/x/face"] != other["bound/x/face"]
        assert one["bound/x/face"] == pytest.approx(other["bound/x/face"], rel=0.3)
        assert one["tau/face"] == other["tau/face"]


def test_every_round_begins_with_an_embedding_of_unit_scale(finished: tuple[Training, End], data: Dataset) -> None:
    training, _ = finished
    encoded = training.model.encode(data, data.having("train", "face"))["face"]
    assert encoded.mean.var(axis=0).mean() + encoded.variance.mean() == pytest.approx(1, rel=1e-3)


def test_a_view_counts_as_many_copies_of_itself_as_the_config_says(start: Callable[..., Training]) -> None:
    training = start("run", "views.attributes.weight=7", "schedule.alone_epochs=0", "schedule.rounds=1")
    training.run(StopRequest())
    assert isinstance(training.model, FAVAE)
    assert {name: view.copies for name, view in training.model.joined.views.items()} == {"face": 1.0, "attributes": 7.0}


@pytest.mark.slow
def test_of_many_quick_epochs_the_first_and_the_last_are_told(
    start: Callable[..., Training], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Pace, "due", lambda self: False)  # whatever machine this is
    caplog.set_level("INFO", "favae_cli")
    asked = "schedule.alone_epochs=6", "schedule.rounds=1", "schedule.round_epochs=0", "schedule.patience=null"
    start("run", *asked).run(StopRequest())
    told = [line.partition("  ELBO")[0] for line in caplog.messages if "  epoch " in line]
    assert told == ["face alone  epoch 1", "face alone  epoch 6"]
