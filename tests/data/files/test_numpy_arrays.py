"""Arrays in .npy and .npz files are views where they lie, however large."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.data import Dataset
from favae_cli.data.cells import Cells
from favae_cli.data.files.table import read_table
from favae_cli.data.sets.arrays import as_view

ROWS = 20
Load = Callable[..., Dataset]


@pytest.fixture
def pictures(tmp_path: Path) -> np.ndarray:
    """Of noise, in pictures.npy."""
    values = np.random.default_rng(0).integers(0, 256, (ROWS, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", values)
    return values


def image(array: str = "pictures.npy", size: int = 8, **more: Any) -> dict[str, Any]:
    return {"kind": "image", "array": array, "size": size, "channels": 3, "crop": None, **more}


def memory_of(work: Callable[[], object]) -> int:
    """Bytes that Python and NumPy held at most while it worked."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_array_alone_is_used_where_it_lies(pictures: np.ndarray, load_manifest: Load, tmp_path: Path) -> None:
    data = load_manifest({"picture": image()}, table=None)
    assert data.keys.tolist() == [str(i) for i in range(1, ROWS + 1)]
    view = data.views["picture"]
    assert isinstance(view.values, np.memmap)
    assert not view.values.flags.writeable
    np.testing.assert_array_equal(view.gather(np.arange(ROWS)), pictures)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("pictures")
def test_arrays_without_a_table_are_of_the_same_samples(load_manifest: Load, tmp_path: Path) -> None:
    spectra = np.random.default_rng(1).normal(size=(ROWS, 4))
    spectra[3] = np.nan
    np.save(tmp_path / "spectra.npy", spectra)
    steps = np.random.default_rng(2).normal(size=(ROWS, 6, 2)).astype(np.float32)
    np.save(tmp_path / "steps.npy", steps)
    views = {
        "picture": image(),
        "spectrum": {"kind": "vector", "array": "spectra.npy"},
        "gait": {"kind": "sequence", "array": "steps.npy"},
    }
    data = load_manifest(views, table=None)
    assert np.flatnonzero(~data.views["spectrum"].present).tolist() == [3]
    np.testing.assert_array_equal(data.views["spectrum"].gather(np.array([9])), spectra[[9]])
    np.testing.assert_array_equal(data.views["gait"].gather(np.arange(ROWS)), steps)


def test_rows_of_an_array_are_those_of_the_table(pictures: np.ndarray, load_manifest: Load, tmp_path: Path) -> None:
    names = [f"s{i}" for i in range(ROWS)]
    pd.DataFrame({"id": names, "age": range(ROWS)}).to_csv(tmp_path / "people.csv", index=False)
    pd.DataFrame({"id": names[::-1]}).to_csv(tmp_path / "shown.csv", index=False)
    views = {
        "picture": image(),
        "turned": image(table="shown.csv"),
        "person": {"kind": "real", "columns": ["age"]},
    }
    data = load_manifest(views, table="people.csv", key="id")
    assert data.keys.tolist() == names
    np.testing.assert_array_equal(data.views["picture"].gather(np.arange(ROWS)), pictures)
    np.testing.assert_array_equal(data.views["turned"].gather(np.arange(ROWS)), pictures[::-1])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_in_an_archive(
    pictures: np.ndarray, load_manifest: Load, tmp_path: Path, save: Callable[..., None]
) -> None:
    save(tmp_path / "all.npz", other=np.arange(3), pixels=np.asfortranarray(pictures))
    view = load_manifest({"picture": image("pixels")}, table="all.npz").views["picture"]
    np.testing.assert_array_equal(view.gather(np.arange(ROWS)), pictures)
    assert isinstance(view.values, np.memmap) == (save is np.savez)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_byte_anywhere_in_an_archive_is_told_or_changes_nothing(
    tmp_path: Path, save: Callable[..., None]
) -> None:
    path = tmp_path / "all.npz"
    wanted = {"left": np.arange(12.0).reshape(4, 3), "right": np.random.default_rng(0).integers(0, 256, (4, 5, 2))}
    save(path, **wanted)
    whole, told = path.read_bytes(), 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :])
        try:
            arrays = read_table(path).arrays
        except UserError:
            told += 1
        else:
            for name in arrays:
                np.testing.assert_array_equal(arrays[name], wanted[name], err_msg=f"byte {place}")
    assert told > len(whole) / 6


def test_an_npy_file_by_another_name_and_what_is_no_array_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((4, 3)))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with zipfile.ZipFile(tmp_path / "notes.npz", "w") as archive:
        archive.writestr("notes.txt", "no numbers")
    for name, told in (("one", "not a zip file"), ("notes", "'notes.txt' in it is no array")):
        with pytest.raises(UserError, match=rf"{name}\.npz: cannot be read as \.npz .*: .*{told}"):
            read_table(tmp_path / f"{name}.npz")


@pytest.mark.parametrize("rows", [3, 5])
def test_a_header_that_tells_of_other_rows_than_there_are_is_refused(rows: int, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.arange(12.0).reshape(4, 3))
    path = tmp_path / "all.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("left.npy", file.getvalue().replace(b"(4, 3)", f"({rows}, 3)".encode()))
        archive.writestr("right.npy", file.getvalue())
    with pytest.raises(UserError, match=f"array 'left' is to have {rows * 24} bytes, as its header says, but has 96"):
        read_table(path)


def test_images_of_another_size_are_made_once(
    pictures: np.ndarray, load_manifest: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(**changes: Any) -> np.ndarray:
        return load_manifest({"picture": image(size=4, **changes)}, table=None).views["picture"].values

    np.testing.assert_array_equal(load(crop=4), pictures[:, 2:6, 2:6])
    halves = pictures.reshape(ROWS, 4, 2, 4, 2, 3).astype(float)
    assert abs(load().astype(float) - halves.mean(axis=(2, 4))).max() < 60  # a triangle weighs neighbours, too
    changed = np.zeros_like(pictures)
    np.save(tmp_path / "pictures.npy", changed[:, :7])
    assert (load() == 0).all()
    monkeypatch.setattr("favae_cli.data.images.cache.pixels", None)
    assert (load() == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 32])
def test_memory_does_not_grow_with_the_pixels(load_manifest: Load, tmp_path: Path, size: int) -> None:
    """Neither as they are nor while others are made of them."""
    count = 600
    np.lib.format.open_memmap(tmp_path / "pictures.npy", "w+", np.uint8, (count, 64, 64, 3))
    load_manifest({"picture": image(size=16)}, table=None)  # what is imported on the way
    view = image(size=size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("favae_cli.data.images.building.CHUNK", 16)
        assert memory_of(lambda: load_manifest({"picture": view}, table=None)) < count * size**2 * 3 / 4


def test_memory_of_arrays_given_in_python(tmp_path: Path) -> None:
    pixels = np.lib.format.open_memmap(tmp_path / "pixels.npy", "w+", np.uint8, (200, 64, 64, 3))
    assert memory_of(lambda: as_view("x", Cells.of("x", pixels), "image")) < pixels.nbytes / 4


MISTAKES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "not there": (None, image("none.npy"), r"data\.views\.x\.array: there is no file .*none\.npy"),
    "no array": (b"text", image("x.npy"), r"x\.npy: cannot be read as \.npy of numbers"),
    "objects": (np.array([None, "a"]), image("x.npy"), r"x\.npy: cannot be read as \.npy of numbers"),
    "no row": (np.zeros((0, 8, 8, 3), np.uint8), image("x.npy"), r"x\.npy: the array has no row"),
    "a number": (np.array(3), image("x.npy"), r"x\.npy: the array has no row"),
    "floats": (
        np.ones((ROWS, 8, 8, 3)),
        image("x.npy"),
        r"x\.array: array 'x\.npy' of .* of float64; images are uint8",
    ),
    "other rows": (
        np.zeros((3, 8, 8, 3), np.uint8),
        image("x.npy"),
        r"x\.npy: has 3 rows, but .*pictures\.npy has 20; row n of both is a sample",
    ),
    "one dimension": (
        np.ones(ROWS),
        {"kind": "vector", "array": "x.npy"},
        r"x\.array: array 'x\.npy' of .* has shape \(20,\); it must be \(N, D\)",
    ),
    "columns": (
        np.ones((ROWS, 2)),
        {"kind": "real", "columns": ["age"], "table": "x.npy"},
        r"x\.columns: no column 'age'",
    ),
}


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(("held", "view", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_named(load_manifest: Load, tmp_path: Path, held: Any, view: dict[str, Any], message: str) -> None:
    if isinstance(held, bytes):
        (tmp_path / "x.npy").write_bytes(held)
    elif held is not None:
        np.save(tmp_path / "x.npy", held)
    with pytest.raises(UserError, match=message):
        load_manifest({"whole": image(), "x": view}, table=None)


def test_a_file_cut_short_is_named(pictures: np.ndarray, load_manifest: Load, tmp_path: Path) -> None:
    path = tmp_path / "pictures.npy"
    path.write_bytes(path.read_bytes()[: pictures.nbytes // 2])
    with pytest.raises(UserError, match=r"pictures\.npy: cannot be read as \.npy"):
        load_manifest({"picture": image()}, table=None)


def test_only_arrays_can_do_without_a_table(shipped: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    views = {"picture": image(), "told": {"kind": "text", "column": "remark"}}
    config = shipped("manifest", root=str(tmp_path), table=None, views=views)
    schema: TypeAdapter[Any] = TypeAdapter(DataConfig)
    assert [*schema.validate_python(config).contradictions()] == [
        "data.views.told.table: must be given where data.table is null"
    ]
