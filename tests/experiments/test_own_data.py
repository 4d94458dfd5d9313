"""A stranger's table, from the file to what was missing in it, without an edit of the config."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from favae_cli.cli import main

NUMBERS = ["price", "weight", "rating", "size"]


def shop(samples: int = 400) -> pd.DataFrame:
    """Eight columns of mixed types that two hidden numbers decide on."""
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, samples))
    noise = rng.standard_normal((8, samples))
    return pd.DataFrame(
        {
            "price": 50 + 10 * one + 2 * noise[0],
            "weight": 2 + 0.5 * one + 0.3 * other + 0.1 * noise[1],
            "rating": 3 + 0.8 * other + 0.2 * noise[2],
            "size": 100 - 20 * one + 10 * other + 8 * noise[3],
            "colour": np.array(["red", "green", "blue"])[np.digitize(one + 0.3 * noise[4], [-0.6, 0.6])],
            "shape": np.where(other - one + 0.3 * noise[5] > 0, "round", "square"),
            "waterproof": (other + 0.3 * noise[6] > 0).astype(int),
            "new": np.where(one + 0.3 * noise[7] > 0, "yes", "no"),
        }
    ).round(3)


@pytest.mark.slow
def test_a_table_with_holes_is_filled_without_an_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    truth = shop()
    hidden = np.random.default_rng(1).random(truth.shape) < 0.3
    hidden[hidden.all(axis=1), 0] = False
    holes = truth.astype(object).mask(hidden)
    holes.insert(0, "sku", [f"A{number}" for number in range(len(truth))])
    holes.to_csv("shop.csv", index=False)

    assert main(["task=init", "input=shop.csv"]) == 0
    assert main(["task=check", "experiment=shop"]) == 0
    assert main(["experiment=shop", "hydra.run.dir=run", "trainer.device=cpu"]) == 0
    assert main(["task=impute", "run=run", "output=filled.csv"]) == 0
    assert main(["task=factors", "run=run"]) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    assert list(tmp_path.glob("outputs/factors/*/figures/factor_*.png"))

    filled = pd.read_csv("filled.csv")
    numbers, gaps = truth[NUMBERS].to_numpy(), hidden[:, :4]
    units = numbers.std(axis=0)

    def rmse(made: np.ndarray) -> float:
        return float(np.sqrt(np.mean(((made - numbers) / units)[gaps] ** 2)))

    known = np.where(gaps, np.nan, numbers)
    coded = pd.get_dummies(holes[["colour", "shape", "waterproof", "new"]]).to_numpy(float)
    chained = IterativeImputer(random_state=0, max_iter=30).fit_transform(np.hstack([known, coded]))[:, :4]
    ours = rmse(filled[NUMBERS].to_numpy(float))
    assert ours < 0.8 * rmse(np.broadcast_to(np.nanmean(known, axis=0), numbers.shape))
    assert ours <= rmse(chained)

    deviation = filled[[f"{name}_std" for name in NUMBERS]].to_numpy(float)
    assert (deviation[~gaps] == 0).all()
    distance = np.abs(filled[NUMBERS].to_numpy(float) - numbers)[gaps]
    assert 0.8 < np.mean(distance < 1.645 * deviation[gaps]) < 0.95
    for name in ("colour", "shape"):
        here = hidden[:, truth.columns.get_loc(name)]
        right = (filled[name] == truth[name])[here]
        assert right.mean() > 0.6
        assert right.mean() == pytest.approx(filled[f"{name}_probability"][here].mean(), abs=0.15)
