"""Train several models on one adaptation experiment, at equal epochs and latent size, and print one table.

    python scripts/compare_models.py avatars_adapt
    python scripts/compare_models.py emoji_adapt data.root=DIR --models fa_vae,vae,fa

Each model is a run of its own in outputs/compare/<experiment>/<model>; those that are finished are not run again, and
an interrupted one goes on. The table is printed as Markdown and kept in table.md and table.csv beside the runs. Most
of the models need the extra: pip install 'favae-run[multivae]'.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import steps

from favae_cli.common.run_folder import RunFolder
from favae_cli.reporting.table import Metrics, number, unique

MODELS = (
    "fa_vae",
    "fa_vae_published",
    "vae",
    "beta_vae",
    "multi_vae",
    "fa",
    "mvae",
    "mmvae",
    "jmvae",
    "dmvae",
    "mopoe",
    "mvtcae",
)
MEASURES = ("r2", "top1", "top5", "median_rank", "agreement")  # of every translation
TRAINING = ("alone", "rounds", "factors")  # phases


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is not there yet; the exit code is that of the first run that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="an experiment of task adapt")
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE for every run")
    parser.add_argument("--models", default=",".join(MODELS), help="names of configs/model, with commas")
    parser.add_argument("--out", type=Path, default=Path("outputs/compare"), help="folder of the runs")
    given = parser.parse_intermixed_args(argv)
    folder = given.out / given.experiment
    models = {folder / model: model for model in given.models.split(",")}
    runs = {
        run: [f"experiment={given.experiment}", f"model={model}", *given.overrides] for run, model in models.items()
    }
    code = steps.work(runs, lambda failures: write_table(folder, models))
    table = folder / "table.md"
    if table.is_file():
        print(table.read_text())
    return code


def write_table(folder: Path, models: dict[Path, str]) -> None:
    """Put table.csv and table.md of the models whose run is finished into `folder`."""
    table = compared({model: run for run, model in models.items() if steps.finished(run)})
    if len(table):
        table.to_csv(folder / "table.csv", index_label="model")
        (folder / "table.md").write_text(markdown(table))


def compared(runs: dict[str, Path]) -> pd.DataFrame:
    """A row for each finished run."""
    rows = {name: row(json.loads(RunFolder(run).metrics.read_text())) for name, run in runs.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def row(metrics: Metrics) -> dict[str, float]:
    """What is compared of one model."""
    views = [key.split("/")[1] for key in metrics if key.startswith("test/") and key.endswith("/r2_mean")]
    found = {f"R2 {view}": metrics[f"test/{view}/r2_mean"] for view in views}
    for way in unique(key.split("/")[1] for key in metrics if key.startswith("translate/")):
        for measure in MEASURES:
            found[f"{measure} {way}"] = metrics.get(f"translate/{way}/{measure}", float("nan"))
    return found | {"seconds": sum(metrics.get(f"seconds/{phase}", 0.0) for phase in TRAINING)}


def markdown(table: pd.DataFrame) -> str:
    """The table as Markdown; what is missing is a dash."""
    head = ["model", *table.columns]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * len(table.columns)]
    for name, values in table.iterrows():
        lines.append("| " + " | ".join([str(name), *map(number, values)]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
