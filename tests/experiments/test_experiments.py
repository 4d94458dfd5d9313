"""Every shipped experiment from its command line to its results, in small."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from favae_cli.folders import shipped_configs
from favae_cli.training import checkpoint

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Run = Callable[..., int]

EMOJI = Path(__file__).parents[3] / "shared" / "data" / "emoji"
VIEW = ("r2_mean", "r2_std", "r2", "log_likelihood", "kl")
ATTRIBUTE = ("auc", "accuracy", "average_precision", "ece", "auc_probe")


def promised(view: str, attributes: list[str]) -> set[str]:
    """The keys of metrics.json that others may script against."""
    return {
        *(f"{when}test/{view}/{key}" for when in ("", "before/") for key in VIEW),
        *(f"test/attributes/{name}/{key}" for name in attributes for key in ATTRIBUTE),
        *("judge/accuracy", "reconstruction/accuracy", "generate/accuracy"),
        *("edit/flip", "edit/keep", "edit/r2", "factors/active", "factors/shared"),
        *(f"factors/private/{name}" for name in (view, "attributes")),
        *(f"seconds/{phase}" for phase in ("data", "alone", "factors", "rounds", "evaluation")),
        *(f"images_per_second/{phase}" for phase in ("alone", "rounds")),
    }


def check_folder(
    directory: Path, metrics: Metrics, view: str, attributes: list[str], unscored: tuple[str, ...] = ()
) -> None:
    """What every run leaves behind."""
    missing = promised(view, attributes) - set(metrics)
    assert {key for key in missing if not any(f"/{name}/" in key for name in unscored)} == set()
    assert [key for key, value in metrics.items() if not math.isfinite(value)] == []
    for place in ("last", "best"):
        tensors, state = checkpoint.load(directory / "checkpoints" / place)
        assert any(name.startswith(f"networks/of_{view}.") for name in tensors)
        assert any(name.startswith("optimizer/") for name in tensors)
        assert state["epochs"][view] >= 1
    figures = {path.stem for path in (directory / "figures").glob("*.png")}
    assert {"curves", "bound", "relevance", "editing", "generated", "reliability", f"reconstructions_{view}"} <= figures
    for path in (directory / "figures").glob("*.png"):
        with Image.open(path) as picture:
            assert len(picture.convert("L").getcolors(1 << 20) or ()) > 1, path
    report = (directory / "report.html").read_text()
    assert "data:image/png;base64," in report
    assert all(f'src="{other}' not in report for other in ("http", "figures", "/"))
    assert "favae-run" in report
    log = (directory / "run.log").read_text()
    assert "report.html" in log
    assert "Traceback" not in log
    assert (directory / ".hydra" / "config.yaml").is_file()

    board = EventAccumulator(str(directory / "tensorboard"))
    board.Reload()
    tags = board.Tags()
    for tag in ("train/elbo", "train/log_likelihood", "train/kl", "validation/elbo"):
        assert f"{view}/{tag}" in tags["scalars"]
    assert {"round/bound", f"round/tau/{view}", "round/factors/active"} <= set(tags["scalars"])
    assert {"editing", "generated", f"reconstructions_{view}"} <= set(tags["images"])
    records = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    epochs = [record for record in records if record["kind"] == "epoch"]
    told = board.Scalars(f"{view}/train/elbo")
    assert [event.step for event in told] == [record["epoch"] for record in epochs]
    np.testing.assert_allclose([event.value for event in told], [r["train/elbo"] for r in epochs], rtol=1e-6)


def only(folder: Path) -> Path:
    (directory,) = folder.iterdir()
    return directory


@pytest.mark.slow
def test_avatars(finished: Path, metrics_of: MetricsOf) -> None:
    check_folder(finished, metrics_of(finished), "face", ["Smiling", "Eyeglasses", "Male"])


@pytest.mark.slow
@pytest.mark.skipif(not EMOJI.is_dir(), reason="the emoji pairs are not here")
def test_emoji(tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf) -> None:
    small = tiny("noto", "data.views.noto.size=16", "data.use=[noto,attributes]", "trainer.batch_size=64")
    assert favae_run("experiment=emoji_condition", f"data.root={EMOJI}", *small) == 0
    directory = only(Path("outputs/emoji_condition"))
    names = ["woman", "man", "light", "medium_light", "medium", "medium_dark", "dark"]
    check_folder(directory, metrics_of(directory), "noto", names)


NAMES = ("Bald", "Male", "Smiling", "Wearing_Hat")


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """A hundred faces in the official layout: few are bald, and nobody wears a hat."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, parts = [], []
    for i in range(100):
        labels = np.array([i in (3, 50, 85), i % 2, i // 2 % 2, False])
        pixels = rng.integers(0, 80, (27, 22, 3)) + 60 * labels[1] + np.array([0, 0, 90 * labels[2]])
        name = f"{i + 1:06}.jpg"
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "img_align_celeba" / name)
        rows.append(f"{name} {' '.join('1' if label else '-1' for label in labels)}")
        parts.append(f"{name} {0 if i < 70 else 1 if i < 80 else 2}")
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(rows)), " ".join(NAMES), *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return folder


@pytest.mark.slow
def test_celeba_with_a_rare_attribute(
    celeba: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf
) -> None:
    asked = f"data.root={celeba}", "data.attributes=[Smiling,Male,Bald]", "data.size=16"
    assert favae_run("experiment=celeba_condition", *asked, *tiny("face")) == 0
    directory = only(Path("outputs/celeba_condition"))
    check_folder(directory, metrics_of(directory), "face", ["Smiling", "Male", "Bald"])


@pytest.mark.slow
def test_celeba_with_an_attribute_that_no_test_image_shows(
    celeba: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf
) -> None:
    path = celeba / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("000086.jpg 1", "000086.jpg -1"))
    asked = f"data.root={celeba}", "data.attributes=[Bald,Male]", "data.size=16"
    assert favae_run("experiment=celeba_condition", *asked, *tiny("face")) == 0
    directory = only(Path("outputs/celeba_condition"))
    metrics = metrics_of(directory)
    assert "test/attributes/Bald/auc" not in metrics
    check_folder(directory, metrics, "face", ["Male", "Bald"], unscored=("Bald",))


def test_celeba_with_a_constant_attribute_is_a_line_that_names_it(
    celeba: Path, tiny: Callable[..., list[str]], favae_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = f"data.root={celeba}", "data.attributes=[Smiling,Wearing_Hat]", "data.size=16"
    assert favae_run("experiment=celeba_condition", *asked, *tiny("face")) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("favae-run: ")]
    assert len(told) == 1
    assert "Wearing_Hat" in told[0]
    assert "Smiling" not in told[0]


def test_no_shipped_experiment_is_left_out() -> None:
    shipped = {path.stem for path in (shipped_configs() / "experiment").glob("*.yaml")}
    assert shipped == {"avatars_condition", "emoji_condition", "celeba_condition"}


# Runs that build on others


@pytest.mark.slow
def test_a_sweep_gives_what_single_runs_give(
    avatars: list[str], finished: Path, favae_run: Run, metrics_of: MetricsOf, untimed: Callable[[Metrics], Metrics]
) -> None:
    assert favae_run("-m", *avatars, "model.beta=4,1") == 0
    sweep = only(Path("outputs/multirun/avatars_condition"))
    results = [untimed(metrics_of(sweep / job)) for job in ("0", "1")]
    assert results[1] == untimed(metrics_of(finished))
    assert results[0]["test/face/kl"] != results[1]["test/face/kl"]


@pytest.mark.slow
def test_pretrained_vaes_are_joined_at_once(
    avatars: list[str], finished: Path, favae_run: Run, metrics_of: MetricsOf
) -> None:
    assert favae_run(*avatars, f"pretrained={finished}", "schedule.round_epochs=0") == 0
    directory = only(Path("outputs/avatars_condition"))
    records = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert {record["kind"] for record in records} == {"round"}
    before = {key: value for key, value in metrics_of(finished).items() if key.startswith("before/")}
    assert before.items() <= metrics_of(directory).items()


@pytest.mark.slow
def test_pretrained_vaes_of_another_latent_size_are_refused(
    avatars: list[str], finished: Path, favae_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert favae_run(*avatars, f"pretrained={finished}", "views.face.latent=9") == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("favae-run: ")]
    assert len(told) == 1
    assert "pretrained, view face" in told[0]
    assert "latent" in told[0]


@pytest.mark.slow
def test_a_frozen_view_joins_without_being_trained(
    avatars: list[str], finished: Path, favae_run: Run, metrics_of: MetricsOf
) -> None:
    frozen = (
        "data.use=null",
        "+view@views.cartoon=frozen",
        f"views.cartoon.run={finished}",
        "views.cartoon.source=face",
    )
    assert favae_run(*avatars, *frozen) == 0
    directory = only(Path("outputs/avatars_condition"))
    metrics = metrics_of(directory)
    assert "factors/private/cartoon" in metrics
    check_folder(directory, metrics, "face", ["Smiling", "Eyeglasses", "Male"])
    before, _ = checkpoint.load(finished / "checkpoints" / "last")
    after, _ = checkpoint.load(directory / "checkpoints" / "last")
    weights = {name for name in before if name.startswith("networks/of_face.")}
    assert all((after[name.replace("of_face", "of_cartoon")] == before[name]).all() for name in weights)


@pytest.mark.slow
def test_faces_and_attributes_may_be_missing(avatars: list[str], favae_run: Run, metrics_of: MetricsOf) -> None:
    assert favae_run(*avatars, "data.missing.face=0.3", "data.missing.attributes=0.3", "data.samples=160") == 0
    directory = only(Path("outputs/avatars_condition"))
    check_folder(directory, metrics_of(directory), "face", ["Smiling", "Eyeglasses", "Male"])
