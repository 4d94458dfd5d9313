"""A file for MOFA's tools says what the model says: data are factors times weights, around their means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import Dataset
from favae_cli.data.files.annotated_results import Results, new_file
from favae_cli.data.files.mofa_results import write_mofa
from favae_cli.data.kinds.categorical import one_hot
from favae_cli.data.masked_tables import masked_view

h5py = pytest.importorskip("h5py", reason="of the extra omics")

SCORES = np.array([[1.0, 0], [-1, 0], [0, 2], [0, -2]])
GENES = np.array([[1.0, 2], [0, 3], [4, 0]])
NAMES = np.array(["s1", "s2", "s3", "s4"], object)


def written(path: Path, lacking: int = 0) -> Path:
    """A table of three genes without noise that some samples lack, two levels and a label."""
    genes = SCORES @ GENES.T + [10, 20, 30]
    genes[len(genes) - lacking :] = np.nan
    grade = one_hot({"grade": np.array(["1", "3", "2", ""], object)}, {"grade": ["1", "2", "3"]})
    views = {
        "rna": masked_view(genes, ["A", "B", "C"]),
        "grade": replace(grade, kind="ordinal"),
        "label": one_hot({"type": np.array(["T", "B", "", "T"], object)}),
    }
    weights = {
        "rna": (("A", "B", "C"), GENES),
        "grade": (("grade",), np.full((1, 2), 30)),
        "label": (views["label"].columns, np.full((2, 2), 30)),
    }
    explained = {name: np.array([0.5, 0.25]) for name in views}
    results = Results(NAMES, SCORES, np.ones((4, 2)), weights, {}, explained, ["shared", "private"])
    write_mofa(path, Dataset("made up", NAMES, views, {}), results)
    return path


def test_numbers_are_factors_times_weights_around_their_intercept(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "model.hdf5")) as file:
        data = file["data/rna/single_group"][:]
        np.testing.assert_allclose(data, file["expectations/Z/single_group"][:].T @ file["expectations/W/rna"][:])
        np.testing.assert_allclose(file["intercepts/rna/single_group"], [10, 20, 30])
        assert file["features/rna"].asstr()[:].tolist() == ["A", "B", "C"]
        assert file["samples/single_group"].asstr()[:].tolist() == NAMES.tolist()


def test_samples_that_lack_a_view_are_nan_and_levels_and_labels_are_told(tmp_path: Path) -> None:
    with h5py.File(written(tmp_path / "model.hdf5", lacking=1)) as file:
        assert np.isnan(file["data/rna/single_group"][3]).all()
        levels = file["data/grade/single_group"][:] + file["intercepts/grade/single_group"][:]
        np.testing.assert_array_equal(levels[:, 0], [0, 2, 1, np.nan])
        labels = file["data/label/single_group"][:] + file["intercepts/label/single_group"][:]
        np.testing.assert_array_almost_equal(labels, np.array([[0, 1], [1, 0], [np.nan, np.nan], [0, 1]]))
        assert file["samples_metadata/single_group/type"].asstr()[:].tolist() == ["T", "B", "", "T"]
        assert file["model_options/likelihoods"].asstr()[:].tolist() == ["gaussian"] * 3
        assert file["variance_explained/r2_per_factor/single_group"].shape == (3, 2)
        np.testing.assert_allclose(file["variance_explained/r2_total/single_group"], 75)


def test_weights_of_what_is_no_number_are_in_units_of_what_is_written(tmp_path: Path) -> None:
    """The weights of log odds that it is given are of the wrong sign and size."""
    with h5py.File(written(tmp_path / "model.hdf5", lacking=1)) as file:
        for view in ("rna", "grade", "label"):
            data = file[f"data/{view}/single_group"][:]
            left = data - file["expectations/Z/single_group"][:].T @ file[f"expectations/W/{view}"][:]
            assert np.nansum(left**2) < 0.9 * np.nansum(data**2), view


def test_a_variable_that_two_views_have_is_named_after_its_view(tmp_path: Path) -> None:
    stages = [np.array(each, object) for each in (["I", "II", "", "I"], ["a", "b", "c", ""])]
    views = {
        "rna": masked_view(SCORES @ GENES.T, ["A", "B", "C"]),
        "clinic": one_hot({"stage/T": stages[0], "sex": stages[0]}),
        "pathology": one_hot({"stage_T": stages[1]}),
    }
    results = Results(NAMES, SCORES, np.ones((4, 2)), {"rna": (("A", "B", "C"), GENES)}, {}, {"rna": np.ones(2)}, [])
    write_mofa(tmp_path / "model.hdf5", data := Dataset("made up", NAMES, views, {}), results)
    new_file(tmp_path / "data.h5mu", data)
    with h5py.File(tmp_path / "model.hdf5") as file, h5py.File(tmp_path / "data.h5mu") as whole:
        told = file["samples_metadata/single_group"]
        assert {*told} == {"clinic_stage_T", "sex", "pathology_stage_T"}
        assert told["pathology_stage_T"].asstr()[:].tolist() == stages[1].tolist()
        assert {"sex", "pathology_stage_T"} < {*whole["obs"]}


def test_a_full_disk_is_told_by_the_system(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    data = Dataset("made up", NAMES, {"rna": masked_view(SCORES @ GENES.T, ["A", "B", "C"])}, {})
    results = Results(NAMES, SCORES, np.ones((4, 2)), {"rna": (("A", "B", "C"), GENES)}, {}, {"rna": np.ones(2)}, [])
    for write in (write_mofa, new_file):
        with pytest.raises(OSError, match="No space left"):
            write(full, data, results)


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    nothing = Results(NAMES, SCORES, np.ones((4, 2)), {}, {}, {}, ["shared", "private"])
    with pytest.raises(UserError, match=r"output: .* would hold no view"):
        write_mofa(tmp_path / "model.hdf5", Dataset("made up", NAMES, {}, {}), nothing)
