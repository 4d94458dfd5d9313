"""Data that changed are told from data that did not, whatever else happened to their file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from favae_cli.data import Dataset, ViewData
from favae_cli.data.fingerprint import Fingerprint

Change = Callable[[Dataset], Dataset]


def dataset(count: int = 20) -> Dataset:
    rng = np.random.default_rng(0)
    numbers, images = rng.standard_normal((20, 2)), rng.integers(0, 256, (20, 6, 6, 3), np.uint8)
    texts = np.array([f"text {number}" for number in range(20)], object)
    row = np.arange(count)
    holes = np.where(row % 5 == 0, -1, row)
    views = {
        "numbers": ViewData(numbers[:count].astype(np.float32), holes, ("a", "b"), kind="real"),
        "face": ViewData(images[:count], row, kind="image"),
        "remark": ViewData(texts[:count], row, kind="text"),
    }
    split = {"train": row[:10], "validation": row[10:12], "test": row[12:15]}
    return Dataset("toy", np.array([f"sample {number}" for number in row]), views, split)


def with_view(name: str, change: Callable[[ViewData], ViewData]) -> Change:
    return lambda data: replace(data, views=data.views | {name: change(data.views[name])})


def values(change: Callable[[np.ndarray], object]) -> Callable[[ViewData], ViewData]:
    def changed(view: ViewData) -> ViewData:
        copy = view.values.copy()
        change(copy)
        return replace(view, values=copy)

    return changed


def without_first_gap(view: ViewData) -> ViewData:
    return replace(view, row=np.where(view.row < 0, [0] + [-1] * 19, view.row))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_view("numbers", values(lambda v: v.__setitem__((7, 1), 3.0))), "view numbers has other values"),
        (with_view("remark", values(lambda v: v.__setitem__(7, "text"))), "view remark has other values"),
        (with_view("face", values(lambda v: v.__setitem__(slice(None), v[::-1].copy()))), "view face has other images"),
        (with_view("face", values(lambda v: v.fill(0))), "view face has other images"),
        (with_view("numbers", lambda view: replace(view, columns=("b", "a"))), "numbers has columns b, a, not a, b"),
        (with_view("numbers", lambda view: replace(view, kind="counts")), "view numbers has kind counts, not real"),
        (with_view("numbers", without_first_gap), "other samples have view numbers"),
        (lambda data: data.taken(np.arange(3, 20), {}), "3 of 20 samples are gone, the first is 'sample 0'"),
    ],
)  # fmt: skip
def test_what_changed_is_named(change: Change, told: str) -> None:
    (found,) = Fingerprint.of(dataset()).differences(change(dataset()))
    assert found.removeprefix("view ") == told.removeprefix("view ")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data,
        lambda data: data.taken(np.random.default_rng(1).permutation(20), data.split),
        with_view("numbers", lambda view: replace(view, values=view.values.astype(np.float64))),
        with_view("face", values(lambda v: np.bitwise_xor(v, 1, out=v))),  # as another version of a decoder may
    ],
    ids=["nothing", "order", "width", "decoder"],
)
def test_what_changes_nothing_is_no_difference(change: Change) -> None:
    assert list(Fingerprint.of(dataset()).differences(change(dataset()))) == []


def test_new_samples_are_no_difference_and_those_known_keep_their_split() -> None:
    seen, now = Fingerprint.of(dataset(15)), dataset(20)
    now = now.taken(np.roll(np.arange(20), 5), {})
    assert list(seen.differences(now)) == []
    place, new = seen.found_in(now)
    assert now.keys[place].tolist() == dataset(15).keys.tolist()
    assert now.keys[new].tolist() == [f"sample {number}" for number in range(15, 20)]
    for name, indices in seen.parts().items():
        np.testing.assert_array_equal(indices, dataset(15).split[name])


def test_it_is_the_same_from_its_arrays() -> None:
    seen = Fingerprint.of(replace(dataset(), keys=np.array([f"größe {number}" for number in range(20)])))
    again = Fingerprint.of_arrays(seen.arrays(), seen.views)
    assert again.keys.tolist() == seen.keys.tolist()
    np.testing.assert_array_equal(again.split, seen.split)
    np.testing.assert_array_equal(again.brightness["face"], seen.brightness["face"])


def test_samples_of_one_name_are_told_apart_by_their_order() -> None:
    alike = replace(dataset(), keys=np.array(["one", "two"] * 10))
    place, new = Fingerprint.of(alike).found_in(alike)
    np.testing.assert_array_equal(place, np.arange(20))
    assert not len(new)
