"""Files that are images are decoded, and nothing else is done with any file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

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
