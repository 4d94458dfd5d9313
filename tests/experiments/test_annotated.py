"""A MuData file in, a run, new cells of one modality, and the factors back in a copy of the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from favae_cli.data.dataset import Dataset
from favae_cli.data.files.annotated_results import new_file
from favae_cli.data.files.table import read_table
from favae_cli.data.kinds.categorical import one_hot
from favae_cli.data.masked_tables import masked_view
from tests.docs.test_commands import favae_run

h5py = pytest.importorskip("h5py", reason="of the extra omics")

COUNT, NEW = 120, 12
QUICK = ["model.factors=4", "schedule.sweeps=60", "evaluation.cards=1", "trainer.threads=1", "trainer.device=cpu"]


def planted(path: Path, rows: slice, lacking: str | None = None) -> pd.DataFrame:
    """Two modalities and a label of two factors; the first quarter has no proteins."""
    rng = np.random.default_rng(0)
    g = rng.standard_normal((COUNT + NEW, 2))
    genes = g @ rng.standard_normal((2, 12)) + 0.5 * rng.standard_normal((COUNT + NEW, 12))
    proteins = g @ rng.standard_normal((2, 6)) + 0.5 * rng.standard_normal((COUNT + NEW, 6))
    proteins[: COUNT // 4] = np.nan
    label = np.where(g[:, 0] > 0, "T cell", "B cell")
    views = {
        "rna": masked_view(genes[rows], [f"gene {number}" for number in range(12)]),
        "protein": masked_view(proteins[rows], [f"CD{number}" for number in range(6)]),
        "label": one_hot({"type": label[rows]}),
    }
    views.pop(lacking or "", None)
    keys = np.array([f"cell{number}" for number in range(COUNT + NEW)])[rows]
    new_file(path, Dataset("planted", keys, views, {}))
    return pd.DataFrame(proteins[rows], keys)


@pytest.mark.slow
def test_a_mudata_file_goes_in_and_its_factors_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planted(Path("cells.h5mu"), slice(COUNT))
    with h5py.File("cells.h5mu", "r+") as file:
        file["mod/rna/var"].attrs.create("column-order", np.array(["kept"], object), dtype=h5py.string_dtype())
        file["mod/rna/var/kept"] = np.arange(12) != 3
    assert favae_run("task=init", "input=cells.h5mu") == 0
    written = yaml.safe_load(Path("configs/experiment/cells.yaml").read_text())["data"]
    assert written["views"]["rna"] == {"kind": "real", "array": "rna/X"}
    assert written["views"]["categories"] == {"kind": "categorical", "columns": ["type"]}
    assert favae_run("experiment=cells", "data.views.rna.where=kept", *QUICK) == 0
    (run,) = Path("outputs/cells").iterdir()
    assert favae_run("task=factors", f"run={run}", "output=back.h5mu", "cards=1", "count=20", "permutations=99") == 0
    scores = pd.read_csv(next(Path("outputs/factors").iterdir()) / "factors.csv")
    assert len(scores) == 24  # the test split
    weights = pd.read_csv(next(Path("outputs/factors").iterdir()) / "weights.csv")
    assert weights.loc[weights["view"] == "rna", "column"].nunique() == 11
    back = read_table(Path("back.h5mu"))
    np.testing.assert_array_equal(
        back.matrices["rna/X"].read(), read_table(Path("cells.h5mu")).matrices["rna/X"].read()
    )
    with h5py.File("back.h5mu") as file:
        names = file["obs/_index"].asstr()[()]
        known = pd.Index(names).get_indexer(scores["obs_names"])
        np.testing.assert_allclose(file["obsm/X_favae"][known], scores.filter(regex=r"\d$"))
        assert np.isfinite(file["obsm/X_favae"]).all()
        assert np.isnan(file["mod/rna/varm/favae"][:]).all(axis=1).tolist() == (np.arange(12) == 3).tolist()
        np.testing.assert_allclose(
            file["mod/protein/varm/favae"][2], weights.query("view == 'protein' and column == 'CD2'")["weight"]
        )

    elsewhere = Path("elsewhere/cells.h5mu")
    elsewhere.parent.mkdir()
    shutil.copy("cells.h5mu", elsewhere)
    with h5py.File(elsewhere, "r+") as file:
        file.attrs["place"] = "elsewhere"
    again = [
        "task=factors",
        f"run={run}",
        "cards=1",
        "count=20",
        "permutations=99",
        "data.root=elsewhere",
        "hydra.run.dir=again",
    ]
    assert favae_run(*again, "output=again.h5mu") == 0
    with h5py.File("again.h5mu") as file:  # a copy of what was read
        assert file.attrs["place"] == "elsewhere"

    truth = planted(Path("whole.h5mu"), slice(COUNT, None))
    with h5py.File("whole.h5mu") as whole, h5py.File("new.h5ad", "w") as new:
        for name in whole["mod/rna"]:
            whole.copy(f"mod/rna/{name}", new)
    assert favae_run("task=predict", f"run={run}", "input=new.h5ad", "to=[protein]", "output=new_back.h5ad") == 0
    table = pd.read_csv(next(Path("outputs/predict").iterdir()) / "predicted.csv").set_index("obs_names")
    made = table.loc[truth.index, [f"CD{number}" for number in range(6)]].to_numpy()
    assert 1 - np.square(made - truth.to_numpy()).sum() / np.square((truth - truth.mean()).to_numpy()).sum() > 0.4
    with h5py.File("new_back.h5ad") as file:
        assert file["obsm/X_favae"].shape[0] == NEW
