"""A file for MOFA's tools says what the model says: data are factors times weights, around their means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import Dataset
from favae_cli.data.files.annotated_results import Results
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
        "grade": (("grade",), np.ones((1, 2))),
        "label": (views["label"].columns, np.ones((2, 2))),
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
        np.testing.assert_array_equal(file["data/label/single_group"][:2], [[0, 1], [1, 0]])
        assert file["samples_metadata/single_group/type"].asstr()[:].tolist() == ["T", "B", "", "T"]
        assert file["model_options/likelihoods"].asstr()[:].tolist() == ["gaussian", "gaussian", "bernoulli"]
        assert file["variance_explained/r2_per_factor/single_group"].shape == (3, 2)
        np.testing.assert_allclose(file["variance_explained/r2_total/single_group"], 75)


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    nothing = Results(NAMES, SCORES, np.ones((4, 2)), {}, {}, {}, ["shared", "private"])
    with pytest.raises(UserError, match=r"output: .* would hold no view"):
        write_mofa(tmp_path / "model.hdf5", Dataset("made up", NAMES, {}, {}), nothing)
