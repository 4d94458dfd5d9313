"""Every shipped experiment in which a large VAE learns with a small one's help, in small."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Run = Callable[..., int]

SMALL = [
    "views.small.arch.channels=[8,16]",
    "views.large.arch.channels=[8,16,32]",
    "views.small.latent=4",
    "views.large.latent=4",
    "schedule.alone_epochs=4",
    "schedule.rounds=2",
    "schedule.round_epochs=2",
    "schedule.sweeps=20",
    "schedule.tolerance=0",
    "trainer.batch_size=16",
    "trainer.threads=1",
    "evaluation.traverse.features=2",
    "evaluation.traverse.steps=3",
]
AVATARS = ["experiment=avatars_transfer", "transfer=parts", "data.samples=120", "data.size=16", *SMALL]


@pytest.fixture(scope="session")
def race(run_once: Callable[..., Path]) -> Path:
    """The folder of a race that was never interrupted."""
    return run_once("race", *AVATARS)


@pytest.mark.slow
def test_avatars_race_and_again_with_the_same_numbers(
    race: Path, undrawn: Run, metrics_of: MetricsOf, untimed: Callable[[Metrics], Metrics]
) -> None:
    assert undrawn(*AVATARS, "hydra.run.dir=again") == 0

    def lasting(folder: Path) -> Metrics:
        return {key: value for key, value in untimed(metrics_of(folder)).items() if "seconds" not in key}

    metrics = metrics_of(race)
    assert lasting(race) == lasting(Path("again"))
    kept = {f"{way}/{key}" for way in ("rival", "transfer", "transfer/prior") for key in ("r2_mean", "log_likelihood")}
    kept |= {f"disentanglement/{model}/{key}" for model in ("rival", "transfer") for key in ("dci", "mig")}
    assert kept - set(metrics) == set()
    # It begins with what the small one knows: better than four epochs from nothing.
    assert metrics["transfer/epoch_ratio"] <= 0.5
    assert metrics["transfer/log_likelihood"] > metrics["rival/log_likelihood"]
    assert metrics["rival/epoch_ratio"] == metrics["rival/seconds_ratio"] == 1
    figures = {path.stem for path in (race / "figures").iterdir()}
    assert {"race", "reconstructions", "relevance", "traversal_transfer", "traversal_rival"} <= figures
    assert (race / "report.html").is_file()


@pytest.mark.slow
def test_an_interrupted_race_ends_with_the_numbers_of_one_that_was_not(
    race: Path,
    undrawn: Run,
    metrics_of: MetricsOf,
    untimed: Callable[[Metrics], Metrics],
    fork: Callable[..., Any],
) -> None:
    process = fork(*AVATARS, "hydra.run.dir=parted")
    while not Path("parted/rival/checkpoints/last").is_dir() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 130
    assert undrawn("resume=parted") == 0
    ends = [
        {key: value for key, value in untimed(metrics_of(folder)).items() if "seconds" not in key}
        for folder in (race, Path("parted"))
    ]
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_a_racer_whose_record_is_lost_is_left_out_and_all_else_is_scored(
    race: Path, undrawn: Run, metrics_of: MetricsOf, caplog: pytest.LogCaptureFixture
) -> None:
    again = Path(shutil.copytree(race, "again"))
    (again / "metrics.jsonl").unlink()
    assert undrawn("resume=again") == 0
    assert "transfer is left out of the race" in caplog.text
    found, before = metrics_of(again), metrics_of(race)
    assert found["transfer/r2_mean"] == before["transfer/r2_mean"]
    assert found["rival/log_likelihood"] == before["rival/log_likelihood"]
    assert "transfer/reached" in before
    assert "transfer/reached" not in found


@pytest.mark.slow
def test_celeba_with_the_vae_of_an_earlier_run(
    tmp_path: Path,
    write_celeba: Callable[..., None],
    tiny: Callable[..., list[str]],
    favae_run: Run,
    metrics_of: MetricsOf,
) -> None:
    i = np.arange(100)
    labels = np.stack([i % 2 == 1, i // 2 % 2 == 1], axis=1)
    images = np.random.default_rng(0).integers(0, 80, (100, 27, 22, 3)) + 60 * labels[:, 0, None, None, None]
    write_celeba(tmp_path / "celeba", ("Male", "Smiling"), labels, images.astype(np.uint8))
    asked = f"data.root={tmp_path / 'celeba'}", "data.size=16", "data.attributes=[Male,Smiling]"
    first = [*tiny("face"), "views.face.latent=4", "hydra.run.dir=earlier"]
    assert favae_run("experiment=celeba_condition", *asked, *first) == 0
    assert favae_run("experiment=celeba_transfer", *asked, *SMALL, "pretrained=earlier", "hydra.run.dir=later") == 0
    metrics = metrics_of(Path("later"))
    assert metrics["rival/epochs"] >= 1
    assert "transfer/r2_mean" in metrics
    assert not Path("later/small").exists()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("transfer.target=small", "transfer.target: must be another view"),
        ("transfer.target=huge", "transfer.target: huge is no vae view of images"),
        ("views.large.latent=5", "views.large.latent: must be that of small, 4"),
        ("model=vae", "model=vae: task transfer takes fa_vae"),
        ("transfer.beside={rival:{warm_start:none,rate:1.0,feed:0.0,feed_rounds:null}}", "transfer.beside.rival"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    override: str, told: str, favae_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert favae_run(*AVATARS, override) == 2
    assert told in capsys.readouterr().err
