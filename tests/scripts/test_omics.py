"""The bench of whole views: what it prints, of planted tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def bench(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("bench.omics")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three views and classes that six factors tie, as files of 200 patients."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(200, 6))
    keys = [f"patient-{row}" for row in range(200)]
    for name, columns in (("rna", 9), ("mirna", 7), ("methylation", 12)):
        values = latent @ rng.normal(size=(6, columns)) + rng.normal(size=(200, columns))
        frame = pd.DataFrame(values, keys, [f"{name}{column}" for column in range(columns)])
        frame.to_csv(tmp_path / f"{name}.csv")
    pd.DataFrame({"target": np.digitize(latent[:, 0], [-0.5, 0.5]).astype(float)}, keys).to_csv(tmp_path / "target.csv")
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_tables_are_printed_and_a_seed_is_run_once(
    bench: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [str(folder), "--seeds", "3", "--columns", "10", "--kept", str(folder / "kept.jsonl")]
    bench.main([*asked, "--overrides", "schedule.sweeps=40", "model.factors=6"])
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if line[:1] == "|"]
    found = {row[0]: dict(zip(rows[place][1:], row[1:], strict=True)) for place, row in headed(rows)}
    both = found["methylation from rna and mirna"]
    assert float(both["FA-VAE"]) > float(both["ridge"]) - 0.05
    assert float(both["FA-VAE"]) > 0.3 > float(both["column mean"])
    assert 0.8 < float(both["coverage"]) < 0.97
    assert {"mirna", "methylation", "balanced accuracy", "AUC", "log loss"} <= found.keys()
    assert float(found["log loss"]["FA-VAE"]) < float(found["log loss"]["rates"])

    monkeypatch.setattr(bench, "score", lambda *_: pytest.fail("the seed was run twice"))
    bench.main(asked)
    assert capsys.readouterr().out == printed


def headed(rows: list[list[str]]) -> list[tuple[int, list[str]]]:
    """Each row with where its header is."""
    places, header = [], 0
    for place, row in enumerate(rows):
        if place + 1 < len(rows) and rows[place + 1][0] == "---":
            header = place
        elif row[0] != "---":
            places.append((header, row))
    return places


def test_a_folder_without_the_files_is_refused(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main([str(tmp_path)])
    assert ended.value.code == 2
    assert "rna.csv" in capsys.readouterr().err


def test_imml_answers_in_units_of_the_tables(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("imml", reason="imml comes with the extra bench")
    rivals = script("bench.omics_rivals")
    monkeypatch.setattr(rivals, "FACTORS", 2)
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(50, 2))
    whole = {name: 5 + latent @ rng.normal(size=(2, 12)) + 0.1 * rng.normal(size=(50, 12)) for name in rivals.OMICS}
    learned, asked = ({name: table[rows] for name, table in whole.items()} for rows in (slice(40), slice(40, None)))
    truth = asked["rna"]
    question = rivals.Question("rna", "rna", asked | {"rna": np.full_like(truth, np.nan)}, truth)
    (answer,) = rivals.fused(learned, [question], seed=0)
    assert answer.shape == truth.shape
    assert np.square(answer - truth).mean() < np.square(truth - learned["rna"].mean(axis=0)).mean()
