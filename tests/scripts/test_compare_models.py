"""One table of several models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

METRICS = {
    "vae": {
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
    "fa": {
        "test/face/r2_mean": 0.4,
        "test/cartoon/r2_mean": 0.3,
        "translate/face-cartoon/r2": 0.3125,
        "translate/face-cartoon/top1": 0.5,
        "translate/face-cartoon/median_rank": 0.0,
        "translate/face-cartoon/agreement": 0.75,
        "seconds/factors": 3.0,
    },
}


@pytest.fixture
def compare(script: Callable[[str], ModuleType], runs: Any, tmp_path: Path) -> Callable[..., int]:
    runs.metrics = METRICS.__getitem__
    module = script("compare_models")
    return lambda models, *overrides: module.main(
        ["avatars_adapt", *overrides, "--models", models, "--out", str(tmp_path)]
    )


def test_the_table_is_kept_as_markdown_and_csv(
    compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare("vae,fa") == 0
    folder = tmp_path / "avatars_adapt"
    table = pd.read_csv(folder / "table.csv", index_col="model")
    assert list(table.index) == ["vae", "fa"]
    assert table.loc["vae", "R2 cartoon"] == 0.8
    assert table.loc["vae", "seconds"] == 100.25  # of training, not of evaluation
    assert table["agreement face-cartoon"].isna()["vae"]
    assert table.loc["fa", "agreement face-cartoon"] == 0.75
    lines = (folder / "table.md").read_text().splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:4]] == ["model", "R2 face", "R2 cartoon"]
    assert lines[2] == "| vae | 0.900 | 0.800 | 0.250 | 0.125 | - | 7 | - | 100.2 |"
    assert lines[3] == "| fa | 0.400 | 0.300 | 0.312 | 0.500 | - | 0.000 | 0.750 | 3 |"
    assert "\n".join(lines) in capsys.readouterr().out


def test_every_model_gets_the_overrides_and_a_folder(compare: Callable[..., int], runs: Any, tmp_path: Path) -> None:
    compare("vae,fa", "data.samples=9", "seed=3")
    run = tmp_path / "avatars_adapt" / "fa"
    assert runs.calls[1] == [
        *("experiment=avatars_adapt", "model=fa", "data.samples=9", "seed=3"),
        f"hydra.run.dir={run}",
    ]
    compare("fa", "data.samples=9", "seed=3")
    assert len(runs.calls) == 2


def test_a_model_that_fails_is_left_out(compare: Callable[..., int], runs: Any, tmp_path: Path) -> None:
    runs.codes = {"vae": 2}
    assert compare("vae,fa") == 2
    assert list(pd.read_csv(tmp_path / "avatars_adapt" / "table.csv")["model"]) == ["fa"]


def test_there_is_no_table_of_nothing(compare: Callable[..., int], runs: Any, tmp_path: Path) -> None:
    runs.codes = {"vae": 2}
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
    small += ["evaluation.translate.show=1", "evaluation.translate.steps=3", "evaluation.reconstructions=1"]
    arguments = ["avatars_adapt", *small, "--models", "fa", "--out", "runs"]
    module, steps = script("compare_models"), script("steps")
    assert module.main(arguments) == 0
    assert "| fa |" in Path("runs/avatars_adapt/table.md").read_text()
    monkeypatch.setattr(steps, "favae_run", lambda arguments: pytest.fail(f"run again: {arguments}"))
    assert module.main(arguments) == 0
