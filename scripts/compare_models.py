"""Train several models on one adaptation experiment, with the same networks and latent size, and print one table.

    python scripts/compare_models.py avatars_adapt
    python scripts/compare_models.py emoji_adapt data.root=DIR --models fa_vae,vae,fa --seeds 0,1,2

Every model learns until its validation score has not been better for 8 epochs (schedule.patience), or until it has had
as many epochs as the schedule of the experiment has in all. Each model and seed is a run of its own in
outputs/compare/<experiment>/<model>-<seed>; those that are finished are not run again, and an interrupted one goes on.
The table, mean and standard deviation over seeds, is printed as Markdown and kept in table.md beside the runs, with
every number of every run in cells.csv. Most models need the extra: pip install 'favae-run[multivae]'.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import steps

from favae_cli.common.run_folder import RunFolder
from favae_cli.reporting.table import Metrics, number, unique
from favae_cli.training.records import read_records

MODELS = (
    "fa_vae",
    "fa_vae_published",
    "vae",
    "beta_vae",
    "multi_vae",
    "amvae",
    "jva2e",
    "fa",
    "mvae",
    "mmvae",
    "mmvaeplus",
    "cmvae",
    "crmvae",
    "jmvae",
    "dmvae",
    "mopoe",
    "mvtcae",
)
MEASURES = ("r2", "top1", "top5", "median_rank", "agreement", "log_likelihood")  # of every translation
RULE = {"schedule.patience": "8"}  # when a training ends, unless told otherwise
TRAINING = ("alone", "rounds", "factors")  # phases


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is not there yet; the exit code is that of the first run that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="an experiment of task adapt")
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE for every run")
    parser.add_argument("--models", default=",".join(MODELS), help="names of configs/model, with commas")
    parser.add_argument("--seeds", default="0", help="of the runs of each model, with commas")
    parser.add_argument("--out", type=Path, default=Path("outputs/compare"), help="folder of the runs")
    given = parser.parse_intermixed_args(argv)
    folder = given.out / given.experiment
    told = {override.partition("=")[0] for override in given.overrides}
    rule = [f"{key}={value}" for key, value in RULE.items() if key not in told]
    asked = [(model, int(seed)) for seed in given.seeds.split(",") for model in given.models.split(",")]
    places = {(model, seed): folder / f"{model}-{seed}" for model, seed in asked}
    runs = {
        place: [f"experiment={given.experiment}", f"model={model}", f"seed={seed}", *rule, *given.overrides]
        for (model, seed), place in places.items()
    }
    code = steps.work(runs, lambda failures: write_table(folder, places))
    table = folder / "table.md"
    if table.is_file():
        print(table.read_text())
    return code


def write_table(folder: Path, places: dict[tuple[str, int], Path]) -> None:
    """Put cells.csv and table.md of the models and seeds whose run is finished into `folder`."""
    table = compared({which: place for which, place in places.items() if steps.finished(place)})
    if not len(table):
        return
    table.index.names = ["model", "seed"]
    table.melt(var_name="measure", ignore_index=False).dropna().to_csv(folder / "cells.csv")
    (folder / "table.md").write_text(markdown(table))


def compared(runs: Mapping[Any, Path]) -> pd.DataFrame:
    """A row for each finished run."""
    rows = {name: row(run) for name, run in runs.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def row(run: Path) -> dict[str, float]:
    """What is compared of one run."""
    metrics: Metrics = json.loads(RunFolder(run).metrics.read_text())
    views = [key.split("/")[1] for key in metrics if key.startswith("test/") and key.endswith("/r2_mean")]
    found = {f"R2 {view}": metrics[f"test/{view}/r2_mean"] for view in views}
    for way in unique(key.split("/")[1] for key in metrics if key.startswith("translate/")):
        for measure in MEASURES:
            found[f"{measure} {way}"] = metrics.get(f"translate/{way}/{measure}", float("nan"))
    epochs = [record["epoch"] for record in read_records(run, "epoch")]
    found["epochs"] = max(epochs, default=float("nan"))
    return found | {"seconds": sum(metrics.get(f"seconds/{phase}", 0.0) for phase in TRAINING)}


def markdown(table: pd.DataFrame) -> str:
    """Mean, and where there are several seeds the standard deviation, of each model; what is missing is a dash."""
    models = table.groupby(level="model", sort=False)
    means, spreads, seeds = models.mean().to_numpy(), models.std().to_numpy(), models.size()
    head = ["model", "seeds", *table.columns]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name, count, mean, spread in zip(seeds.index, seeds, means, spreads, strict=True):
        lines.append("| " + " | ".join([str(name), str(count), *map(cell, mean, spread)]) + " |")
    return "\n".join(lines) + "\n"


def cell(mean: float, spread: float) -> str:
    """As in `0.853 ± 0.004`."""
    return number(mean) + (f" ± {number(spread)}" if spread == spread else "")


if __name__ == "__main__":
    sys.exit(main())
