"""The table of a sweep comes back as it was written, or says that it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from favae_cli.common.errors import UserError
from favae_cli.sweeps.table import RESULTS, SweepTable

HEADER = ",".join(["job", "model.factors", *RESULTS])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    table = SweepTable(["job", "model.factors", *RESULTS], {})
    table.fill("0", {"model.factors": 3, "score": 0.5, "status": "finished", "error": "a,\n'b'"})
    table.fill("1", {"model.factors": 4, "status": "failed"})
    table.write(tmp_path)
    again = SweepTable.read(tmp_path)
    assert again.columns == table.columns
    assert again.rows["0"]["error"] == "a,\n'b'"
    assert [row["job"] for row in again.scored()] == ["0"]


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"job,score\n0,1\n",
        f"{HEADER}\n0,3,x,finished,,,\n".encode(),
        f"{HEADER}\n0,3,1,finished,n/a,,\n".encode(),
        f"{HEADER}\n0,3,1,finished,,,,more\n".encode(),
        f"{HEADER}\n0,3,1,".encode() + b"\xff",
    ],
)
def test_a_damaged_table_is_a_line(held: bytes, tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_bytes(held)
    with pytest.raises(UserError) as refused:
        SweepTable.read(tmp_path)
    (line,) = str(refused.value).splitlines()
    assert str(tmp_path / "sweep.csv") in line
