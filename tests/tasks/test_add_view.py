"""A view that joins a trained run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import MachineConfig
from favae_cli.data import SPLITS, Dataset, load
from favae_cli.machine.runtime import prepare
from favae_cli.queries.given import Given
from favae_cli.tasks.trained_run import add_view
from favae_cli.training import checkpoint, factor_step
from favae_cli.training.trained_run import TrainedRun, load_run

Using = Callable[..., Path]
SHIPPED = yaml.safe_load((shipped_configs() / "task" / "add_view.yaml").read_text())["trainer"]


@pytest.fixture
def with_more(mixed_run: Path) -> Path:
    """Beside its table lies one with one more number, which another decides on, and holes in it."""
    return mixed_run


def loaded(folder: Path) -> TrainedRun:
    return load_run(folder, prepare(MachineConfig(device="cpu", precision="fp32", threads=1)))


def predicted(run: TrainedRun, view: str, given: str, values: np.ndarray) -> np.ndarray:
    return Given.of_table(run.factors, given, values).decoded(view)


@pytest.mark.slow
def test_real_columns_join_and_the_others_stay_to_the_last_bit(using: Using, with_more: Path) -> None:
    out = using(
        "task=add_view",
        "name=weighed",
        "++data.table=more.csv",
        "++data.views.weighed={kind: real, columns: [weight]}",
        run=with_more,
    )
    before, after = loaded(with_more), loaded(out)
    assert list(after.factors.views) == [*before.factors.views, "weighed"]
    asked = np.array([[0.02, 1.7e9, 6.0], [-0.01, np.nan, 3.0]])
    for view in ("bits", "labels", "numbers"):
        np.testing.assert_array_equal(
            predicted(before, view, "numbers", asked), predicted(after, view, "numbers", asked)
        )
    stored, again = (run.factors.networks.state_dict() for run in (before, after))
    assert all(torch.equal(value, again[name]) for name, value in stored.items())
    # It means something, and the other way round: price is predicted from it, in its units.
    low, high = predicted(after, "weighed", "numbers", np.array([[0.0, 1.7e9, 4.0], [0.0, 1.7e9, 6.0]]))[:, 0]
    assert 150 < low < high - 10 < 260
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["predict/weighed/r2"] > 0.5
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_what_joined_can_be_used_as_any_run(using: Using, with_more: Path) -> None:
    out = using(
        "task=add_view",
        "view@new=bernoulli",
        "name=seen",
        "++data.table=more.csv",
        "++data.views.seen={kind: binary, columns: [seen], binarise: {}, empty: missing}",
        run=with_more,
    )
    filled = using("task=impute", f"output={out / 'filled.csv'}", run=out)
    assert (filled / "imputed.csv").is_file()
    assert "seen" in pd.read_csv(out / "filled.csv").columns
    assert json.loads((using("task=evaluate", run=out) / "metrics.json").read_text())["predict/seen/auc"] > 0.8


@pytest.mark.slow
def test_samples_stay_in_their_split_though_a_further_file_joins(
    using: Using, with_more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several files the keys decide on the split; what the run has learned from must not become a test."""
    more = pd.read_csv(with_more.parent / "more.csv")[["id", "weight"]]
    more.sample(frac=1, random_state=0).to_csv(with_more.parent / "further.csv", index=False)
    seen: list[Dataset] = []
    monkeypatch.setattr(add_view, "evaluate", lambda session, split: seen.append(session.data))
    monkeypatch.setattr(factor_step, "learn_read_outs", lambda model, data: None)
    further = "++data.views.weighed={kind: real, table: further.csv, columns: [weight]}"
    using("task=add_view", "name=weighed", further, run=with_more)
    config = loaded(with_more).config
    before = load(config.data, config.cache, config.seed)
    for part in SPLITS:
        assert set(seen[0].keys[seen[0].split[part]]) == set(before.keys[before.split[part]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "batch_size", "epochs", "rates"),
    [
        ([], SHIPPED["batch_size"], 11, (1e-5, SHIPPED["learning_rate"])),  # the last rate is the run's
        (
            ["trainer.batch_size=40", "trainer.learning_rate=2e-6", "trainer.warm_up_steps=0", "schedule.rounds=1"],
            40,
            5,
            (2e-6, 2e-6),
        ),
    ],
)
def test_a_network_learns_in_steps_of_its_own(
    using: Using,
    with_more: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
    batch_size: int,
    epochs: int,
    rates: tuple[float, float],
) -> None:
    seen: list[Dataset] = []
    monkeypatch.setattr(add_view, "evaluate", lambda session, split: seen.append(session.data))
    days = "++data.views.days={kind: vector, columns: [day*]}"
    out = using("task=add_view", "name=days", days, "view@new=vector", "new.latent=4", *asked, run=with_more)
    steps = epochs * (len(seen[0].having("train", "days")) // batch_size)
    assert checkpoint.load(out / "checkpoints" / "last")[0]["optimizer/days/0/step"] == steps
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    learned = [line["learning_rate"] for line in lines if "learning_rate" in line]
    assert len(learned) == epochs
    np.testing.assert_allclose((min(learned), max(learned)), rates, rtol=0.25)
    assert loaded(out).config.trainer.weight_decay == loaded(with_more).config.trainer.weight_decay


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["name=bits"], "name: the run has a view bits already"),
        (["name=weighed"], "views.weighed: the data have no such view"),
        (
            ["name=weighed", "warm_start=bit", "++data.views.weighed={kind: real, columns: [weight]}"],
            "warm_start: no view bit; did you mean bits?",
        ),
        (
            ["name=weighed", "new.weight=2", "++data.views.weighed={kind: real, columns: [weight]}"],
            "views.weighed.weight: copies of the same numbers have the same noise; use 1 or less",
        ),
    ],
)
def test_mistakes_are_told(using: Using, with_more: Path, overrides: list[str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        using("task=add_view", "++data.table=more.csv", *overrides, run=with_more)
    assert str(caught.value).startswith(line)
