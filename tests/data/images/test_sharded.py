"""Tar shards make the views that the same data in a table and files make, and say what is wrong with them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from favae_cli.common.errors import UserError
from favae_cli.data import SPLITS, Dataset
from favae_cli.data.files.webdataset import Member, expanded, read_shards
from favae_cli.preparation.guess_pictures import image_header

Files = Sequence[tuple[str, bytes]]
COUNT = 20


def picture(number: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (10, 10), (number, 0, 255 - number)).save(sink, "PNG")
    return sink.getvalue()


def sample(number: int, **more: Any) -> list[tuple[str, bytes]]:
    """A WebDataset sample: a picture, numbers, a class and a text."""
    name = f"part/{number:03}"
    held = {"age": number + 0.5, "smiles": number % 2 == 0, "town": "ab"[number % 2], "none": None} | more
    return [
        (f"{name}.png", picture(number)),
        (f"{name}.json", json.dumps(held).encode()),
        (f"{name}.cls", str(number % 3).encode()),
        (f"{name}.txt", f"sample {number}\n".encode()),
    ]


def write(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Four shards of five samples each."""
    return [
        write(tmp_path / f"pics-{shard:02}.tar", [file for i in range(5 * shard, 5 * shard + 5) for file in sample(i)])
        for shard in range(4)
    ]


VIEWS: dict[str, Any] = {
    "photo": {"kind": "image", "column": "png", "size": 8, "channels": 3, "crop": None},
    "person": {"kind": "real", "columns": ["age"]},
    "labels": {"kind": "binary", "columns": ["smiles"], "binarise": {}, "empty": "missing"},
    "what": {"kind": "categorical", "columns": ["cls", "town"]},
    "told": {"kind": "text", "column": "txt"},
}


@pytest.mark.parametrize("name", ["pics-{00..03}.tar", "pics-*.tar"])
def test_shards_are_as_a_table_with_files(
    shards: list[Path], load_manifest: Callable[..., Dataset], tmp_path: Path, name: str
) -> None:
    found = load_manifest(VIEWS, table=name, key="__key__")

    rows = []
    for i in range(COUNT):
        (tmp_path / f"{i}.png").write_bytes(picture(i))
        rows.append([f"part/{i:03}", f"{i}.png", i + 0.5, i % 2 == 0, i % 3, "ab"[i % 2], f"sample {i}"])
    columns = ["name", "png", "age", "smiles", "cls", "town", "txt"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "table.csv", index=False)
    plain = load_manifest(VIEWS, table="table.csv", key="name")

    assert found.keys.tolist() == plain.keys.tolist()
    for view in VIEWS:
        one, other = (data.views[view].gather(np.arange(COUNT)) for data in (found, plain))
        np.testing.assert_array_equal(one, other)
    for split in SPLITS:
        np.testing.assert_array_equal(found.split[split], plain.split[split])
    assert found.views["what"].columns == ("cls=0", "cls=1", "cls=2", "town=a", "town=b")
    assert (found.views["photo"].gather(np.array([7]))[0, 0, 0] == (7, 0, 248)).all()


def test_a_sample_may_lack_a_file(tmp_path: Path, load_manifest: Callable[..., Dataset]) -> None:
    files = [file for i in range(COUNT) for file in sample(i) if file[0] not in ("part/003.png", "part/004.txt")]
    write(tmp_path / "pics.tar", files)
    data = load_manifest(VIEWS, table="pics.tar", key="__key__")
    assert np.flatnonzero(~data.views["photo"].present).tolist() == [3]
    assert np.flatnonzero(~data.views["told"].present).tolist() == [4]


def test_shards_join_with_another_table(
    shards: list[Path], load_manifest: Callable[..., Dataset], tmp_path: Path
) -> None:
    names = [f"part/{i:03}" for i in reversed(range(COUNT))]
    pd.DataFrame({"__key__": names, "mass": range(COUNT)}).to_csv(tmp_path / "more.csv", index=False)
    more = {"kind": "real", "columns": ["mass"], "table": "more.csv"}
    data = load_manifest({"photo": VIEWS["photo"], "more": more}, table="pics-*.tar", key="__key__")
    assert data.keys[4] == "part/004"
    assert data.views["more"].gather(np.array([4])).tolist() == [[15]]


def test_a_bad_image_is_named_by_its_shard(tmp_path: Path, load_manifest: Callable[..., Dataset]) -> None:
    files = [(name, b"no image" if name == "part/006.png" else data) for i in range(9) for name, data in sample(i)]
    write(tmp_path / "pics.tar", files)
    data = load_manifest({"photo": VIEWS["photo"], "told": VIEWS["told"]}, table="pics.tar", key="__key__")
    assert np.flatnonzero(~data.views["photo"].present).tolist() == [6]
    (note,) = data.notes
    assert "pics.tar!part/006.png" in note
    assert "not an image" in note


def test_a_shard_that_changed_is_decoded_again(tmp_path: Path, load_manifest: Callable[..., Dataset]) -> None:
    def first_pixel(colour: int) -> int:
        write(tmp_path / "pics.tar", [(f"{i}.png", picture(colour)) for i in range(COUNT)])
        data = load_manifest({"photo": VIEWS["photo"]}, table="pics.tar", key="__key__")
        return int(data.views["photo"].gather(np.array([0]))[0, 0, 0, 0])

    assert [first_pixel(3), first_pixel(200)] == [3, 200]


def test_names_of_shards(tmp_path: Path) -> None:
    def names(text: str) -> list[str]:
        return [path.name for path in expanded(tmp_path / text)]

    for name in ("b-1.tar", "b-0.tar", "other.txt"):
        (tmp_path / name).touch()
    assert names("a-{08..11}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]
    assert names("{0..1}-{0..1}.tar") == ["0-0.tar", "0-1.tar", "1-0.tar", "1-1.tar"]
    assert names("b-*.tar") == ["b-0.tar", "b-1.tar"]
    assert names("b-?.csv") == ["b-?.csv"]


def test_cells_of_every_kind(tmp_path: Path) -> None:
    held = {"nothing": None, "yes": True, "word": "two words", "number": 1e-9, "list": [1, 2]}
    path = write(
        tmp_path / "one.tar",
        [("./dir.x/a.JSON", json.dumps(held).encode()), ("./dir.x/a.seg.png", picture(9)), ("README", b"no sample")],
    )
    frame = read_shards(path)
    assert frame.shape == (1, 7)
    row = frame.iloc[0]
    assert row["__key__"] == "dir.x/a"
    assert [row[name] for name in held] == ["", "true", "two words", "1e-09", "[1, 2]"]
    member = Member.named(row["seg.png"])
    assert member is not None
    assert member.read() == picture(9)


def test_long_names_and_places_past_them(tmp_path: Path) -> None:
    """Long names take header blocks of their own, behind which the bytes of the file begin."""
    name = "directory/" * 20 + "picture.png"
    path = write(tmp_path / "long.tar", [(name, picture(1)), ("next.png", picture(2))])
    members = [Member.named(cell) for cell in read_shards(path)["png"]]
    assert [member and member.read() for member in members] == [picture(1), picture(2)]


def test_headers_are_looked_at_in_shards(shards: list[Path]) -> None:
    assert image_header(Path(read_shards(shards[1])["png"][0])) == (10, 10, "RGB")


MISTAKES: dict[str, tuple[Mapping[str, Files], str]] = {
    "twice over shards": (
        {"a-0.tar": sample(1), "a-1.tar": sample(2) + sample(1)},
        r"sample 'part/001' is in .*a-0\.tar and in .*a-1\.tar; names differ over all shards",
    ),
    "twice in a shard": (
        {"a-0.tar": sample(1) + sample(2) + sample(1)},
        r"a-0\.tar: files of 'part/001' do not stand together, or are of two samples",
    ),
    "a file twice": (
        {"a-0.tar": [*sample(1), ("part/001.png", b"")]},
        r"a-0\.tar: sample 'part/001' has 'png' in part/001\.png and in a file before it",
    ),
    "a key that is a file": (
        {"a-0.tar": sample(1, png="a name")},
        r"a-0\.tar: sample 'part/001' has 'png' in part/001\.json and in a file before it",
    ),
    "no JSON": ({"a-0.tar": [("x.json", b"{'a': 1}")]}, r"a-0\.tar!x\.json: is no JSON in UTF-8"),
    "no object": ({"a-0.tar": [("x.json", b"[1]")]}, r"a-0\.tar!x\.json: must hold an object, .* not list"),
    "no UTF-8": ({"a-0.tar": [("x.txt", b"\xff")]}, r"a-0\.tar!x\.txt: is no text in UTF-8"),
    "no sample": ({"a-0.tar": [("README", b"text")]}, r"a-\*\.tar: holds no sample"),
}


@pytest.mark.parametrize(("tars", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_named(tmp_path: Path, tars: Mapping[str, Files], message: str) -> None:
    for name, files in tars.items():
        write(tmp_path / name, files)
    with pytest.raises(UserError, match=message):
        read_shards(tmp_path / "a-*.tar")


@pytest.mark.parametrize("cut", ["in a file", "at its end", "in a header", "no tar"])
def test_damaged_shards_are_named(tmp_path: Path, cut: str) -> None:
    path = write(tmp_path / "a.tar", [("x.png", bytes(2000)), ("y.png", bytes(2000))])
    data = path.read_bytes()
    file = 512 + 2048  # header and the blocks of a file
    damaged = {
        "in a file": data[: file + 700],
        "at its end": data[:file],
        "in a header": data[:file] + b"garbage!" * 64 + data[file + 512 :],
        "no tar": b"garbage!" * 500,
    }
    path.write_bytes(damaged[cut])
    with pytest.raises(UserError, match=r"a\.tar: (is damaged or cut short at byte 2560|cannot be read as a plain)"):
        read_shards(path)


def test_a_shard_that_is_not_there(shards: list[Path], load_manifest: Callable[..., Dataset]) -> None:
    shards[2].unlink()
    with pytest.raises(UserError, match=r"data\.table: there is no file .*pics-02\.tar"):
        load_manifest(VIEWS, table="pics-{00..03}.tar")
    with pytest.raises(UserError, match=r"data\.table: there is no file .*dogs-\*\.tar"):
        load_manifest(VIEWS, table="dogs-*.tar")


def test_an_extension_that_no_sample_has(shards: list[Path], load_manifest: Callable[..., Dataset]) -> None:
    with pytest.raises(UserError, match=r"data\.views\.photo\.column: no column 'jpg'; .*there are __key__, age, cls"):
        load_manifest({"photo": VIEWS["photo"] | {"column": "jpg"}}, table="pics-*.tar")


def test_names_that_stand_for_nothing_or_without_end(tmp_path: Path) -> None:
    for text in ("a**b.tar", "[.tar", f"{'a' * 300}*.tar"):
        assert expanded(tmp_path / text) == [tmp_path / text]
    with pytest.raises(UserError, match="stands for 1000000000000 files; no more than 1000000 can be named"):
        expanded(tmp_path / "a-{000000000000..999999999999}.tar")
