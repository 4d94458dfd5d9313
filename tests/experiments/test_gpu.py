"""Every task on a GPU, from the command line. Without one these are skipped; `make test-gpu` runs them alone."""

from __future__ import annotations

import math
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

Metrics = dict[str, float]
Run = Callable[..., int]
Begin = Callable[..., subprocess.Popen[str]]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]
DEVICE = "trainer.device=cuda"
PLAIN = "cannot be a CUDA graph"

VIEWS = """# @package _global_
# Texts, sequences and numbers about the same samples
defaults:
  - /view@views.remark: text
  - /view@views.gait: sequence
  - /view@views.walk: sequence
  - /view@views.numbers: real
  - override /task: train
  - override /data: manifest
  - override /arch@views.walk.arch: conv1d

data:
  root: .
  table: table.csv
  views:
    remark: {kind: text, column: remark}
    gait: {kind: sequence, columns: [step_*]}
    walk: {kind: sequence, columns: [step_*]}
    numbers: {kind: real, columns: [a, b]}
model: {factors: 4}
schedule: {alone_epochs: 2, rounds: 1, round_epochs: 1, sweeps: 20}
evaluation: {cards: 1}
"""


@pytest.fixture(scope="module")
def conditioned(tmp_path_factory: pytest.TempPathFactory, avatars: list[str], favae_run_anywhere: Run) -> Path:
    """A finished run of task condition."""
    directory = tmp_path_factory.mktemp("gpu") / "conditioned"
    assert favae_run_anywhere(*avatars, DEVICE, f"hydra.run.dir={directory}") == 0
    return directory


def trained(directory: Path, metrics_of: Callable[[Path], Metrics], plain: tuple[str, ...] = ()) -> Metrics:
    """Finite metrics of a run whose steps were graphs, but for those of the models or views in `plain`."""
    metrics = metrics_of(directory)
    assert [key for key, value in metrics.items() if not math.isfinite(value)] == []
    told = [line for line in (directory / "run.log").read_text().splitlines() if PLAIN in line]
    assert len(told) == len(plain)
    assert all(any(f"{name}: the training step" in line for line in told) for name in plain)
    return metrics


def test_condition(conditioned: Path, metrics_of: Callable[[Path], Metrics]) -> None:
    assert {"test/face/r2", "generate/accuracy", "edit/flip"} <= set(trained(conditioned, metrics_of))


def test_evaluate_gives_the_numbers_of_the_run(
    conditioned: Path, favae_run: Run, metrics_of: Callable[[Path], Metrics]
) -> None:
    assert favae_run("task=evaluate", f"run={conditioned}", DEVICE, "hydra.run.dir=scored") == 0
    again, once = metrics_of(Path("scored")), metrics_of(conditioned)
    assert again["test/face/r2"] == pytest.approx(once["test/face/r2"], abs=1e-3)


def test_a_run_of_a_gpu_is_used_on_a_cpu(
    conditioned: Path, favae_run: Run, metrics_of: Callable[[Path], Metrics]
) -> None:
    assert favae_run("task=evaluate", f"run={conditioned}", "trainer.device=cpu", "hydra.run.dir=scored") == 0
    here, there = metrics_of(Path("scored")), metrics_of(conditioned)
    assert here["test/face/r2"] == pytest.approx(there["test/face/r2"], abs=1e-2)


@pytest.mark.parametrize(
    "asked",
    [
        ("task=edit", "attributes.Smiling=1"),
        ("task=generate", "attributes.Smiling=1"),
        ("task=traverse",),
        ("task=impute", "output=filled.csv"),
        ("task=factors",),
    ],
    ids=lambda asked: asked[0],
)
def test_the_run_is_used(asked: tuple[str, ...], conditioned: Path, favae_run: Run) -> None:
    assert favae_run(*asked, f"run={conditioned}", DEVICE) == 0


def test_adapt_and_a_later_view(
    adapt: list[str], conditioned: Path, favae_run: Run, metrics_of: Callable[[Path], Metrics]
) -> None:
    assert favae_run(*adapt, DEVICE, "hydra.run.dir=pair") == 0
    trained(Path("pair"), metrics_of)
    new = "view@new=image", "new.latent=8", "arch@new.arch=conv8", "data.use=[face,cartoon,attributes]"
    joined = "task=add_view", f"run={conditioned}", "name=cartoon", *new, DEVICE, "hydra.run.dir=joined"
    assert favae_run(*joined) == 0


def test_transfer(favae_run: Run, metrics_of: Callable[[Path], Metrics]) -> None:
    small = [
        *("views.small.arch.channels=[8,16]", "views.large.arch.channels=[8,16,32]"),
        *("views.small.latent=4", "views.large.latent=4", "data.samples=120", "data.size=16"),
        *("schedule.alone_epochs=2", "schedule.rounds=1", "schedule.round_epochs=2", "schedule.sweeps=20"),
        *("trainer.batch_size=16", "evaluation.traverse.features=2", "evaluation.traverse.steps=3"),
    ]
    assert favae_run("experiment=avatars_transfer", *small, DEVICE, "hydra.run.dir=race") == 0
    trained(Path("race"), metrics_of)


@pytest.mark.parametrize(
    ("model", "plain"), [("multi_vae", ()), ("amvae", ()), ("jva2e", ()), ("jmvae", ()), ("mopoe", ("joint",))]
)
def test_rivals(
    model: str, plain: tuple[str, ...], adapt: list[str], favae_run: Run, metrics_of: Callable[[Path], Metrics]
) -> None:
    if model in ("jmvae", "mopoe"):
        pytest.importorskip("multivae")
    sizes = ["model.classes=4"] if model == "multi_vae" else []
    others = [change for change in adapt if not change.startswith("model.")]
    assert favae_run(*others, f"model={model}", *sizes, DEVICE, "hydra.run.dir=rival") == 0
    trained(Path("rival"), metrics_of, plain)


def test_texts_and_sequences(favae_run: Run, metrics_of: Callable[[Path], Metrics]) -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((96, 2))
    table = pd.DataFrame(hidden, columns=["a", "b"])
    table["remark"] = np.where(hidden[:, 0] > 0, "good and new", "bad and old")
    for step in range(8):
        table[f"step_{step}"] = hidden[:, 0] * np.sin(step) + hidden[:, 1]
    table.loc[::5, "step_3"] = np.nan
    table.to_csv("table.csv", index=False)
    Path("configs/experiment").mkdir(parents=True)
    Path("configs/experiment/mine.yaml").write_text(VIEWS)
    assert favae_run("experiment=mine", "trainer.batch_size=16", DEVICE, "hydra.run.dir=mine") == 0
    trained(Path("mine"), metrics_of, plain=("remark", "gait"))  # their units ask how long each sequence is


def test_a_stopped_run_goes_on(
    avatars: list[str], begin: Begin, favae_run: Run, metrics_of: Callable[[Path], Metrics]
) -> None:
    process = begin(*avatars, DEVICE, "hydra.run.dir=parted")
    while not Path("parted/checkpoints/last").is_dir() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate()
    assert process.returncode == 130, told
    assert favae_run("resume=parted") == 0
    trained(Path("parted"), metrics_of)
