"""Whole runs, made tiny: the command line in, a folder of results out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import favae_cli
from favae_cli.cli import main

Metrics = dict[str, float]
Run = Callable[..., int]


def tiny(view: str, *more: str) -> list[str]:
    """Overrides with which any experiment takes seconds, `view` being the image view that it trains."""
    return [
        f"views.{view}.arch.channels=[8,16]",
        f"views.{view}.latent=8",
        "model.factors=8",
        "schedule.alone_epochs=1",
        "schedule.rounds=1",
        "schedule.round_epochs=1",
        "schedule.sweeps=20",
        "trainer.batch_size=16",
        "trainer.threads=1",
        "evaluation.judge.epochs=1",
        "evaluation.generate.per_combination=2",
        "evaluation.generate.show=2",
        "evaluation.edit.strengths=[1.0]",
        "evaluation.edit.images=8",
        "evaluation.edit.show=2",
        "evaluation.min_combination=1",
        "evaluation.reconstructions=2",
        *more,
    ]


AVATARS = [
    "experiment=avatars_condition",
    *tiny("face", "data.samples=96", "data.size=16"),
    "schedule.alone_epochs=5",
    "schedule.rounds=2",
    "schedule.round_epochs=2",
]


def favae_run(*arguments: str) -> int:
    """The exit code of a command line, in this process."""
    before, threads = sys.argv, torch.get_num_threads()
    sys.argv = ["favae-run"]
    try:
        return main(arguments)
    except SystemExit as ended:  # Hydra's way out of a run
        return int(ended.code or 0)
    finally:
        sys.argv = before
        torch.set_num_threads(threads)


def metrics_of(directory: Path) -> Metrics:
    metrics: Metrics = json.loads((directory / "metrics.json").read_text())
    return metrics


def untimed(metrics: Metrics) -> Metrics:
    """Without what depends on the machine's mood."""
    return {key: value for key, value in metrics.items() if not key.startswith(("seconds/", "images_per_second/"))}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, and give back what an entry point may change of the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.fixture(name="favae_run")
def favae_run_fixture() -> Run:
    return favae_run


@pytest.fixture(name="tiny", scope="session")
def tiny_fixture() -> Callable[..., list[str]]:
    return tiny


@pytest.fixture(scope="session")
def avatars() -> list[str]:
    """The command line of a tiny run on avatars."""
    return list(AVATARS)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a run, never interrupted; for looking at, not for writing to."""
    place = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("HYDRA_FULL_ERROR", "0")
        assert favae_run(*AVATARS) == 0
    (directory,) = (place / "outputs" / "avatars_condition").iterdir()
    return directory


@pytest.fixture(name="metrics_of", scope="session")
def metrics_of_fixture() -> Callable[[Path], Metrics]:
    return metrics_of


@pytest.fixture(name="untimed", scope="session")
def untimed_fixture() -> Callable[[Metrics], Metrics]:
    return untimed


@pytest.fixture
def begin() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command line in a process of its own; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        found = os.environ | {"PYTHONPATH": str(Path(favae_cli.__file__).parents[1])}
        command = [sys.executable, "-m", "favae_cli", *arguments]
        started.append(subprocess.Popen(command, env=found, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
