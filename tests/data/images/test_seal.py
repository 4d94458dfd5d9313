"""Nothing in the cache is believed: what was damaged there is told, and made anew."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from favae_cli.config.data_sets import AvatarsConfig
from favae_cli.config.run import Config
from favae_cli.data import load
from favae_cli.data.images import seal
from favae_cli.data.images.cache import cached_images

Load = Callable[[], np.ndarray]


@pytest.fixture(params=["decoded", "drawn"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path, config_of: Callable[..., Config]) -> Load:
    """Loads five pictures by way of the cache in `tmp_path`/cache."""
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        Image.new("RGB", (8, 8), (50 * number, 10, 200)).save(path)
    config = config_of(
        "experiment=avatars_condition", "data.samples=40", "data.size=8", "views.face.arch.channels=[4,8]"
    ).data
    assert isinstance(config, AvatarsConfig)

    config = config.model_copy(update={"views": {"face": "photo"}})

    def loaded() -> np.ndarray:
        if request.param == "decoded":
            return np.array(cached_images(paths, 8, 3, None, tmp_path / "cache", "stop")[0])
        return np.array(load(config, tmp_path / "cache", 0).views["face"].values)

    return loaded


def only_array(folder: Path) -> Path:
    (path,) = folder.glob("*.npy")
    return path


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_another_size(path: Path) -> None:
    np.save(path, np.load(path)[:, :4, :4])


def as_it_should_be_but_of_another_size(path: Path) -> None:
    """Somebody's cache whose file and seal fit together, but not what is asked."""
    other = path.with_name("other.npy")
    np.save(other, np.load(path)[:, :4, :4])
    seal.put(other, path)


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path.write_bytes(path.read_bytes()[:-100]), "bytes, not"),
    (lambda path: path.write_bytes(path.read_bytes()[:128].ljust(path.stat().st_size, b"\0")), "its hash is not"),
    (flip, "its hash is not"),
    (of_another_size, "bytes, not"),
    (as_it_should_be_but_of_another_size, "it holds uint8 of shape"),
    (lambda path: path.write_bytes(b""), "it has 0 bytes"),
    (lambda path: path.with_suffix(".seal.json").unlink(), "it has no seal"),
    (lambda path: path.with_suffix(".seal.json").write_text("{"), "its seal is damaged"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES, ids=[f"{number}" for number in range(len(DAMAGES))])
def test_a_damaged_file_is_made_anew_and_told(
    damage: Callable[[Path], object], told: str, pictures: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = pictures()
    damage(only_array(tmp_path / "cache"))
    np.testing.assert_array_equal(pictures(), before)
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("cache: ")
    assert told in line
    caplog.clear()
    np.testing.assert_array_equal(pictures(), before)
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


def test_a_list_of_bad_images_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    paths = [tmp_path / "good.png", tmp_path / "bad.png"]
    Image.new("RGB", (8, 8)).save(paths[0])
    paths[1].write_text("no image")
    for _ in range(2):
        values, row, _ = cached_images(paths, 8, 3, None, tmp_path / "cache", "skip")
        assert row.tolist() == [0, -1]
        assert len(values) == 1
        next((tmp_path / "cache").glob("*.bad.json")).write_text("[]")


def test_what_nobody_touched_is_hashed_once_a_day(
    pictures: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures()
    hashed: list[str] = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: hashed.append(file.name) or digest(file, name))
    pictures()
    assert not hashed
    monkeypatch.setattr(seal, "today", lambda: "2100-01-01")
    for _ in range(2):
        pictures()
    assert hashed == [str(only_array(tmp_path / "cache"))]


def test_what_stands_in_its_place_is_on_the_disk(
    pictures: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(seal, "flushed", lambda path: flushed.append(path.suffix))
    move = Path.replace

    def moving(path: Path, target: Path) -> Path:
        assert flushed[-1] == path.suffix
        return move(path, target)

    monkeypatch.setattr(Path, "replace", moving)
    pictures()
    assert ".unfinished" in flushed
