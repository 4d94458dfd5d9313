"""Tables of other programs are those that they would be as text."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from favae_cli.common.errors import UserError
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
    table.assign(grade=pd.Categorical(table["grade"], [*GRADES.values()])).to_stata(path, write_index=False)


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


@pytest.mark.parametrize("name", WRITERS)
def test_cells_are_those_of_the_table(name: str, tmp_path: Path) -> None:
    WRITERS[name](survey(), tmp_path / name)
    table = read_table(tmp_path / name, missing=("", "NA"))
    assert table.names == ["id", "age", "grade", "said"]
    assert table.values("id", "").tolist() == ["a", "b", "c", "d"]
    assert [float(cell) if cell else None for cell in table.values("age", "")] == [31.5, None, 60, 44.25]
    assert table.values("grade", "").tolist() == ["low", "high", "middle", "high"]
    assert table.values("said", "").tolist() == ["yes", "", "", "no"]


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "a.csv"])
def test_a_file_that_is_no_such_table_is_refused_in_a_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("id,x\na,1\n")
    with pytest.raises(UserError, match=rf"{name}: cannot be read as [A-Z]\w+: ") as refused:
        read_table(tmp_path / name)
    assert "\n" not in str(refused.value)


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
