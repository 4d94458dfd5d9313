"""What the task says of a run that nobody works on: how it goes on, if it does."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from favae_cli import FAVAE
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.standing import Ending, Sign, Standing
from favae_cli.config.aside_tasks import StatusConfig
from favae_cli.config.folders import shipped_configs
from favae_cli.tasks.status import status


def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    status(StatusConfig(task="status", run=folder, count=20))
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def composed() -> DictConfig:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return compose("run", ["experiment=wine_views"]).copy()


def leave(folder: Path, composed: DictConfig, ending: Ending = "stopped") -> Path:
    """A run with this config that ended so."""
    run = RunFolder(folder)
    run.hydra.mkdir()
    OmegaConf.save(composed, run.config)
    Sign(Standing("alone"), time.time(), ending).write(folder)
    return folder


def test_a_run_goes_on_as_it_may(composed: DictConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(leave(tmp_path, composed), capsys)[-1] == f"goes on by: favae-run resume={tmp_path}"


def test_one_that_looks_outside_of_its_config_needs_trust(
    composed: DictConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed.cache = "${oc.env:HOME}/cache"
    (last,) = [line for line in said(leave(tmp_path, composed), capsys) if line.startswith("goes on by")]
    assert last == f"goes on by: favae-run resume={tmp_path} trust=true"


def test_one_that_resume_would_refuse_does_not_go_on(
    composed: DictConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed.score = "foo"
    assert not any("goes on by" in line for line in said(leave(tmp_path, composed, "failed"), capsys))


def test_a_folder_that_cannot_be_read_is_passed_over(
    composed: DictConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], others_unreadable: None
) -> None:
    for name in ("mine", "others"):
        (tmp_path / name).mkdir()
    leave(tmp_path / "mine", composed)
    rows = {line.split()[0]: line.split()[1:3] for line in said(tmp_path, capsys)[2:] if line}
    assert rows["mine"][0] == "stopped"
    assert rows["others"] == ["not", "readable"]


def test_a_fit_in_python_has_finished_and_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = {"a": np.random.default_rng(0).normal(size=(30, 3)), "b": np.random.default_rng(1).normal(size=(30, 2))}
    FAVAE(factors=2, rounds=1, device="cpu", directory=tmp_path / "fit", overrides=["schedule.sweeps=5"]).fit(X)
    assert said(tmp_path / "fit", capsys) == [f"{tmp_path / 'fit'}: finished"]
    RunFolder(tmp_path / "fit").progress.unlink()
    assert not any("goes on by" in line for line in said(tmp_path / "fit", capsys))  # its data are gone
