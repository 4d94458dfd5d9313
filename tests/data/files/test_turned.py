"""Tables with features in their rows are those with samples in them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.files.table import read_table
from favae_cli.data.files.turned import turned


def test_rows_become_columns_and_the_header_names_the_samples(tmp_path: Path) -> None:
    (tmp_path / "rna.tsv").write_text("gene\tp1\tp2\tp3\nTP53\t1.5\t2\tNA\nKRAS\t3\t4\t5\nTP53\t7\t8\t9\n")
    table = turned(read_table(tmp_path / "rna.tsv", missing=("", "NA")), "patient")
    assert table.names == ["patient", "TP53", "KRAS", "TP53.1"]
    assert table.key == "patient"
    assert table.values("patient", "").tolist() == ["p1", "p2", "p3"]
    assert table.values("TP53", "").tolist() == ["1.5", "2", ""]
    assert table.values("TP53.1", "").tolist() == ["7", "8", "9"]
    assert any("names 1 features more than once, such as TP53" in note for note in table.notes)


def test_every_feature_gets_a_column_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "rna.csv").write_text("gene,p1\nA,1\nA,2\nA.1,3\nid,4\nid.1,5\n")
    table = turned(read_table(tmp_path / "rna.csv"), "id")
    assert table.names == ["id", "A", "A.2", "A.1", "id.2", "id.1"]
    assert [table.values(name, "")[0] for name in table.names] == ["p1", "1", "2", "3", "4", "5"]


def test_numbers_keep_their_type(tmp_path: Path) -> None:
    pd.DataFrame({"gene": ["a", "b"], "p1": [1, 2], "p2": [3, 4]}).to_parquet(tmp_path / "rna.parquet")
    table = turned(read_table(tmp_path / "rna.parquet"), None)
    assert table.names == ["sample", "a", "b"]
    assert table.frame["a"].tolist() == [1, 3]


def test_a_feature_without_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rna.csv").write_text("gene,p1\nTP53,1\n,2\n")
    with pytest.raises(UserError, match=r"row 2 has no name in 'gene', which is to name the features"):
        turned(read_table(tmp_path / "rna.csv"), None)
