"""The shipped experiments on views of many kinds, in small, and their use afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Metrics = dict[str, float]
MetricsOf = Callable[[Path], Metrics]
Run = Callable[..., int]
CheckReport = Callable[[Path], set[str]]

SMALL = [
    "model.factors=8",
    "schedule.alone_epochs=1",
    "schedule.rounds=1",
    "schedule.round_epochs=1",
    "schedule.sweeps=20",
    "trainer.threads=1",
    "evaluation.reconstructions=2",
    "evaluation.cards=1",
]


@pytest.fixture
def check(metrics_of: MetricsOf, check_report: CheckReport) -> Callable[..., Metrics]:
    """Looks at what every run of task train leaves behind; its metrics."""

    def look(directory: Path, first: dict[str, str], silent: tuple[str, ...] = ()) -> Metrics:
        """`first` has the main score of each view, `silent` the views without a figure."""
        metrics = metrics_of(directory)
        assert [key for key, value in metrics.items() if not math.isfinite(value)] == []
        assert {f"predict/{view}/{score}" for view, score in first.items()} <= set(metrics)
        shares = [metrics.get(f"predict/{view}/r2", metrics.get(f"predict/{view}/brier_skill")) for view in first]
        known = [share for share in shares if share is not None]  # texts have none
        assert metrics["predict/mean"] == pytest.approx(sum(known) / len(known))
        figures = check_report(directory)
        assert {f"prediction_{view}" for view in first if view not in silent} | {"relevance", "bound"} <= figures
        return metrics

    return look


@pytest.mark.slow
def test_emoji_in_five_views(emoji: Path, favae_run: Run, check: Callable[..., Metrics]) -> None:
    small = [
        *SMALL,
        "trainer.batch_size=128",
        *(f"data.views.{view}.size=16" for view in ("noto", "blob")),
        *(f"views.{view}.arch.channels=[8,16]" for view in ("noto", "blob")),
        *(f"views.{view}.latent=8" for view in ("noto", "blob", "name")),
    ]
    assert favae_run("experiment=emoji_five_views", f"data.root={emoji}", *small, "hydra.run.dir=run") == 0
    first = {"noto": "r2", "blob": "r2", "name": "f1", "tone": "accuracy", "traits": "auc"}
    metrics = check(Path("run"), first, silent=("name",))
    traits = {"woman", "man", "toned", "bald", "blond", "curly", "red", "white", "smiley"}
    assert {key.split("/")[2] for key in metrics if key.startswith("test/traits/") and key.endswith("/auc")} >= traits
    asked = "task=impute", "run=run", "output=filled.parquet", "trainer.threads=1", "hydra.run.dir=used"
    assert favae_run(*asked) == 0
    filled = pd.read_parquet("filled.parquet").set_index("id")
    table = pd.read_csv(emoji / "emoji.csv", index_col="id")
    assert filled.index.tolist() == table.index.tolist()
    tones = table["tone"].dropna()
    assert filled.loc[tones.index, "tone"].tolist() == tones.tolist()
    assert set(filled["tone"]) == set(tones)
    # The figures that a team never drew.
    drawn = {path.stem.partition(".")[0] for path in (Path("used") / "images").rglob("*.png")}
    assert drawn >= set(table.index[table["noto"].isna()])


@pytest.mark.slow
def test_digits_in_four_views(favae_run: Run, check: Callable[..., Metrics], metrics_of: MetricsOf) -> None:
    small = [*SMALL, "schedule.alone_epochs=4", "views.image.arch.channels=[8,16]"]
    assert favae_run("experiment=digits_views", *small, "hydra.run.dir=run") == 0
    first = {"image": "r2", "fourier": "r2", "profile": "r2", "label": "accuracy"}
    metrics = check(Path("run"), first)
    assert metrics["predict/image-label/accuracy"] > 0.5  # by chance 0.1
    read = "task=factors", "run=run", "cards=1", "count=20", "permutations=9"
    assert favae_run(*read, "trainer.threads=1", "hydra.run.dir=read") == 0
    assert len(pd.read_csv("read/explained.csv"))


@pytest.mark.slow
@pytest.mark.parametrize("table", ["wine", "breast_cancer", "diabetes", "iris"])
def test_bundled_tables_with_holes(table: str, favae_run: Run, check: Callable[..., Metrics]) -> None:
    small = f"data.set={table}", "model.factors=6", "schedule.sweeps=30", "trainer.threads=1", "evaluation.cards=1"
    assert favae_run("experiment=wine_views", *small, "hydra.run.dir=run") == 0
    metrics = check(Path("run"), {"numbers": "r2", "categories": "accuracy"})
    if table != "diabetes":  # there the category is the sex, which says next to nothing of the numbers
        assert metrics["predict/numbers/r2"] > 0.1
        assert metrics["predict/categories/auc"] > 0.85
