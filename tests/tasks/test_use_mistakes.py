"""What a run cannot do is said in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.common.stored_files import read_config

Using = Callable[..., Path]


@pytest.fixture
def refusal(using: Using) -> Callable[..., str]:
    def ask(*overrides: str, **where: Path) -> str:
        with pytest.raises(UserError) as refused:
            using(*overrides, **where)
        (line,) = str(refused.value).splitlines()
        return line

    return ask


@pytest.mark.parametrize("task", ["edit", "generate"])
def test_an_attribute_that_the_run_does_not_know(task: str, refusal: Callable[..., str]) -> None:
    assert refusal(f"task={task}", "++attributes.smilling=1") == (
        "attributes.smilling: the run has no such attribute; did you mean Smiling? there are Eyeglasses, Male, Smiling"
    )


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (["task=edit", "++attributes.Male=1", "from=attributes"], "from"),
        (["task=generate", "to=attributes"], "to"),
        (["task=interpolate", "from=attributes"], "from"),
        (["task=traverse", "from=attributes"], "from"),
    ],
)
def test_a_view_that_is_no_image(asked: list[str], key: str, refusal: Callable[..., str]) -> None:
    assert refusal(*asked).startswith(f"{key}: the run has no view of images attributes; there are cartoon, face")


@pytest.mark.parametrize(
    "asked",
    [["task=edit", "++attributes.Male=1"], ["task=interpolate"], ["task=traverse"], ["task=impute", "input={photos}"]],
)
def test_a_view_that_could_be_either(asked: list[str], refusal: Callable[..., str], photos: Path) -> None:
    told = refusal(*(line.format(photos=photos) for line in asked))
    assert told == "from: say which view of images, as from=face; there are face, cartoon"


def test_a_crop_without_images_to_crop(refusal: Callable[..., str]) -> None:
    told = refusal("task=translate", "from=face", "crop=16")
    assert told == "crop: is for images of input=FILE; those of the run's data are cropped as it had them"


def test_an_input_that_is_no_image(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    told = refusal("task=translate", f"input={tmp_path / 'text.jpg'}", "from=face")
    assert told == f"input: {tmp_path / 'text.jpg'}: not an image"


def test_a_run_that_was_never_finished(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "begun" / ".hydra").mkdir(parents=True)
    (tmp_path / "begun" / ".hydra" / "config.yaml").touch()
    told = refusal("task=generate", run=tmp_path / "begun")
    assert told == f"run: {tmp_path / 'begun'} is not finished; favae-run resume={tmp_path / 'begun'} goes on with it"


@pytest.mark.parametrize("task", ["impute", "translate", "traverse", "interpolate"])
def test_images_for_a_run_without_a_view_of_images(
    task: str, refusal: Callable[..., str], mixed_run: Path, photos: Path
) -> None:
    told = refusal(f"task={task}", f"input={photos}", run=mixed_run)
    assert told == "from: the run has no view of images; samples that are rows come from data=... or data.*=..."


JSON = "metrics.json", "checkpoints/last/state.json"


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copied"))


@pytest.mark.parametrize(
    ("name", "held"),
    [
        *((name, held) for name in (*JSON, ".hydra/config.yaml") for held in (b"", b"[", b"[1]", b"\xff\xfe\0")),
        *((name, b"[" * 100_000) for name in JSON),
    ],
)
def test_a_damaged_file_of_a_run(name: str, held: bytes, refusal: Callable[..., str], copied: Path) -> None:
    (copied / name).write_bytes(held)
    assert str(copied) in refusal("task=generate", run=copied)


@pytest.mark.parametrize(("key", "value"), [("views", 3), ("views", {"face": 3}), ("data", []), ("model", "fa")])
def test_a_stored_config_with_something_else_in_the_place_of_a_section(
    key: str, value: Any, refusal: Callable[..., str], copied: Path
) -> None:
    stored = read_config(copied / ".hydra" / "config.yaml")
    stored[key] = value
    OmegaConf.save(stored, copied / ".hydra" / "config.yaml")
    assert f"{key}{'.face' if value == {'face': 3} else ''} must be a section" in refusal("task=generate", run=copied)


def test_a_stored_latent_that_was_changed(refusal: Callable[..., str], mixed_run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(mixed_run, tmp_path / "copied"))
    stored = read_config(copied / ".hydra" / "config.yaml")
    stored.views.course.latent += 1
    OmegaConf.save(stored, copied / ".hydra" / "config.yaml")
    told = refusal("task=generate", run=copied)
    assert "was trained by another config than it holds now (views.course.latent is 5, was 4); put that back" in told


def test_the_checkpoint_of_a_run_of_other_views(refusal: Callable[..., str], copied: Path, mixed_run: Path) -> None:
    shutil.rmtree(copied / "checkpoints")
    shutil.copytree(mixed_run / "checkpoints", copied / "checkpoints")
    assert "has a checkpoint of other views, numbers, bits" in refusal("task=generate", run=copied)
