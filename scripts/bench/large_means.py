"""Columns whose means are large beside their spread: time stamps, map coordinates, and plain numbers beside them.

    python scripts/bench/large_means.py

Six columns of 200 rows say one thing, in units of their own: metres to the north, seconds and milliseconds since 1970,
numbers of 1e12 and of 1e-12, and plain ones. 15 % of the entries are hidden. Errors are root mean squares over the
hidden entries of each column, in its standard deviations; `IterativeImputer` has the columns standardised by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
from markdown_table import show
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from favae_cli import FAVAE
from favae_cli.reporting.table import number

ROWS, HIDDEN = 200, 0.15
COLUMNS = {  # mean, what one standard deviation of the latent is in it, and the noise
    "northing, m": (5412345.678, 0.4, 0.02),
    "epoch, s": (1.7e9, 30.0, 2.0),
    "epoch, ms": (1.7e12, 30000.0, 2000.0),
    "huge": (0.0, 3e12, 2e11),
    "tiny": (0.0, 3e-12, 2e-13),
    "plain": (0.0, 1.0, 0.05),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    options = parser.parse_args(argv)
    show(["error of, seed", *COLUMNS], (row for seed in options.seeds for row in rows(seed)))


def rows(seed: int) -> Iterator[list[str]]:
    rng = np.random.default_rng(seed)
    mean, slope, noise = np.array([*COLUMNS.values()]).T
    truth = mean + rng.normal(size=(ROWS, 1)) * slope + noise * rng.normal(size=(ROWS, len(COLUMNS)))
    hidden = rng.random(truth.shape) < HIDDEN
    table = np.where(hidden, np.nan, truth)
    model = FAVAE({"table": "real"}, seed=seed, device="cpu").fit({"table": table})
    middle, unit = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    imputer = IterativeImputer(random_state=seed)
    made = {
        "here": model.predict({"table": table}, to="table")["table"],
        "IterativeImputer": middle + unit * imputer.fit_transform((table - middle) / unit),
    }
    for name, values in made.items():
        errors = np.where(hidden, (values - truth) / truth.std(axis=0), np.nan)
        yield [f"{name}, {seed}", *(number(value, 3) for value in np.sqrt(np.nanmean(errors**2, axis=0)))]


if __name__ == "__main__":
    main()
