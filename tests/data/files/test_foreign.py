"""Tables of other programs are those that they would be as text."""

from __future__ import annotations

import builtins
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.files import packed
from favae_cli.data.files.table import read_table

GRADES: dict[int | float, str] = {1: "low", 2: "middle", 3: "high"}


def survey() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "age": [31.5, np.nan, 60.0, 44.25],
            "grade": ["low", "high", "middle", "high"],
            "said": ["yes", "NA", "", "no"],
        }
    )


def to_stata(table: pd.DataFrame, path: Path) -> None:
    table.assign(grade=pd.Categorical(table["grade"], [*GRADES.values()])).to_stata(
        path, write_index=False, version=118
    )


def to_spss(table: pd.DataFrame, path: Path) -> None:
    codes = table["grade"].map({label: float(code) for code, label in GRADES.items()})
    pyreadstat.write_sav(table.assign(grade=codes), str(path), variable_value_labels={"grade": GRADES})


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "a.csv": lambda table, path: table.to_csv(path, index=False),
    "a.parquet": lambda table, path: table.to_parquet(path),
    "a.feather": lambda table, path: table.to_feather(path),
    "a.xlsx": lambda table, path: table.to_excel(path, index=False),
    "a.dta": to_stata,
    "a.sav": to_spss,
}


# A file of SPSS is read by a process of its own, which takes long to start.
NAMES = [*(name for name in WRITERS if name != "a.sav"), pytest.param("a.sav", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_those_of_the_table(name: str, tmp_path: Path) -> None:
    WRITERS[name](survey(), tmp_path / name)
    table = read_table(tmp_path / name, missing=("", "NA"))
    assert table.names == ["id", "age", "grade", "said"]
    assert table.values("id", "").tolist() == ["a", "b", "c", "d"]
    assert [float(cell) if cell else None for cell in table.values("age", "")] == [31.5, None, 60, 44.25]
    assert table.values("grade", "").tolist() == ["low", "high", "middle", "high"]
    assert table.values("said", "").tolist() == ["yes", "", "", "no"]


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_file_that_is_no_such_table_is_refused_in_a_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("id,x\na,1\n")
    with pytest.raises(UserError, match=rf"{name}: cannot be read as [A-Z]\w+: ") as refused:
        read_table(tmp_path / name)
    assert "\n" not in str(refused.value)


def cells(path: Path) -> dict[str, list[str]]:
    table = read_table(path)
    return {name: table.column(name, "").tolist() for name in map(str, table.frame.columns)}


@pytest.mark.parametrize("name", NAMES[1:])
def test_damage_is_a_line_or_a_table_and_a_cut_one_is_never_taken_for_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](survey(), path)
    whole, expected = path.read_bytes(), cells(path)
    # A flip at byte 368 of the file of SPSS ends the process of the library that reads it.
    places = (368,) if name == "a.sav" else range(0, len(whole), 1 + len(whole) // 30)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        told_or(path)
        path.write_bytes(whole[:place])
        assert told_or(path) in (None, expected), place
    path.unlink()
    path.mkdir()
    assert told_or(path) is None


def told_or(path: Path) -> dict[str, list[str]] | None:
    """What a file holds; None where it is refused in a line. Any other error fails the test."""
    try:
        return cells(path)
    except UserError as error:
        refused = str(error)
    assert str(path) in refused
    assert "\n" not in refused
    return None


@pytest.mark.slow
def test_damage_within_a_spreadsheet_is_a_line_or_a_table(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.xlsx", tmp_path / "a.xlsx"
    survey().to_excel(whole, index=False)
    with zipfile.ZipFile(whole) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    refused = 0
    for name, data in held.items():
        for place in range(3, len(data), 1 + len(data) // 8):
            with zipfile.ZipFile(path, "w") as archive:
                for other, whole_data in held.items():
                    archive.writestr(other, whole_data if other != name else data[:place] + b"<" + data[place + 1 :])
            refused += told_or(path) is None
    assert refused > 10


def test_a_spreadsheet_that_unfolds_beyond_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xlsx"
    survey().to_excel(path, index=False)
    monkeypatch.setattr(packed, "ROOM", 1 << 16)
    assert len(read_table(path)) == 4
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", bytes(1 << 22))
    with pytest.raises(UserError, match=r"a\.xlsx: cannot be read as Excel: .* of packed sheets unfold to"):
        read_table(path)


@pytest.mark.parametrize(
    ("row", "cell", "told"),
    [
        ('r="1048576"', 'r="XFD1048576"', "XFD1048576, so that 1048576 rows of 16384 columns"),
        ('r="2000"', 'r="xfd2000"', "XFD2000, so that 2000 rows of 16384 columns"),
        ('r="9000000"', "", "A9000000, so that 9000000 rows of 4 columns"),
    ],
)
@pytest.mark.parametrize("place", ["xl/worksheets/sheet1.xml", "xl/elsewhere"])
def test_one_cell_far_from_all_others_is_refused(row: str, cell: str, told: str, place: str, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.xlsx", tmp_path / "a.xlsx"
    survey().to_excel(whole, index=False)
    far = f"<row {row}><c {cell}><v>1</v></c></row></sheetData>".encode()
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as more:
        for name in archive.namelist():
            data = archive.read(name).replace(b"</sheetData>", far).replace(b"xl/worksheets/sheet1.xml", place.encode())
            more.writestr(place if name == "xl/worksheets/sheet1.xml" else name, data)
    with pytest.raises(UserError) as refused:
        read_table(path)
    assert f"a.xlsx: cannot be read as Excel: its 21 cells reach to {told}" in str(refused.value)


def test_a_package_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    survey().to_excel(tmp_path / "a.xlsx", index=False)
    load = builtins.__import__

    def without_openpyxl(name: str, *rest: object) -> object:
        if name.startswith("openpyxl"):
            raise ImportError(f"No module named {name}")
        return load(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("pandas.compat._optional.importlib.import_module", without_openpyxl)
    with pytest.raises(UserError, match=r"a\.xlsx: to read files of Excel, pip install 'favae-run\[formats\]'"):
        read_table(tmp_path / "a.xlsx")
