"""A survey of numbers, questions and answers of yes or no, with holes: what a run takes from its file to the report.

    python scripts/bench/survey.py
    python scripts/bench/survey.py --file survey.csv

The answers are made of planted factors: amounts, questions of three to six unordered answers each, and yes or no.
`task=init` writes the experiment and nothing of it is changed. Seconds are of processor time; memory is the most that
the process had. With `--file` the survey is written there, and nothing is run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from measure import measured

from favae_cli.reporting.table import number

SAMPLES, AMOUNTS, QUESTIONS, BITS = 1998, 10, 42, 13
ANSWERS = (3, 4, 5, 6)  # of the questions, by turns
FACTORS, MISSING = 6, 0.06


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default %(default)s)")
    parser.add_argument("--file", type=Path, help="CSV to write the survey to, without a run")
    options = parser.parse_args(argv)
    if options.file:
        drawn(options.seed).to_csv(options.file, index=False)
        return
    program = [sys.executable, "-m", "favae_cli"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn(options.seed).to_csv(folder / "survey.csv", index=False)
        measured([*program, "task=init", "input=survey.csv", "name=survey"], folder)
        _, seconds, mebibytes = measured([*program, "experiment=survey"], folder)
    print(f"{number(seconds)} s, {mebibytes:,.0f} MiB")


def drawn(seed: int) -> pd.DataFrame:
    """Columns of numbers and of words; an empty cell where nothing was answered."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((SAMPLES, FACTORS))

    def predictors(count: int) -> np.ndarray:
        predicted: np.ndarray = latent @ rng.standard_normal((FACTORS, count)) / np.sqrt(FACTORS)
        return predicted

    amounts = predictors(AMOUNTS) + rng.standard_normal((SAMPLES, AMOUNTS))
    columns = {f"amount {place}": np.char.mod("%.2f", 50 + 10 * amounts[:, place]) for place in range(AMOUNTS)}
    for place in range(QUESTIONS):
        count = ANSWERS[place % len(ANSWERS)]
        chosen = (1.5 * predictors(count) + rng.gumbel(size=(SAMPLES, count))).argmax(axis=1)
        columns[f"question {place}"] = np.array([f"answer {'abcdef'[answer]}" for answer in range(count)])[chosen]
    said = 1.5 * predictors(BITS) + rng.logistic(size=(SAMPLES, BITS)) > 0
    columns |= {f"yes {place}": np.where(said[:, place], "yes", "no") for place in range(BITS)}
    frame = pd.DataFrame(columns).mask(rng.random((SAMPLES, len(columns))) < MISSING)
    frame.insert(0, "person", [f"p{row}" for row in range(SAMPLES)])
    return frame


if __name__ == "__main__":
    main()
