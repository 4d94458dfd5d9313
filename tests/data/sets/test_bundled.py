"""Data that come with the program are what they are said to be, and their holes are at random and known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.datasets import load_digits

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.data import Dataset, load

SCHEMA: TypeAdapter[Any] = TypeAdapter(DataConfig)
SETS = {"wine": (178, 13, 3), "breast_cancer": (569, 30, 2), "diabetes": (442, 10, 2), "iris": (150, 4, 3)}

Make = Callable[..., Dataset]


@pytest.fixture
def make(shipped: Callable[..., dict[str, Any]], tmp_path: Path) -> Make:
    def make(name: str, entries: float = 0.0, views: float = 0.0, seed: int = 0, **changes: Any) -> Dataset:
        config = shipped(name, missing={"entries": entries, "views": views}, seed=seed, **changes)
        return load(SCHEMA.validate_python(config), tmp_path, seed=9)

    return make


def test_digits_and_what_describes_them(make: Make) -> None:
    data = make("digits")
    assert len(data.keys) == 1797
    image, fourier, profile, label = (data.views[name] for name in ("image", "fourier", "profile", "label"))
    assert image.values.shape == (1797, 8, 8, 1)
    assert image.values.dtype == np.uint8
    assert (image.values.min(), image.values.max()) == (0, 255)
    ink = image.values[..., 0] / 255
    np.testing.assert_allclose(profile.values[:, :8], ink.sum(axis=2), atol=8 / 255)
    np.testing.assert_allclose(profile.values[:, 8:], ink.sum(axis=1), atol=8 / 255)
    assert profile.columns[8] == "column_0"
    # The 34 magnitudes are all there are: put back in place they are those of the whole transform.
    whole = np.abs(np.fft.fft2(load_digits().images / 16))
    for column, name in enumerate(fourier.columns):
        u, v = map(int, name.split("_")[1:])
        np.testing.assert_allclose(fourier.values[:, column], whole[:, u, v], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(fourier.values[:, column], whole[:, -u, -v], rtol=1e-5, atol=1e-5)
    seen = {(int(u) % 8, int(v) % 8) for _, u, v in (name.split("_") for name in fourier.columns)}
    assert seen | {(-u % 8, -v % 8) for u, v in seen} == {(u, v) for u in range(8) for v in range(8)}
    assert len(seen) == 34
    assert label.groups == (10,)
    assert label.columns[7] == "digit=7"
    np.testing.assert_array_equal(label.values.argmax(axis=1), load_digits().target)
    assert data.truth == {}


@pytest.mark.parametrize("name", SETS)
def test_tables(make: Make, name: str) -> None:
    data = make("bundled", set=name)
    rows, columns, classes = SETS[name]
    assert data.name == name
    assert data.views["numbers"].values.shape == (rows, columns)
    assert data.views["categories"].groups == (classes,)
    assert (data.views["categories"].values.sum(axis=1) == 1).all()
    assert not any("/" in column for view in data.views.values() for column in view.columns)
    assert np.isfinite(data.views["numbers"].values).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_hidden_entries_are_as_many_as_asked_and_their_truth_is_kept(make: Make, share: float) -> None:
    whole, data = make("digits"), make("digits", entries=share)
    assert data.views["image"].present.all()
    for name in ("fourier", "profile", "label"):
        view = data.views[name]
        truth = data.truth[name]
        np.testing.assert_array_equal(truth, whole.views[name].values)
        there = np.flatnonzero(view.present)
        shown = ~np.isnan(view.gather(there))
        assert shown.sum() / truth.size == pytest.approx(1 - share, abs=0.03)
        np.testing.assert_array_equal(view.gather(there)[shown], truth[there][shown])
    labels = data.views["label"].values
    assert not np.isnan(labels).any()  # a label is hidden as one entry, which is the view


def test_hidden_views_leave_everybody_one(make: Make) -> None:
    data = make("digits", views=0.8)
    present = np.stack([view.present for view in data.views.values()])
    assert present.any(axis=0).all()
    assert len(data.keys) == 1797
    kept = 0.2 + 0.8**4 / 4  # whoever would lose all four keeps one of them
    np.testing.assert_allclose(present.mean(axis=1), kept, atol=0.04)
    only = present[:, present.sum(axis=0) == 1]
    assert only.any(axis=1).all()


def test_nobody_loses_everything(make: Make) -> None:
    data = make("bundled", set="iris", entries=0.8, views=0.3)
    assert len(data.keys) == 150
    assert np.any([view.present for view in data.views.values()], axis=0).all()
    assert data.notes == ()


def test_the_seed_decides_on_holes_and_split(make: Make) -> None:
    first, again, other = (make("bundled", entries=0.3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.views["numbers"].values, again.views["numbers"].values)
    assert first.split["test"].tolist() == again.split["test"].tolist() != other.split["test"].tolist()
    assert not np.array_equal(np.isnan(first.views["numbers"].values), np.isnan(other.views["numbers"].values))


def test_a_larger_share_hides_what_a_smaller_one_does(make: Make) -> None:
    few, many = (np.isnan(make("bundled", entries=share).views["numbers"].values) for share in (0.2, 0.4))
    assert few.shape == many.shape
    assert (many | ~few).all()


def test_views_of_other_names_keep_their_truth(make: Make) -> None:
    data = make("bundled", entries=0.3).seen_as({"chemistry": "numbers"})
    assert list(data.truth) == ["chemistry"]
    assert data.truth["chemistry"].shape == (178, 13)


def test_use_picks_views(make: Make) -> None:
    data = make("digits", use=["profile", "label"], views=0.5)
    assert list(data.views) == ["profile", "label"]
    assert len(data.keys) < 1797
    assert all(len(truth) == len(data.keys) for truth in data.truth.values())
    assert "samples left out, which lack profile and label" in data.notes[0]


def test_too_many_holes_are_refused(make: Make) -> None:
    with pytest.raises(UserError, match=r"data\.missing: constant over the 1258 training samples.*\(always missing\)"):
        make("digits", entries=0.9999)


@pytest.mark.parametrize("name", ["digits", "bundled"])
def test_kinds_and_sides(shipped: Callable[..., dict[str, Any]], name: str) -> None:
    config = SCHEMA.validate_python(shipped(name))
    assert {view: side for view, side in config.sides().items() if side} == ({"image": 8} if name == "digits" else {})
    assert list(config.kinds()) == list(config.sides())
