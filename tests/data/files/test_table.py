"""Tables of text: what is no whole table is refused by name and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from favae_cli.common.errors import UserError
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
