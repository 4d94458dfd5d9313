"""Task train: views of any kind are joined, scored and shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from favae_cli.cli import main
from favae_cli.common.errors import UserError
from favae_cli.config.trained_run_tasks import EvaluateConfig
from favae_cli.data import Dataset
from favae_cli.machine.runtime import prepare
from favae_cli.queries.samples import load_data
from favae_cli.tasks.session import Session
from favae_cli.tasks.train import evaluate
from favae_cli.training.trained_run import load_run

Using = Callable[..., Path]
VIEWS = {"numbers": "r2", "bits": "auc", "labels": "accuracy", "course": "r2", "remark": "f1"}


@pytest.fixture
def session(mixed_run: Path, tmp_path: Path) -> Session:
    """A trained model of views of five kinds."""
    machine = {"device": "cpu", "precision": "fp32", "threads": 1}
    asked = {"task": "evaluate", "run": mixed_run, "trainer": machine, "data": {}, "split": "test", "cache": tmp_path}
    config = EvaluateConfig.model_validate({**asked, "trust": False})
    trained = load_run(mixed_run, prepare(config.trainer))
    return Session(trained.config, tmp_path, trained.runtime, load_data(config, trained), trained.model)


@pytest.mark.slow
def test_views_of_any_kind_are_scored_in_their_own_measures(session: Session) -> None:
    evaluate(session, "test")
    found = session.metrics
    first = {view: found[f"predict/{view}/{measure}"] for view, measure in VIEWS.items()}
    shares = [found.get(f"predict/{view}/r2", found.get(f"predict/{view}/brier_skill")) for view in VIEWS]
    assert found["predict/mean"] == pytest.approx(np.mean([share for share in shares if share is not None]))
    assert "predict/numbers/coverage" in found
    assert first["bits"] > 0.8
    assert first["labels"] > 0.6
    # Only views with a VAE come back from an embedding of their own.
    rebuilt = {key.split("/")[1] for key in found if key.endswith("/log_likelihood")}
    assert rebuilt == {"course", "remark"}
    assert {"test/course/r2", "test/remark/f1", "test/bits/sold/auc", "test/bits/auc", "factors/active"} <= set(found)
    assert "test/numbers/r2" not in found
    cards = {name for name in session.pictures if name.startswith("factor_")}
    assert len(cards) == 1
    of_tables = {"calibration", "explained", "map", "presence", "top_columns"}
    predictions = {f"prediction_{name}" for name in VIEWS if name != "remark"}
    assert {*session.pictures} - cards == {"relevance", "reliability_bits"} | predictions | of_tables
    kept = {path.stem: pd.read_csv(path) for path in (session.directory / "results").iterdir()}
    assert set(kept) == {"calibration", "categories", "columns", "explained", "presence", "top_columns"}
    assert kept["columns"].query("view == 'numbers'")["score"].mean() == pytest.approx(found["predict/numbers/r2"])
    assert json.loads((session.directory / "metrics.json").read_text()) == found


def only(data: Dataset, every: Callable[[int], np.ndarray]) -> Dataset:
    """The data with each view there for some samples only, by its place among the views."""
    views = {
        name: replace(view, row=np.where(every(place), view.row, -1))
        for place, (name, view) in enumerate(data.views.items())
    }
    return replace(data, views=views)


def test_samples_that_have_one_view_each_are_refused(session: Session) -> None:
    number = np.arange(len(session.data.keys))
    session.data = only(session.data, lambda place: number % 5 == place)
    with pytest.raises(UserError, match=r"data\.split: fewer than 2 test samples have two of the views numbers, bits"):
        evaluate(session, "test")


@pytest.mark.slow
def test_a_run_is_scored_again_on_all_its_data(using: Using, mixed_run: Path) -> None:
    made = using("task=evaluate", "split=all", run=mixed_run)
    metrics = json.loads((made / "metrics.json").read_text())
    assert "all/course/r2" in metrics
    report = (made / "report.html").read_text()
    assert "Prediction" in report
    assert "Reconstruction" in report


WINE = """\
# @package _global_
defaults:
{views}
  - override /task: train
  - override /data: bundled

model: {{factors: 6}}
schedule: {{sweeps: 40}}
trainer: {{threads: 1}}
evaluation: {{cards: 1}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("views", "score"),
    [
        ({"numbers": "real", "categories": "categorical"}, "predict/categories/accuracy"),
        ({"numbers": "real"}, "predict/numbers/r2"),
    ],
)
def test_a_table_with_holes_is_trained_without_any_network_and_imputed(
    views: dict[str, str], score: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = tmp_path / "configs" / "experiment" / "mine.yaml"
    experiment.parent.mkdir(parents=True)
    lines = [f"  - /view@views.{name}: {kind}" for name, kind in views.items()]
    experiment.write_text(WINE.format(views="\n".join(lines)))

    def favae_run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["favae-run"])
        assert main(arguments) == 0

    favae_run("experiment=mine", "hydra.run.dir=run")
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics[score] > 0.2
    assert metrics["predict/mean"] > 0.1
    assert "prediction" in Path("run/report.html").read_text().lower()
    favae_run("task=impute", "run=run", "output=filled.parquet", "trainer.threads=1", "hydra.run.dir=used")
    assert not pd.read_parquet("filled.parquet").isna().any(axis=None)
