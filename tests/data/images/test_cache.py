"""Images are decoded once, kept whole, and bad files are named every time."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.data import ViewData
from favae_cli.data.images import building
from favae_cli.data.images import cache as cache_module
from favae_cli.data.images.cache import cached_images
from favae_cli.data.images.decoding import Transform, decode
from favae_cli.data.images.sharded import ShardedImages


def colour(i: int) -> tuple[int, int, int]:
    return (10 * i, 255 - 10 * i, 100)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Seven one-coloured PNG files; number i has colour(i)."""
    paths = [tmp_path / f"{i}.png" for i in range(7)]
    for i, path in enumerate(paths):
        Image.new("RGB", (20, 12), colour(i)).save(path)
    return paths


def load(
    files: list[Path],
    size: int = 8,
    channels: int = 3,
    crop: int | None = None,
    on_bad: Literal["skip", "stop"] = "skip",
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    return cached_images(files, size, channels, crop, files[0].parent / "cache", on_bad)


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(path: str, transform: object) -> None:
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr(cache_module, "decode", decode)


def test_every_path_gets_its_pixels(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "CHUNK", 3)
    order = [files[i] for i in (4, 0, 6, 1, 4, 5, 2)]
    values, row, notes = load(order)
    assert values.shape == (6, 8, 8, 3)
    assert values.dtype == np.uint8
    assert row.dtype == np.int64
    for path, position in zip(order, row, strict=True):
        assert (values[position] == colour(int(path.stem))).all()
    assert row[0] == row[4]
    assert notes == ()
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 0


def test_second_call_decodes_nothing(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, _ = load(files)
    forbid_decoding(monkeypatch)
    second, _, _ = load(files)
    assert np.array_equal(first, second)


def test_changed_file_is_decoded_again(files: list[Path]) -> None:
    load(files)
    state = files[3].stat()
    Image.new("RGB", (20, 12), "white").save(files[3])
    os.utime(files[3], ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    values, row, _ = load(files)
    assert (values[row[3]] == 255).all()


def test_bad_files_are_named_every_time(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(noise).save(files[1])
    files[1].write_bytes(files[1].read_bytes()[:600])
    files[2].write_text("no picture at all")
    files[5].unlink()
    values, row, notes = load(files)
    assert values.shape[0] == 4
    assert row.tolist() == [0, -1, -1, 1, 2, -1, 3]
    assert (values[2] == colour(4)).all()
    assert (values[3] == colour(6)).all()
    (note,) = notes
    assert note.startswith("3 of 7 images skipped")
    for path, reason in ((files[1], "truncated"), (files[2], "not an image"), (files[5], "no such file")):
        assert str(path) in note
        assert reason in note
        assert any(str(path) in record.message for record in caplog.records)

    forbid_decoding(monkeypatch)
    assert load(files)[2] == notes
    with pytest.raises(UserError, match=r"1\.png: .*data\.on_bad_image=skip"):
        load(files, on_bad="stop")


def test_long_lists_are_cut_but_kept_in_a_file(files: list[Path]) -> None:
    for path in files[:-1]:
        path.write_bytes(b"")
    (note,) = load(files)[2]
    assert note.startswith("6 of 7")
    assert "and 1 more" in note
    kept = Path(note.partition("listed in ")[2].rstrip(")")).read_text(encoding="utf-8")
    assert all(str(path) in kept for path in files[:-1])


def test_stop_names_the_file_and_leaves_nothing_half_done(files: list[Path]) -> None:
    files[2].write_bytes(b"")
    with pytest.raises(UserError, match=r"2\.png: not an image"):
        load(files, on_bad="stop")
    assert not list((files[0].parent / "cache").glob("*.npy"))
    assert load(files)[1].tolist() == [0, 1, -1, 2, 3, 4, 5]


def test_not_one_good_image(files: list[Path]) -> None:
    for path in files:
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"not one of 7 images could be read, .*0\.png \(not an image\)"):
        load(files)


def test_unreadable_file_is_no_bad_image(files: list[Path]) -> None:
    files[4].unlink()
    files[4].mkdir()
    with pytest.raises(UserError, match=r"4\.png: cannot be read"):
        load(files)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were decoded; the first time that 5.png comes up, the building is interrupted."""
    names: list[str] = []

    def noting(path: str, transform: Transform) -> object:
        names.append(Path(path).name)
        if names[-1] == "5.png" and "5.png" not in seen:
            seen.add("5.png")
            raise KeyboardInterrupt
        return decode(path, transform)

    seen: set[str] = set()
    monkeypatch.setattr(cache_module, "decode", noting)
    return names


@pytest.mark.usefixtures("decoded")
def test_interrupted_build_starts_afresh(files: list[Path]) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(files)
    values, row, _ = load(files)
    assert (values[row[6]] == colour(6)).all()


def test_two_at_once_build_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Path] = []

    def counting(path: str, transform: Transform) -> object:
        decoded.append(Path(path))
        return decode(path, transform)

    monkeypatch.setattr(cache_module, "decode", counting)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(load(files)[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decoded) == files
    assert np.array_equal(results[0], results[1])


def test_transparency_becomes_white(files: list[Path]) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 8, 4))
    image.save(files[0])
    image.convert("P").save(files[1], transparency=image.convert("P").getpixel((0, 7)))
    values, row, _ = load(files[:2])
    for i in (0, 1):
        assert (values[row[i], 4:] == 255).all()
        assert (values[row[i], :4, :, 0] > 250).all()
        assert (values[row[i], :4, :, 1:] < 5).all()


def test_grey_and_sixteen_bits(files: list[Path]) -> None:
    Image.fromarray(np.full((8, 8), 0x80FF, dtype=np.uint16)).save(files[0])
    Image.new("L", (8, 8), 77).save(files[1])
    values, _, _ = load(files[:2], channels=1)
    assert values.shape == (2, 8, 8, 1)
    assert (values[0] == 0x80).all()
    assert (values[1] == 77).all()


def test_photos_are_turned_upright(files: list[Path]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the first row of the file is the right side
    image = Image.new("RGB", (8, 8))
    image.paste("white", (0, 0, 8, 4))
    image.save(files[0], exif=exif)
    values, _, _ = load(files[:1])
    assert (values[0, :, 4:] == 255).all()
    assert (values[0, :, :4] == 0).all()


@pytest.mark.parametrize(("crop", "white"), [(8, 1.0), (16, 0.25), (100, 0.16), (None, 0.08)])
def test_crop_is_central_and_comes_first(files: list[Path], crop: int | None, white: float) -> None:
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (16, 6, 24, 14))  # 8 x 8 pixels in the middle
    image.save(files[0])
    values, _, _ = load(files[:1], size=32, crop=crop)
    assert values.mean() / 255 == pytest.approx(white, abs=0.01)
    assert np.array_equal(values[0], values[0, ::-1, ::-1])


def test_progress_is_logged_where_nobody_looks_on(files: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        load(files)
    assert caplog.messages[-1] == "Decoding images: 7 of 7"


BUILDER = """
import sys, time
from pathlib import Path
from favae_cli.data.images import cache

folder, name = Path(sys.argv[1]), sys.argv[2]
decode, count = cache.decode, 0

def slow(path, transform):
    global count
    count += 1
    (folder / f"{name}.decodes").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return decode(path, transform)

cache.decode = slow
(folder / f"{name}.asks").touch()
values, row, _ = cache.cached_images(sorted(folder.glob("*.png")), 8, 3, None, folder / "cache", "skip")
print(count, values[row].sum())
"""


@pytest.mark.slow
def test_of_two_processes_one_builds_and_the_other_waits(files: list[Path]) -> None:
    folder = files[0].parent

    def start(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", BUILDER, str(folder), name]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_for(name: str) -> None:
        deadline = time.monotonic() + 60
        while not (folder / name).exists():
            assert time.monotonic() < deadline, f"no {name}"
            time.sleep(0.01)

    one = start("one")
    wait_for("one.decodes")
    other = start("other")
    wait_for("other.asks")
    (folder / "go").touch()
    sums = [process.communicate(timeout=60)[0].split() for process in (one, other)]
    assert sums == [["7", sums[0][1]], ["0", sums[0][1]]]
    assert int(sums[0][1]) == sum(64 * sum(colour(i)) for i in range(7))


@pytest.mark.parametrize(("name", "bound"), [("CHUNK", 4), ("AHEAD", 4 * 3 * 96**2)])
def test_memory_holds_only_the_images_decoded_ahead(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, name: str, bound: int
) -> None:
    more = [files[0].parent / f"more{i}.png" for i in range(100)]
    for path in more:
        Image.new("RGB", (4, 4), "red").save(path)
    monkeypatch.setattr(building, name, bound)
    load(more[:1], size=96)  # what is imported on the way
    tracemalloc.start()
    try:
        load(more, size=96)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * 3 * 96**2


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images of 8 x 8 pixels a file, and a byte that is too few for a fourth."""
    monkeypatch.setattr(cache_module, "SHARD", 4 * 192 - 1)


@pytest.mark.usefixtures("small_shards")
def test_shards_are_as_one_file(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    files[1].write_bytes(b"")
    files[4].unlink()
    order = [files[i] for i in (4, 6, 0, 6, 1, 3, 2, 5)]
    values, row, notes = load(order)
    assert len(list((files[0].parent / "cache").glob("*.npy"))) == 3
    monkeypatch.undo()
    whole, whole_row, whole_notes = load(order)
    assert isinstance(whole, np.memmap)
    assert values.shape == whole.shape == (5, 8, 8, 3)
    assert np.array_equal(np.asarray(values), whole)
    assert np.array_equal(row, whole_row)
    assert row.tolist() == [-1, 0, 1, 0, -1, 2, 3, 4]
    assert notes == whole_notes
    picked = ViewData(values, row).gather(np.array([7, 1, 2, 1]))
    assert [tuple(image[0, 0]) for image in picked] == [colour(i) for i in (5, 6, 0, 6)]


@pytest.mark.usefixtures("small_shards")
def test_finished_shards_outlive_an_interruption(files: list[Path], decoded: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(files)
    decoded.clear()
    values, row, _ = load(files)
    assert sorted(decoded) == ["3.png", "4.png", "5.png", "6.png"]
    assert [tuple(image[0, 0]) for image in values[row]] == [colour(i) for i in range(7)]
    more = files[0].parent / "7.png"
    Image.new("RGB", (8, 8), colour(7)).save(more)
    decoded.clear()
    assert load([*files, more])[0].shape[0] == 8
    assert sorted(decoded) == ["6.png", "7.png"]


@pytest.mark.usefixtures("small_shards")
def test_a_shard_may_lie_on_another_disk(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    load(files)
    elsewhere = files[0].parent / "elsewhere"
    elsewhere.mkdir()
    for shard in (files[0].parent / "cache").glob("*.npy"):
        shard.rename(elsewhere / shard.name)
        shard.symlink_to(elsewhere / shard.name)
    forbid_decoding(monkeypatch)
    values, row, _ = load(files)
    assert [tuple(image[0, 0]) for image in values[row]] == [colour(i) for i in range(7)]


def test_a_full_disk_is_named(files: list[Path]) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, most))
    try:
        with pytest.raises(
            UserError, match=r"cache: .*images-32x32x3-.*\.npy of 0\.0 GiB cannot be written \(File too"
        ):
            load(files, size=32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert not list((files[0].parent / "cache").glob("*.npy"))


@pytest.mark.usefixtures("small_shards")
def test_a_shard_may_hold_no_good_image(files: list[Path]) -> None:
    for path in files[3:6]:
        path.write_bytes(b"")
    values, row, _ = load(files)
    assert row.tolist() == [0, 1, 2, -1, -1, -1, 3]
    assert tuple(values[row[-1:]][0, 0, 0]) == colour(6)


@pytest.mark.slow
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.data())
def test_rows_of_shards(sizes: list[int], data: st.DataObject) -> None:
    count = sum(sizes)
    whole = np.arange(count * 6, dtype=np.uint8).reshape(count, 2, 3, 1)
    shards = ShardedImages(np.split(whole, np.cumsum(sizes)[:-1]))
    assert len(shards) == count
    assert (shards.shape, shards.ndim, shards.dtype, shards.nbytes) == (
        whole.shape,
        4,
        whole.dtype,
        whole.nbytes,
    )
    rows = np.array(data.draw(st.lists(st.integers(0, max(0, count - 1)), max_size=8 if count else 0)), np.int64)
    start, stop = data.draw(st.integers(-5, 20)), data.draw(st.integers(-5, 20))
    for chosen in (rows, slice(start, stop), slice(None, 0), np.arange(count) % 2 == 0):
        np.testing.assert_array_equal(shards[chosen], whole[chosen])
    np.testing.assert_array_equal(np.asarray(shards), whole)
    np.testing.assert_array_equal([*shards], [*whole])
    for outside in (count, -1):
        with pytest.raises(IndexError, match=f"of {count} images"):
            shards[np.array([outside])]
