"""What is put into annotated files stands at the right observations and variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import Dataset
from favae_cli.data.files.annotated_results import Results, annotate_file, new_file
from favae_cli.data.kinds.categorical import one_hot
from favae_cli.data.masked_tables import masked_view

WEIGHTS = {"rna": (("A", "B"), np.array([[1.0], [2.0]])), "panel": (("B", "C"), np.array([[3.0], [4.0]]))}


def results(names: list[str], places: dict[str, str] | None = None) -> Results:
    scores = np.arange(len(names), dtype=float)[:, None]
    return Results(np.array(names, object), scores, scores + 10, WEIGHTS, places or {}, {"rna": np.ones(1)}, ["shared"])


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Three cells of two patients."""
    pytest.importorskip("h5py", reason="of the extra omics")
    views = {
        "rna": masked_view(np.array([[1.0, 2], [np.nan, np.nan], [3, 4]]), ["A", "B"]),
        "patients": one_hot({"patient": np.array(["q", "p", "q"])}),
    }
    path = tmp_path / "cells.h5mu"
    new_file(path, Dataset("cells", np.array(["c1", "c2", "c3"]), views, {}))
    return path


def test_a_column_of_the_observations_may_name_the_samples(cells: Path) -> None:
    import h5py

    annotate_file(cells, results(["p", "q"]), "patient")
    with h5py.File(cells) as file:
        assert file["obsm/X_favae"][:, 0].tolist() == [1, 0, 1]
        assert file["mod/rna/obsm/X_favae_std"][:, 0].tolist() == [11, 11]  # c2 has no rna
    annotate_file(cells, results(["c2", "c3"]), "no such column")
    with h5py.File(cells) as file:
        np.testing.assert_array_equal(file["obsm/X_favae"][:, 0], [np.nan, 0, 1])


def test_observations_that_are_no_samples_are_refused(cells: Path) -> None:
    with pytest.raises(UserError, match=r"none .* is a sample: the first is 'c1', the first sample 'p'; data\.key"):
        annotate_file(cells, results(["p", "q"]))


def test_a_modality_that_the_model_does_not_have_gets_no_other_ones_weights() -> None:
    found, variables = results(["c1"], {"panel": "protein"}), np.array(["C", "B"])
    assert found.weights_of("atac", variables, ["rna", "protein", "atac"]) is None
    for modality, modalities in (("protein", ["rna", "protein"]), ("", [""])):
        np.testing.assert_array_equal(found.weights_of(modality, variables, modalities), [[4], [3]])
