"""Whole runs, made tiny: the command line in, a folder of results out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import favae_cli
from favae_cli.cli import main
from favae_cli.tasks.session import Session

EMOJI = Path(__file__).parents[3] / "shared" / "data" / "emoji"

Metrics = dict[str, float]
Run = Callable[..., int]
MadeOnce = Callable[[str, Callable[[Path], object]], Path]


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
        "evaluation.cards=1",
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

ADAPT = [
    "experiment=avatars_adapt",
    *tiny("face", "data.samples=120", "data.size=16", "data.missing.cartoon=0.2"),
    "views.cartoon.arch.channels=[8,16]",
    "views.cartoon.latent=8",
    "evaluation.translate.show=2",
    "evaluation.translate.steps=3",
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


def check_report(directory: Path) -> set[str]:
    """What every task leaves behind for people to look at; the names of the figures."""
    paths = list((directory / "figures").glob("*.png"))
    for path in paths:
        with Image.open(path) as picture:
            assert len(picture.convert("L").getcolors(1 << 20) or ()) > 1, path
    report = (directory / "report.html").read_text()
    vectors = [path for path in paths if path.with_suffix(".svg").is_file()]
    assert report.count("<svg ") == len(vectors)
    assert report.count("data:image/png;base64,") >= len(paths) - len(vectors)
    assert all(f'src="{other}' not in report for other in ("http", "figures", "/"))
    assert "favae-run" in report
    log = (directory / "run.log").read_text()
    assert "report.html" in log
    assert "Traceback" not in log
    assert (directory / ".hydra" / "config.yaml").is_file()
    return {path.stem for path in paths}


def write_celeba(folder: Path, names: Sequence[str], labels: np.ndarray, images: np.ndarray) -> None:
    """The official layout: 0.7 of the images for training, 0.1 for validation, the rest for tests.

    Args:
        labels: bool (N, A), in the order of `names`.
        images: uint8 (N, H, W, 3).
    """
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, parts, count = [], [], len(images)
    for i, (image, shown) in enumerate(zip(images, labels, strict=True)):
        name = f"{i + 1:06}.jpg"
        Image.fromarray(image).save(folder / "img_align_celeba" / name)
        rows.append(f"{name} {' '.join('1' if label else '-1' for label in shown)}")
        parts.append(f"{name} {0 if i < 0.7 * count else 1 if i < 0.8 * count else 2}")
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(count), " ".join(names), *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, and give back what an entry point may change of the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.fixture(autouse=True, scope="module")
def plain_figures(quick_figures: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    with quick_figures():
        yield


@pytest.fixture(name="favae_run")
def favae_run_fixture() -> Run:
    return favae_run


@pytest.fixture(scope="session")
def favae_run_anywhere() -> Run:
    """As `favae_run`, for runs that several tests look at."""
    return favae_run


@pytest.fixture
def undrawn() -> Run:
    """As `favae_run`, for runs of which only numbers matter: they leave out the figures, whatever their config says."""

    def run(*arguments: str) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "draw", lambda session, make, *arguments, **named: None)
            return favae_run(*arguments)

    return run


@pytest.fixture(name="tiny", scope="session")
def tiny_fixture() -> Callable[..., list[str]]:
    return tiny


@pytest.fixture(scope="session")
def avatars() -> list[str]:
    """The command line of a tiny run on avatars."""
    return list(AVATARS)


@pytest.fixture(scope="session")
def adapt() -> list[str]:
    """The command line of a tiny run that translates avatars, a fifth of whose cartoons are missing."""
    return list(ADAPT)


@pytest.fixture(scope="session")
def run_once(made_once: MadeOnce, unarranged: Callable[[], AbstractContextManager[None]]) -> Callable[..., Path]:
    """The folder that a command line leaves, never interrupted; for looking at, not for writing to."""

    def run(name: str, *arguments: str) -> Path:
        def work(place: Path) -> None:
            with pytest.MonkeyPatch.context() as patch, unarranged():
                patch.chdir(place)
                patch.setenv("HYDRA_FULL_ERROR", "0")
                assert favae_run(*arguments, "hydra.run.dir=run") == 0

        return made_once(name, work) / "run"

    return run


@pytest.fixture(scope="session")
def finished(run_once: Callable[..., Path]) -> Path:
    """The folder of a tiny run on avatars."""
    return run_once("avatars", *AVATARS)


@pytest.fixture(scope="session")
def adapted(run_once: Callable[..., Path]) -> Path:
    """The folder of a tiny run that translates avatars."""
    return run_once("adapted", *ADAPT, "model=fa_vae")


@pytest.fixture(name="metrics_of", scope="session")
def metrics_of_fixture(undocumented: Callable[[Metrics], list[str]]) -> Callable[[Path], Metrics]:
    """metrics.json of a run, whose names are all in the documentation."""

    def read(directory: Path) -> Metrics:
        metrics = metrics_of(directory)
        assert undocumented(metrics) == []
        return metrics

    return read


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


@pytest.fixture(name="check_report", scope="session")
def check_report_fixture() -> Callable[[Path], set[str]]:
    return check_report


@pytest.fixture(name="write_celeba", scope="session")
def write_celeba_fixture() -> Callable[..., None]:
    return write_celeba


def few_emoji(folder: Path) -> None:
    table = pd.read_csv(EMOJI / "emoji.csv")
    rare = table["hair"].notna() | table["noto"].isna()
    table[rare | (table.index % 7 == 0)].to_csv(folder / "emoji.csv", index=False)
    for team in ("noto", "blob"):
        (folder / team).symlink_to(EMOJI / team)


@pytest.fixture(scope="session")
def emoji(made_once: MadeOnce) -> Path:
    """The folder of some of the emoji pairs, among them all with hair and all that one team never drew."""
    if not EMOJI.is_dir():
        pytest.skip("the emoji pairs are not here")
    return made_once("emoji", few_emoji)
