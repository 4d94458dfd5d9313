"""AnnData and MuData files, as their own libraries wrote them: study.h5mu by mudata 0.3.10 and anndata 0.12.19."""

from __future__ import annotations

import builtins
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.files.table import read_table

h5py = pytest.importorskip("h5py", reason="of the extra omics")
STUDY = Path(__file__).parent / "study.h5mu"
COUNTS = np.array([[1, 0, 0, 3, 3], [1, 1, 2, 1, 0], [2, 3, 2, 0, 2], [3, 1, 1, 1, 0]], float)
WHERE = {"study": "rna/", "rna": ""}


@pytest.fixture
def rna(tmp_path: Path) -> Path:
    """The modality rna as an AnnData file."""
    path = tmp_path / "rna.h5ad"
    with h5py.File(STUDY) as study, h5py.File(path, "w") as file:
        for name in study["mod/rna"]:
            study.copy(f"mod/rna/{name}", file)
    return path


@pytest.mark.parametrize("which", WHERE)
def test_matrices_are_those_of_the_file_sparse_or_dense(which: str, rna: Path) -> None:
    table = read_table(STUDY if which == "study" else rna)
    for name in (f"{WHERE[which]}X", f"{WHERE[which]}layers/raw"):  # by rows, and by columns
        matrix = table.matrices[name]
        assert matrix.columns == ("g0", "g1", "g2", "g3", "g4")
        assert matrix.rows.tolist() == ([0, 1, 2, 3, -1] if which == "study" else [0, 1, 2, 3])
        np.testing.assert_array_equal(matrix.read(), COUNTS)
        np.testing.assert_array_equal(matrix.read([3, 1], most=2), COUNTS[:2, [3, 1]])
    assert matrix.marks["highly_variable"].tolist() == [True, False, True, True, True]


def test_observations_are_columns_and_their_names_the_key(rna: Path) -> None:
    table = read_table(rna, key="patient")
    assert table.key == "patient"
    assert table.values("patient", "").tolist() == ["p1", "p2", "p3", "p4"]
    assert table.values("group", "").tolist() == ["a", "b", "a", "c"]
    assert table.values("cat", "").tolist() == ["x", "y", "", "x"]
    assert table.values("ni", "").tolist() == ["1", "", "2", "3"]
    assert [float(cell) if cell else None for cell in table.values("age", "")] == [1, None, 3, 4]
    study = read_table(STUDY)
    assert study.key == "obs_names"
    assert study.values("label", "").tolist() == ["u", "v", "u", "v", "u"]
    assert study.values("rna:cat", "").tolist() == ["x", "y", "", "x", ""]
    assert [float(cell) if cell else None for cell in study.values("prot:q", "")] == [1, 2, None, None, 3]
    assert study.matrices["prot/X"].rows.tolist() == [0, 1, -1, -1, 2]


def test_variables_of_one_name_are_told_apart(rna: Path) -> None:
    with h5py.File(rna, "r+") as file:
        file["var/_index"][...] = ["g", "h", "g", "g-1", "g"]
    assert read_table(rna).matrices["X"].columns == ("g", "h", "g-2", "g-1", "g-3")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def with_link(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(str(STUDY), "mod/prot/X")


def of_zeros(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
        file.create_dataset("X", (4, 5), np.float32, chunks=(1, 5))
        del file["obs/age"]
        file.create_dataset("obs/age", (1 << 31,), np.float32, chunks=(1 << 20,))


def out_of_place(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["X/indices"][0] = 99


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_off, "cannot be used as AnnData or MuData"),
        (with_link, "X is a link to another place"),
        (of_zeros, "0 bytes unfold to 8.0 GiB"),
        (out_of_place, "cannot be used as AnnData or MuData: .*indices"),
    ],
)
def test_damage_and_traps_are_told_in_a_line(damage: Any, told: str, rna: Path) -> None:
    damage(rna)
    with pytest.raises(UserError, match=rf"rna\.h5ad: .*{told}") as error:
        read_table(rna).matrices["X"].read()
    assert "\n" not in str(error.value)


def test_observations_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.h5mu"
    shutil.copyfile(STUDY, path)
    with h5py.File(path, "r+") as file:
        file["obs/_index"][1] = "p1"
    with pytest.raises(UserError, match=r"obs has 'p1' more than once; make the names of observations unique first"):
        read_table(path)


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "h5py":
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'favae-run\[omics\]'"):
        read_table(STUDY)
