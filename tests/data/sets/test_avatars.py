"""Drawn faces: the same seed gives the same people, and each attribute shows where it should."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from favae_cli.config.data_base import SplitConfig
from favae_cli.config.data_sets import AVATAR_ATTRIBUTES, AVATAR_BINARY_FACTORS, AvatarsConfig
from favae_cli.data.drawn_faces.canvas import Canvas, ellipse, rounded_box
from favae_cli.data.drawn_faces.faces import draw
from favae_cli.data.drawn_faces.styles import STYLES, Style
from favae_cli.data.sets.avatars import (
    attribute_table,
    draw_factors,
    load,
)

SIZE = 32
both_styles = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())


def config(**changes: Any) -> AvatarsConfig:
    settings: dict[str, Any] = {
        "name": "avatars",
        "samples": 50,
        "size": 16,
        "views": {"face": "photo", "drawn": "cartoon", "attributes": "attributes"},
        "attributes": ["Smiling", "Gray_Hair"],
        "seed": 3,
        "missing": {},
        "split": SplitConfig(validation=0.1, test=0.2),
        "use": None,
    }
    return AvatarsConfig(**settings | changes)


def difference(name: str, style: str, size: int = SIZE) -> np.ndarray:
    """Squared difference that one attribute makes, by pixel: (B, size, size), upright faces of all kinds."""
    factors = draw_factors(40, seed=1)
    factors["rotation"][:] = 0
    with_it, without = ({**factors, name: np.full(40, value)} for value in (True, False))
    change = draw(with_it, STYLES[style], size) / 255 - draw(without, STYLES[style], size) / 255
    return (change**2).sum(axis=-1)


def test_a_circle_covers_its_area_at_every_resolution() -> None:
    for size in (16, 32, 128):
        canvas = Canvas(1, size)
        canvas.paint(ellipse(canvas.x, canvas.y, 0.5, 0.5), np.ones((1, 3, 1, 1), np.float32))
        assert canvas.pixels.mean() * 4 == pytest.approx(np.pi * 0.5**2, rel=0.01)


def test_a_rounded_box_has_its_distances() -> None:
    points = np.array([[0.0, 0.5], [0.9, 0.0], [0.5, 0.5]], np.float32)
    distance = rounded_box(points[:, 0], points[:, 1], 0.5, 0.3, 0.1)
    corner = np.hypot(0.1, 0.3) - 0.1
    np.testing.assert_allclose(distance, [0.2, 0.4, corner], atol=1e-6)


def test_people_do_not_depend_on_how_many_are_asked_for() -> None:
    few, many = draw_factors(20, seed=5), draw_factors(300, seed=5)
    for name, column in few.items():
        np.testing.assert_array_equal(column, many[name][:20], err_msg=name)
    other = draw_factors(20, seed=6)
    assert any((other[name] != column).any() for name, column in few.items() if name in AVATAR_BINARY_FACTORS)


@both_styles
def test_pictures_do_not_depend_on_the_batch(style: Style) -> None:
    factors = draw_factors(7, seed=0)
    together = draw(factors, style, SIZE)
    alone = [draw({name: column[i : i + 1] for name, column in factors.items()}, style, SIZE) for i in range(7)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


@both_styles
def test_pictures_are_uint8_and_use_the_range(style: Style) -> None:
    pictures = draw(draw_factors(30, seed=0), style, SIZE)
    assert pictures.shape == (30, SIZE, SIZE, 3)
    assert pictures.dtype == np.uint8
    assert pictures.min() < 40
    assert pictures.max() > 215
    assert (pictures.reshape(30, -1).std(axis=1) > 20).all()


@both_styles
def test_size_only_changes_the_resolution(style: Style) -> None:
    factors = draw_factors(10, seed=0)
    small = draw(factors, style, 32) / 255
    shrunk = draw(factors, style, 64).reshape(10, 32, 2, 32, 2, 3).mean(axis=(2, 4)) / 255
    assert np.abs(small - shrunk).mean() < 0.02


def test_attributes_are_common_in_every_combination() -> None:
    factors = draw_factors(20_000, seed=0)
    code = sum(factors[name] * 2**bit for bit, name in enumerate(("Smiling", "Male", "Eyeglasses")))
    assert (np.bincount(code, minlength=8) / 20_000 > 0.05).all()
    assert factors["Wearing_Lipstick"][factors["Male"]].mean() == pytest.approx(0.15, abs=0.02)
    assert factors["Wearing_Lipstick"][~factors["Male"]].mean() == pytest.approx(0.50, abs=0.02)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", AVATAR_BINARY_FACTORS)
def test_an_attribute_is_plain_to_see(name: str, style: str) -> None:
    assert difference(name, style, size=64).sum(axis=(1, 2)).mean() > 15


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("Wearing_Hat", (0, 18)),
        ("Eyeglasses", (10, 21)),
        ("Smiling", (12, 30)),
        ("Wearing_Lipstick", (16, 28)),
    ],
)
def test_an_attribute_changes_its_own_region(name: str, rows: tuple[int, int], style: str) -> None:
    change = difference(name, style).sum(axis=(0, 2))
    assert change[slice(*rows)].sum() > 0.99 * change.sum()


def test_light_is_for_photos_only() -> None:
    factors = draw_factors(5, seed=0)
    other = {**factors, "light": -factors["light"]}
    assert (draw(factors, STYLES["photo"], SIZE) != draw(other, STYLES["photo"], SIZE)).any()
    np.testing.assert_array_equal(draw(factors, STYLES["cartoon"], SIZE), draw(other, STYLES["cartoon"], SIZE))


def test_hair_attributes_name_the_hair_colour() -> None:
    factors = draw_factors(100, seed=0)
    hair = attribute_table(factors, AVATAR_ATTRIBUTES[-4:])
    np.testing.assert_array_equal(hair.argmax(axis=1), factors["hair_colour"])
    np.testing.assert_array_equal(hair.sum(axis=1), 1)


def test_loaded_views_show_the_same_people(tmp_path: Path) -> None:
    dataset = load(config(), tmp_path, seed=0)
    assert list(dataset.views) == ["face", "drawn", "attributes"]
    everybody = np.arange(50)
    for view, style in (("face", "photo"), ("drawn", "cartoon")):
        expected = draw(dataset.truth, STYLES[style], 16)
        np.testing.assert_array_equal(dataset.views[view].gather(everybody), expected)
    attributes = dataset.views["attributes"]
    assert attributes.columns == ("Smiling", "Gray_Hair")
    assert attributes.values.dtype == np.float32
    np.testing.assert_array_equal(attributes.values[:, 0], dataset.truth["Smiling"])
    assert len(set(dataset.keys)) == 50


def test_split_is_disjoint_complete_and_bound_to_the_data_seed(tmp_path: Path) -> None:
    views = {"attributes": "attributes"}
    split = load(config(views=views), tmp_path, seed=0).split
    assert [len(split[name]) for name in ("train", "validation", "test")] == [35, 5, 10]
    np.testing.assert_array_equal(np.sort(np.concatenate(list(split.values()))), np.arange(50))
    same = load(config(views=views), tmp_path, seed=1).split
    other = load(config(views=views, seed=4), tmp_path, seed=0).split
    np.testing.assert_array_equal(split["test"], same["test"])
    assert (split["test"] != other["test"]).any()


def test_missing_views_leave_everybody_at_least_one(tmp_path: Path) -> None:
    settings = {"samples": 2000, "size": 8, "views": {"face": "photo", "attributes": "attributes"}}
    dataset = load(config(**settings, missing={"face": 0.4, "attributes": 0.7}), tmp_path, seed=0)
    face, attributes = (dataset.views[name].present for name in ("face", "attributes"))
    assert (face | attributes).all()
    hidden = 0.4 * 0.7
    assert (~face).mean() + (~attributes).mean() == pytest.approx(0.4 + 0.7 - hidden, abs=0.04)
    whole = load(config(**settings), tmp_path, seed=0).views["face"]
    assert whole.present.all()
    seen = np.flatnonzero(face)
    np.testing.assert_array_equal(dataset.views["face"].gather(seen), whole.gather(seen))


def test_pictures_are_drawn_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = load(config(), tmp_path, seed=0).views["face"].values
    drawn = len(caplog.records)
    assert drawn == 4  # a line before and after, for each style
    files = {path: path.read_bytes() for path in tmp_path.glob("*.npy")}
    again = load(config(), tmp_path, seed=0).views["face"].values
    assert len(caplog.records) == drawn
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(first, again)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.npy")} == files
    load(config(seed=4), tmp_path, seed=0)
    assert len(list(tmp_path.glob("*.npy"))) == 2 * len(files)


def test_an_interrupted_drawing_leaves_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("favae_cli.data.sets.avatars.draw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(config(), tmp_path, seed=0)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
