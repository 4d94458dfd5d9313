"""Files that are images are decoded, and nothing else is done with any file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from favae_cli.common.errors import UserError
from favae_cli.data.images import decoding
from favae_cli.data.images.decoding import FORMATS, BadImage, Transform, decode
from favae_cli.preparation.guess_pictures import image_header

PLAIN = Transform(size=4, channels=3, crop=None)


@pytest.mark.parametrize("form", FORMATS)
def test_the_usual_formats_are_read_whatever_the_file_is_called(form: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), "teal").save(tmp_path / "file", form)
    found = decode(tmp_path / "file", PLAIN)
    assert isinstance(found, np.ndarray)
    assert abs(found.astype(int) - [0, 128, 128]).max() <= 3
    assert image_header(tmp_path / "file") is not None


def test_postscript_by_the_name_of_an_image_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*arguments: object, **named: object) -> None:
        raise AssertionError("Ghostscript is asked for")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    path = tmp_path / "face.png"
    Image.new("RGB", (4, 4)).save(path, "EPS")
    assert decode(path, PLAIN) == BadImage(str(path), "not an image")
    assert image_header(path) is None


def test_no_name_of_an_image_is_waited_for_or_read_without_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (f"{tmp_path}/a\0b.png", "a" * 5000, tmp_path / ("b" * 300)):
        assert decode(path, PLAIN) == BadImage(str(path), "no such file")
        assert image_header(Path(path)) is None
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(UserError, match=r"cannot be read \(it is no file\)"):
            decode(path, PLAIN)
        assert image_header(Path(path)) is None


def test_more_pixels_than_anyone_needs_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "white.png"
    Image.new("L", (40, 30)).save(path)
    monkeypatch.setattr(decoding, "MOST_PIXELS", 1199)
    assert decode(path, PLAIN) == BadImage(str(path), "40 x 30 pixels are more than the 0 million that are taken")
    assert image_header(path) is None


def test_a_flipped_bit_of_a_png_is_told(tmp_path: Path) -> None:
    path, rng = tmp_path / "face.png", np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
    data = path.read_bytes()
    whole = decode(path, PLAIN)
    assert isinstance(whole, np.ndarray)
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        found = decode(path, PLAIN)
        assert isinstance(found, BadImage) or np.array_equal(found, whole), place
