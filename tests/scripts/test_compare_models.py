"""One table of several models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

METRICS = {
    "vae-0": {
        "before/test/face/r2_mean": 0.5,
        "test/face/r2_mean": 0.9,
        "test/cartoon/r2_mean": 0.8,
        "translate/face-cartoon/r2": 0.25,
        "translate/face-cartoon/top1": 0.125,
        "translate/face-cartoon/median_rank": 7.0,
        "seconds/alone": 60.25,
        "seconds/factors": 40.0,
        "seconds/evaluation": 9.0,
    },
    "vae-1": {
        "test/face/r2_mean": 0.7,
        "test/cartoon/r2_mean": 0.8,
        "translate/face-cartoon/r2": 0.75,
    },
    "fa-0": {
        "test/face/r2_mean": 0.4,
        "test/cartoon/r2_mean": 0.3,
        "translate/face-cartoon/r2": 0.3125,
        "translate/face-cartoon/top1": 0.5,
        "translate/face-cartoon/median_rank": 0.0,
        "translate/face-cartoon/agreement": 0.75,
        "translate/face-cartoon/log_likelihood": -2000.0,
        "seconds/factors": 3.0,
    },
}
METRICS["fa-1"] = METRICS["fa-0"]


@pytest.fixture
def compare(script: Callable[[str], ModuleType], runs: Any, tmp_path: Path) -> Callable[..., int]:
    runs.metrics = METRICS.__getitem__
    module = script("compare_models")
    return lambda models, *overrides: module.main(
        ["avatars_adapt", *overrides, "--models", models, "--out", str(tmp_path)]
    )


def table(folder: Path) -> list[dict[str, str]]:
    """The cells of table.md by their column, row by row."""
    head, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in (folder / "table.md").read_text().splitlines()
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_the_table_has_a_row_for_every_model(
    compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare("vae,fa") == 0
    vae, fa = table(tmp_path / "avatars_adapt")
    assert [vae[name] for name in ("model", "seeds", "R2 face", "R2 cartoon")] == ["vae", "1", "0.900", "0.800"]
    assert vae["seconds"] == "100.2"  # of training, not of evaluation
    assert [row["agreement face-cartoon"] for row in (vae, fa)] == ["-", "0.750"]
    assert fa["log_likelihood face-cartoon"] == "-2,000"
    assert "| fa | 1 |" in capsys.readouterr().out


def test_several_seeds_are_told_by_mean_and_spread_and_one_by_one(compare: Callable[..., int], tmp_path: Path) -> None:
    assert compare("vae,fa", "--seeds", "0,1") == 0
    vae, fa = table(tmp_path / "avatars_adapt")
    assert [vae["seeds"], vae["R2 face"], vae["r2 face-cartoon"]] == ["2", "0.800 ± 0.141", "0.500 ± 0.354"]
    assert fa["top1 face-cartoon"] == "0.500 ± 0.000"
    cells = pd.read_csv(tmp_path / "avatars_adapt" / "cells.csv", index_col=["model", "seed", "measure"])["value"]
    assert cells["vae", 1, "r2 face-cartoon"] == 0.75
    assert ("vae", 0, "agreement face-cartoon") not in cells.index


def test_every_model_gets_the_rule_the_overrides_and_a_folder(
    compare: Callable[..., int], runs: Any, tmp_path: Path
) -> None:
    compare("vae,fa", "data.samples=9")
    run = tmp_path / "avatars_adapt" / "fa-0"
    asked = "experiment=avatars_adapt", "model=fa", "seed=0", "schedule.patience=8", "data.samples=9"
    assert runs.calls[1] == [*asked, f"hydra.run.dir={run}"]
    compare("fa", "data.samples=9")
    assert len(runs.calls) == 2


def test_another_patience_takes_the_place_of_the_rules(compare: Callable[..., int], runs: Any) -> None:
    compare("vae", "schedule.patience=3")
    assert [part for part in runs.calls[0] if part.startswith("schedule.")] == ["schedule.patience=3"]


def test_a_model_that_fails_is_left_out(compare: Callable[..., int], runs: Any, tmp_path: Path) -> None:
    runs.codes = {"vae-0": 2}
    assert compare("vae,fa") == 2
    assert [row["model"] for row in table(tmp_path / "avatars_adapt")] == ["fa"]


def test_there_is_no_table_of_nothing(compare: Callable[..., int], runs: Any, tmp_path: Path) -> None:
    runs.codes = {"vae-0": 2}
    assert compare("vae") == 2
    assert not (tmp_path / "avatars_adapt" / "table.md").exists()


@pytest.mark.slow
def test_a_real_run_is_known_again(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What favae-run leaves behind is what the script takes for finished, with the settings that it gave."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
    monkeypatch.chdir(tmp_path)
    small = ["data.samples=80", "data.size=16", "model.factors=4", "schedule.sweeps=5", "trainer.threads=1"]
    small += ["evaluation.figures=false"]
    arguments = ["avatars_adapt", *small, "--models", "fa", "--out", "runs"]
    module, steps = script("compare_models"), script("steps")
    assert module.main(arguments) == 0
    assert "| fa |" in Path("runs/avatars_adapt/table.md").read_text()
    monkeypatch.setattr(steps, "favae_run", lambda arguments: pytest.fail(f"run again: {arguments}"))
    assert module.main(arguments) == 0
