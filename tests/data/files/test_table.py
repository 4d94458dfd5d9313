"""Tables of text: what is no whole table is refused by name and line."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.files import packed
from favae_cli.data.files.table import read_table

WHOLE = 'id,remark,price\na,"good,\nand new",3\n\nb,,\nc,old,5\n'


def test_empty_cells_and_empty_lines_are_no_short_rows(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(WHOLE)
    assert read_table(tmp_path / "shop.csv").frame["price"].tolist() == ["3", "", "5"]


@pytest.mark.parametrize(("text", "line", "cells"), [(WHOLE[:-3], 6, 2), (WHOLE + "d\n", 7, 1)])
def test_a_row_that_ends_early_is_refused_with_its_line(text: str, line: int, cells: int, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_table(path)
    assert str(refused.value) == (
        f"{path}: line {line} has {cells} of the 3 cells that the header names; is the file whole? "
        "An empty cell needs its comma"
    )


def test_a_long_text_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"id,remark,price\na,{'x' * 200_000},\n")
    assert len(read_table(path).frame["remark"][0]) == 200_000


def one_line(path: Path, *wanted: str) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(UserError) as refused:
        read_table(path, wanted or ("*",))
    (line,) = str(refused.value).splitlines()
    assert str(path) in line
    return line


COLUMNS = {"id": ["a", "b", "c"], "price": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize("cell", [b"\xff", [1.0, 2.0], {"x": 1}])
def test_a_column_that_holds_neither_numbers_nor_texts_is_refused_where_it_is_asked_for(
    cell: Any, tmp_path: Path
) -> None:
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.table(COLUMNS | {"odd": [cell] * 3}), path)
    table = read_table(path)
    assert table.values("price", "data").tolist() == ["1", "2", "3"]
    for ask in (lambda: table.column("odd", "data.key"), lambda: table.matching(["odd"], "data.views.x.columns")):
        with pytest.raises(UserError, match=r"^data\S+: column 'odd' of .*shop\.parquet holds .+; use numbers"):
            ask()


@pytest.mark.parametrize("noted", [b"{no JSON", b'{"index_columns": [3], "columns": 4}', b"\xff"])
def test_what_pandas_noted_in_a_file_is_not_needed(noted: bytes, tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.table(COLUMNS).replace_schema_metadata({b"pandas": noted}), path)
    assert read_table(path).frame["price"].tolist() == [1.0, 2.0, 3.0]


def test_an_index_is_a_column_if_it_has_a_name_and_whole_numbers_keep_their_digits(tmp_path: Path) -> None:
    frame = pd.DataFrame({"count": [2**60 + 1, None]}, dtype="Int64")
    for index, names in ((pd.Index([7, 9], name="id"), {"id", "count"}), (pd.Index([7, 9]), {"count"})):
        frame.set_index(index).to_parquet(tmp_path / "shop.parquet")
        table = read_table(tmp_path / "shop.parquet")
        assert {*table.names} == names
        assert table.column("count", "data").tolist() == [str(2**60 + 1), ""]


def test_numbers_are_written_with_all_their_digits_and_no_more(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0.1, 1e-7, 2.0, float("nan"), -1e16], "whole": [1.0, float("nan"), 3, 4, 1e15]})
    frame.to_parquet(tmp_path / "shop.parquet")
    table = read_table(tmp_path / "shop.parquet")
    assert table.column("a", "data").tolist() == ["0.1", "1e-07", "2.0", "", "-1e+16"]
    assert table.column("whole", "data").tolist() == ["1", "", "3", "4", "1000000000000000"]


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["id", "id"]), path)
    assert "2 columns are called 'id'" in one_line(path)


@pytest.mark.slow
def test_every_flipped_bit_of_parquet_with_checksums_is_a_line_or_changes_nothing(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.parquet", tmp_path / "flipped.parquet"
    pq.write_table(pa.table(COLUMNS | {"count": [1, 2, 3]}), whole, write_page_checksum=True, compression="none")
    data, told = whole.read_bytes(), 0
    pages = range(len(data) - 8 - struct.unpack("<I", data[-8:-4])[0])  # behind lies the footer, without a checksum
    for place in (*pages[::3], *range(pages.stop, len(data))):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        try:
            table = read_table(path)
        except UserError as error:
            told += str(path) in str(error)
        else:
            assert place not in pages or table.frame.equals(read_table(whole).frame), place
    assert told > len(data) // 12


def members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("id", "no array")


def encrypted(path: Path, at: tuple[int, int] = (6, 8), value: int = 1) -> None:
    np.savez(path, id=np.arange(3), price=np.zeros((3, 2)))
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", at[0]), (b"PK\x01\x02", at[1])):
        place = -1
        while (place := data.find(mark, place + 1)) >= 0:
            struct.pack_into("<H", data, place + offset, value)
    path.write_bytes(data)


def header(path: Path, text: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("id.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)


def array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "make",
    [
        members,
        encrypted,
        lambda path: encrypted(path, (8, 10), 97),  # a way of packing that Python does not know
        lambda path: encrypted(path, (8, 10), 9),
        array,
        Path.mkdir,
        lambda path: header(path, b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}\n"),
        lambda path: header(path, b"{'descr': '<f8', 'fortran"),
        lambda path: header(path, b"(" * 9000),
        lambda path: header(path, b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (3,)}\n"),
    ],
)
def test_archives_that_hold_no_arrays_are_a_line(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "shop.npz")
    one_line(tmp_path / "shop.npz", "id", "price")


@pytest.mark.parametrize("sign", [0xD800, 0x110000])
def test_texts_of_arrays_are_unicode(sign: int, tmp_path: Path) -> None:
    ids = np.array(["a", "b"])
    np.savez(tmp_path / "shop.npz", id=np.array([sign, 98], np.uint32).view(ids.dtype))
    assert "its texts have signs that are none of Unicode's" in one_line(tmp_path / "shop.npz")
    np.savez(tmp_path / "shop.npz", id=np.array([b"a", b"\xff"]))
    assert "codec can't decode byte 0xff" in one_line(tmp_path / "shop.npz")
    np.savez(tmp_path / "shop.npz", id=np.char.encode(["a", "é"]))
    assert read_table(tmp_path / "shop.npz").column("id", "").tolist() == ["a", "é"]


def test_a_list_of_members_that_hides_some_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shop.npz"
    np.savez(path, id=np.arange(3), price=np.arange(3), year=np.arange(3))
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"PK\x01\x02", 0, data.rfind(b"PK\x01\x02"))  # of price, whose comment would be all that follows
    struct.pack_into("<H", data, entry + 32, len(data) - entry)
    path.write_bytes(data)
    assert "it lists 2 of the 3 files in it" in one_line(path)


@pytest.mark.slow
def test_arrays_that_unfold_beyond_reason_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "zeros.npz"
    monkeypatch.setattr(packed, "ROOM", 1 << 20)
    np.savez_compressed(path, small=np.zeros((3, 1 << 10)), large=np.zeros((3, 1 << 20)))
    assert "unfold to 0.0 GiB; if that is meant, save them by numpy.savez" in one_line(path, "large")
    assert len(read_table(path, ["small"])) == 3  # nobody asked for the other
    np.savez(path, large=np.zeros((3, 1 << 20)))
    assert len(read_table(path)) == 3


@pytest.mark.parametrize(
    "text", ['id,price\na,"1\n', "id,price\ra,\rb\r", "", "id,price\n", "\0" * 9, "id,price\na,1,2,3\n"]
)
def test_text_that_is_no_table_is_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(text)
    one_line(tmp_path / "shop.csv")


def test_json_of_a_shard_that_is_nested_too_deeply_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with tarfile.open(tmp_path / "shop.tar", "w") as shard:
        shard.add(tmp_path / "a.json", "a.json")
    assert "a.json: is no JSON" in one_line(tmp_path / "shop.tar")
