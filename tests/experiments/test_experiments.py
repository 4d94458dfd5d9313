"""Every shipped experiment from its command line to its results, in small."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from favae_cli.config.folders import shipped_configs
from favae_cli.training import checkpoint

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Run = Callable[..., int]
Check = Callable[..., None]

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


@pytest.fixture
def check_folder(check_report: Callable[[Path], set[str]]) -> Check:
    """Looks at what every run leaves behind."""

    def check(
        directory: Path, metrics: Metrics, view: str, attributes: list[str], unscored: tuple[str, ...] = ()
    ) -> None:
        missing = promised(view, attributes) - set(metrics)
        assert {key for key in missing if not any(f"/{name}/" in key for name in unscored)} == set()
        assert [key for key, value in metrics.items() if not math.isfinite(value)] == []
        for place in ("last", "best"):
            tensors, state = checkpoint.load(directory / "checkpoints" / place)
            assert any(name.startswith(f"networks/of_{view}.") for name in tensors)
            assert any(name.startswith("optimizer/") for name in tensors)
            assert state["epochs"][view] >= 1
        figures = check_report(directory)
        assert {
            "curves",
            "bound",
            "relevance",
            "editing",
            "generated",
            "reliability",
            f"reconstructions_{view}",
        } <= figures

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

    return check


def only(folder: Path) -> Path:
    (directory,) = folder.iterdir()
    return directory


@pytest.mark.slow
def test_avatars(finished: Path, metrics_of: MetricsOf, check_folder: Check) -> None:
    check_folder(finished, metrics_of(finished), "face", ["Smiling", "Eyeglasses", "Male"])
    assert {"curves", "bound"} <= {path.stem for path in finished.glob("figures/*.svg")}


@pytest.mark.slow
def test_emoji(
    emoji: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf, check_folder: Check
) -> None:
    small = tiny("noto", "data.views.noto.size=16", "data.use=[noto,attributes]", "trainer.batch_size=64")
    assert favae_run("experiment=emoji_condition", f"data.root={emoji}", *small) == 0
    directory = only(Path("outputs/emoji_condition"))
    names = ["woman", "man", "light", "medium_light", "medium", "medium_dark", "dark"]
    check_folder(directory, metrics_of(directory), "noto", names)


NAMES = ("Bald", "Male", "Smiling", "Wearing_Hat")


@pytest.fixture
def celeba(tmp_path: Path, write_celeba: Callable[..., None]) -> Path:
    """A hundred faces: few are bald, and nobody wears a hat."""
    i = np.arange(100)
    labels = np.stack([np.isin(i, (3, 50, 85)), i % 2 == 1, i // 2 % 2 == 1, np.zeros(100, bool)], axis=1)
    images = np.random.default_rng(0).integers(0, 80, (100, 27, 22, 3)) + 60 * labels[:, 1, None, None, None]
    images[..., 2] += 90 * labels[:, 2, None, None]
    write_celeba(tmp_path / "celeba", NAMES, labels, images.astype(np.uint8))
    return tmp_path / "celeba"


@pytest.mark.slow
def test_celeba_with_a_rare_attribute(
    celeba: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf, check_folder: Check
) -> None:
    asked = f"data.root={celeba}", "data.attributes=[Smiling,Male,Bald]", "data.size=16"
    assert favae_run("experiment=celeba_condition", *asked, *tiny("face")) == 0
    directory = only(Path("outputs/celeba_condition"))
    check_folder(directory, metrics_of(directory), "face", ["Smiling", "Male", "Bald"])


@pytest.mark.slow
def test_celeba_with_an_attribute_that_no_test_image_shows(
    celeba: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf, check_folder: Check
) -> None:
    path = celeba / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("000086.jpg 1", "000086.jpg -1"))
    asked = f"data.root={celeba}", "data.attributes=[Bald,Male]", "data.size=16"
    assert favae_run("experiment=celeba_condition", *asked, *tiny("face")) == 0
    directory = only(Path("outputs/celeba_condition"))
    metrics = metrics_of(directory)
    assert "test/attributes/Bald/auc" not in metrics
    check_folder(directory, metrics, "face", ["Male", "Bald"], unscored=("Bald",))


@pytest.mark.slow
def test_celeba_with_a_constant_attribute_beside_another(
    celeba: Path, tiny: Callable[..., list[str]], favae_run: Run, metrics_of: MetricsOf, check_folder: Check
) -> None:
    asked = f"data.root={celeba}", "data.attributes=[Smiling,Wearing_Hat]", "data.size=16"
    assert favae_run("experiment=celeba_condition", *asked, *tiny("face")) == 0
    directory = only(Path("outputs/celeba_condition"))
    check_folder(directory, metrics_of(directory), "face", ["Smiling", "Wearing_Hat"], unscored=("Wearing_Hat",))
    assert "training samples: Wearing_Hat" in (directory / "run.log").read_text()


def test_no_shipped_experiment_is_left_out() -> None:
    shipped = {path.stem for path in (shipped_configs() / "experiment").glob("*.yaml")}
    here = {
        "avatars_condition",
        "emoji_condition",
        "celeba_condition",
        "avatars_adapt",
        "emoji_adapt",
        "celeba_cartoon",
        "avatars_transfer",
        "emoji_transfer",
        "celeba_transfer",
        "digits_views",
        "emoji_five_views",
        "wine_views",
    }
    assert shipped == here


# Runs that build on others


@pytest.mark.slow
def test_pretrained_vaes_are_joined_at_once(
    avatars: list[str], finished: Path, undrawn: Run, metrics_of: MetricsOf
) -> None:
    assert undrawn(*avatars, f"pretrained={finished}", "schedule.round_epochs=0") == 0
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
    avatars: list[str], finished: Path, favae_run: Run, metrics_of: MetricsOf, check_folder: Check
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
def test_faces_and_attributes_may_be_missing(
    avatars: list[str], favae_run: Run, metrics_of: MetricsOf, check_folder: Check
) -> None:
    assert favae_run(*avatars, "data.missing.face=0.3", "data.missing.attributes=0.3", "data.samples=160") == 0
    directory = only(Path("outputs/avatars_condition"))
    check_folder(directory, metrics_of(directory), "face", ["Smiling", "Eyeglasses", "Male"])
