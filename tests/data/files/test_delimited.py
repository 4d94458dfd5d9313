"""Tables written as text: whoever wrote them, they are read as the same table or refused in a line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.files import delimited
from favae_cli.data.files.delimited import ROW_NAME, TextFormat, how_written, read_delimited

Write = Callable[[pd.DataFrame, Path], None]


def people() -> pd.DataFrame:
    """Names with letters that encodings differ in, numbers with tenths, a gap, and thousands."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "Nr": [f"F{i}" for i in range(30)],
            "Größe": (170 + 10 * draw.normal(size=30)).round(2),
            "Lohn": (40000 + 9000 * draw.normal(size=30)).round(1),
            "Geschlecht": np.where(draw.random(30) < 0.5, "weiblich", "männlich"),
        }
    )
    table.loc[3, "Größe"] = np.nan
    return table


def as_csv(**how: str) -> Write:
    return lambda table, path: table.to_csv(path, index=False, **how)  # type: ignore[call-overload]


def as_written_by_r(table: pd.DataFrame, path: Path) -> None:
    rows = table.to_csv(index=False).splitlines()
    path.write_text("\n".join([rows[0].removeprefix("Nr,"), *rows[1:]]) + "\n")


def with_thousands(table: pd.DataFrame, path: Path) -> None:
    german = table.assign(
        Größe=[f"{x:.2f}".replace(".", ",") if x == x else "" for x in table["Größe"]],
        Lohn=[f"{x:,.1f}".translate(str.maketrans(",.", ".,")) for x in table["Lohn"]],
    )
    german.to_csv(path, index=False, sep=";")


WAYS: dict[str, tuple[str, Write, str | None]] = {
    "plain": ("a.csv", as_csv(), None),
    "excel in germany": ("a.csv", as_csv(sep=";", decimal=","), "semicolon between its cells, decimal commas"),
    "with thousands": ("a.csv", with_thousands, "semicolon between its cells, decimal commas"),
    "quoted": ("a.csv", as_csv(decimal=","), "decimal commas"),
    "tabs": ("a.tsv", as_csv(sep="\t"), "tab between its cells"),
    "tabs called csv": ("a.csv", as_csv(sep="\t"), "tab between its cells"),
    "bars": ("a.txt", as_csv(sep="|"), "bar between its cells"),
    "blanks": ("a.txt", as_csv(sep=" "), "blank between its cells"),
    "latin": ("a.csv", as_csv(encoding="latin-1"), "text in cp1252"),
    "two bytes": ("a.csv", as_csv(encoding="utf-16"), "text in utf-16"),
    "marked": ("a.csv", as_csv(encoding="utf-8-sig"), None),
    "packed": ("a.csv.gz", as_csv(), None),
    "packed, in germany": (
        "a.csv.gz",
        as_csv(sep=";", decimal=",", encoding="latin-1"),
        "semicolon between its cells, decimal commas, text in cp1252",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_one_table_however_it_is_written(way: str, tmp_path: Path) -> None:
    name, write, told = WAYS[way]
    write(people(), tmp_path / name)
    read = read_delimited(tmp_path / name, TextFormat())
    assert how_written(read.written) == told
    expected = people()
    assert read.frame.columns.tolist() == expected.columns.tolist()
    for column in ("Nr", "Geschlecht"):
        assert read.frame[column].tolist() == expected[column].tolist()
    for column in ("Größe", "Lohn"):
        np.testing.assert_array_equal(pd.to_numeric(read.frame[column]), expected[column])


@pytest.mark.parametrize("way", WAYS)
def test_what_was_recognised_can_be_given(way: str, tmp_path: Path) -> None:
    name, write, _ = WAYS[way]
    write(people(), tmp_path / name)
    read = read_delimited(tmp_path / name, TextFormat())
    pd.testing.assert_frame_equal(read_delimited(tmp_path / name, read.written).frame, read.frame)


@pytest.mark.parametrize(
    "write", [as_written_by_r, lambda table, path: table.set_index("Nr").rename_axis(None).to_csv(path)]
)
def test_row_names_without_a_name_are_a_column(write: Write, tmp_path: Path) -> None:
    write(people(), tmp_path / "a.csv")
    assert read_delimited(tmp_path / "a.csv", TextFormat()).frame[ROW_NAME].tolist() == people()["Nr"].tolist()


def test_a_first_line_that_is_a_row_is_refused(tmp_path: Path) -> None:
    people()[["Größe", "Lohn", "Geschlecht"]].iloc[5:].to_csv(tmp_path / "a.csv", index=False, header=False)
    with pytest.raises(UserError, match=r"a\.csv: its first line seems to be a row \(.*\), not the names of columns"):
        read_delimited(tmp_path / "a.csv", TextFormat())


def test_years_are_names(tmp_path: Path) -> None:
    pd.DataFrame(np.eye(4), columns=["2019", "2020", "2021", "2022"]).to_csv(tmp_path / "a.csv", index=False)
    assert read_delimited(tmp_path / "a.csv", TextFormat()).frame.columns.tolist() == ["2019", "2020", "2021", "2022"]


def test_a_thousand_that_may_be_a_little_more_than_one_is_left_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,x\na,"1,234"\nb,"2,500"\n')
    read = read_delimited(tmp_path / "a.csv", TextFormat())
    assert read.frame["x"].tolist() == ["1,234", "2,500"]
    assert read.notes == ("x has cells such as 1,234: more than a thousand, or a few? Set data.decimal",)
    for decimal, numbers in ((".", ["1234", "2500"]), (",", ["1.234", "2.500"])):
        assert read_delimited(tmp_path / "a.csv", TextFormat(decimal=decimal)).frame["x"].tolist() == numbers


def test_thousands_beside_decimal_commas_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;x;y\na;1,5;1.234\nb;2,25;2.500\n")
    read = read_delimited(tmp_path / "a.csv", TextFormat())
    assert read.frame["y"].tolist() == ["1234", "2500"]
    assert read.notes == ("y has cells such as 1.234, taken for thousands; data.decimal says otherwise",)


@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_names_and_cells_that_look_a_little_like_numbers(sep: str, tmp_path: Path) -> None:
    names = ["id", "E2", "-", "+", "1.000.000", "e10"]
    rows = [names, ["a", "E1", "-", "1", "2", "3"], ["b", "E7", "+", "4", "5", "6"]]
    (tmp_path / "a.csv").write_text("".join(sep.join(row) + "\n" for row in rows))
    read = read_delimited(tmp_path / "a.csv", TextFormat())
    assert read.frame.columns.tolist() == names
    assert read.frame["E2"].tolist() == ["E1", "E7"]
    assert read.frame["-"].tolist() == ["-", "+"]


def test_words_with_commas_stay_words(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,said,x\na,"red, blue",1.5\nb,"1,5 of it",2.5\nc,1.5 of it,3.5\n')
    read = read_delimited(tmp_path / "a.csv", TextFormat())
    assert read.frame["said"].tolist() == ["red, blue", "1,5 of it", "1.5 of it"]
    assert how_written(read.written) is None


def test_a_name_that_comes_twice_is_kept_apart_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x,x\na,1,2\nb,3,4\n")
    read = read_delimited(tmp_path / "a.csv", TextFormat())
    assert read.frame["x"].tolist() == ["1", "3"]
    assert read.frame["x.1"].tolist() == ["2", "4"]
    assert read.notes == ("the header says x 2 times; the later ones are called x.1",)


@pytest.mark.parametrize(
    ("data", "given", "told"),
    [
        (b"id,x\na,\0\0\n", TextFormat(), "holds bytes that no text has"),
        (b"id,x\na,\x81\n", TextFormat(), "cannot be read as a table of text: 'charmap' codec"),
        ("id,x\nä,1\n".encode("latin-1"), TextFormat(encoding="utf-8"), "text and data.encoding=utf-8: 'utf-8' codec"),
        (b"", TextFormat(), "cannot be read as a table of text: No columns to parse"),
        (b"id,x\n", TextFormat(), "the table has no row"),
        (b"id,x\na,1,\nb,2,\n", TextFormat(), "its rows have more cells than its header has names"),
        (b"id,x\na,1,2\na,2,3\n", TextFormat(), "its rows have more cells than its header has names"),
        (b"id,x\na,1,2,3\nb,2,3,4\n", TextFormat(), "its rows have more cells than its header has names"),
        (
            b"id;x;y\na;1;2\nb;2\n",
            TextFormat(sep=";"),
            "line 3 has 2 of the 3 .* needs its semicolon",
        ),
    ],
)
def test_what_is_no_table_is_refused_in_a_line(data: bytes, given: TextFormat, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(UserError, match=rf"a\.csv: .*{told}") as refused:
        read_delimited(tmp_path / "a.csv", given)
    assert "\n" not in str(refused.value)


def test_a_damaged_archive_is_refused_in_a_line(tmp_path: Path) -> None:
    packed = gzip.compress(people().to_csv(index=False).encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[:-20])
    with pytest.raises(UserError, match=r"a\.csv\.gz: cannot be read as a table of text"):
        read_delimited(tmp_path / "a.csv.gz", TextFormat())


def test_damage_to_a_packed_table_is_a_line_or_changes_nothing(tmp_path: Path) -> None:
    text = "".join(f"s{number},{number * 0.37:.2f}\n" for number in range(60))
    whole, path = gzip.compress(f"id,price\n{text}".encode(), mtime=0), tmp_path / "shop.csv.gz"
    for place in range(0, len(whole), 2):
        for held in (whole[:place], whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :]):
            path.write_bytes(held)
            try:
                frame = read_delimited(path, TextFormat()).frame
            except UserError:  # any other error fails the test
                continue
            assert len(frame) == 60, place


def test_a_packed_table_that_unfolds_beyond_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(gzip.compress(b"id,price\n" + b"a,1\n" * 100_000))
    assert len(read_delimited(path, TextFormat()).frame) == 100_000
    monkeypatch.setattr(delimited, "ROOM", 1 << 10)
    with pytest.raises(UserError, match="unfold to more than"):
        read_delimited(path, TextFormat())
