"""Error of imputed entries beside column means and scikit-learn's IterativeImputer, and what the intervals cover.

    python scripts/bench/imputation.py
    python scripts/bench/imputation.py --sets wine iris --share 0.5 --figure imputation.png

The first table hides a share of the entries of tables that come with scikit-learn, the second ever larger shares of
planted data, of which the best possible error is known. Errors are root mean squares in standard deviations of the
columns, over the hidden entries; the coverage is that of our 90 % intervals; all are means over the seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from threadpoolctl import threadpool_limits

from favae_cli.evaluation.style import colour, dress, panels, save
from favae_cli.evaluation.table import number
from favae_cli.factors import fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.views import RealView

SETS = ("wine", "diabetes", "breast_cancer", "iris")
SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
REACH = 1.6449  # standard deviations of a normal, within which 90 % lie
COLUMNS, FACTORS = 12, 3  # of planted data

OURS, MEANS, BEST = "FA-VAE", "column means", "best possible"
ITERATIVE = {"IterativeImputer": 10, "IterativeImputer, max_iter=50": 50}

Scores = dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    with threadpool_limits(1):
        print(f"\n{options.share:.0%} of the entries hidden\n")
        show(
            "data",
            {name: lambda seed, table=standardised(name): score(table, options.share, seed, options.sweeps)
             for name in options.sets},
            options.seeds,
        )
        print(f"\nPlanted data, {options.samples} samples of {COLUMNS} columns and {FACTORS} factors\n")
        curves = show(
            "hidden",
            {f"{share:.0%}": lambda seed, share=share: planted_score(options.samples, share, seed, options.sweeps)
             for share in options.shares},
            options.seeds,
        )
    if options.figure:
        draw(curves.set_index(np.array(options.shares)), options.figure)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", choices=SETS, default=SETS, metavar="SET", help=", ".join(SETS))
    parser.add_argument("--share", type=float, default=0.3, help="of the entries hidden of them (default %(default)s)")
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES, help="of the planted data's; 0.1 to 0.9")
    parser.add_argument("--samples", type=int, default=200, metavar="N", help="planted (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="choices of what is hidden (default %(default)s)")
    parser.add_argument("--sweeps", type=int, default=300, help="of the factor engine, at most (default %(default)s)")
    parser.add_argument("--figure", type=Path, help="PNG of the scores of planted data")
    options = parser.parse_args(argv)
    if not all(0 < share < 1 for share in (options.share, *options.shares)):
        parser.error("shares must lie between 0 and 1")
    if min(options.samples, options.seeds, options.sweeps) < 1:
        parser.error("--samples, --seeds and --sweeps must be 1 or more")
    return options


def show(title: str, rows: Mapping[str, Callable[[int], Scores]], seeds: int) -> pd.DataFrame:
    """Print a Markdown table, each row once it is known: the mean of its scores over the seeds."""
    found: dict[str, Scores] = {}
    for name, scored in rows.items():
        found[name] = pd.DataFrame([scored(seed) for seed in range(seeds)]).mean().to_dict()
        if len(found) == 1:
            print(f"| {title} | " + " | ".join(found[name]) + " |")
            print("| --- |" + " ---: |" * len(found[name]))
        print(f"| {name} | " + " | ".join(map(number, found[name].values())) + " |", flush=True)
    return pd.DataFrame.from_dict(found, orient="index")


def standardised(name: str) -> np.ndarray:
    """(N, D) numbers of a bundled table, each column of mean 0 and standard deviation 1."""
    table = getattr(datasets, f"load_{name}")().data
    whole: np.ndarray = (table - table.mean(axis=0)) / table.std(axis=0)
    return whole


def hide(whole: np.ndarray, share: float, seed: int) -> np.ndarray:
    """`whole` (N, D) with NaN at entries chosen at random; each row keeps one at least."""
    rng = np.random.default_rng(seed)
    margin = rng.random(whole.shape) - share
    margin[np.arange(len(whole)), margin.argmax(axis=1)] = 0
    return np.where(margin < 0, np.nan, whole)


def score(whole: np.ndarray, share: float, seed: int, sweeps: int) -> Scores:
    """Error of each method, coverage and seconds, where `share` of the complete table (N, D) is hidden."""
    holes = hide(whole, share, seed)
    hidden = np.isnan(holes)
    seconds: Scores = {}

    def timed(name: str, method: Callable[[], np.ndarray]) -> float:
        begin = time.perf_counter()
        made = method()
        seconds[f"seconds, {name}"] = time.perf_counter() - begin
        return rmse(made[hidden], whole[hidden])

    begin = time.perf_counter()
    made, deviation = impute(holes, seed, sweeps)
    seconds[f"seconds, {OURS}"] = time.perf_counter() - begin
    errors = {OURS: rmse(made[hidden], whole[hidden])}
    errors[MEANS] = rmse(np.broadcast_to(np.nanmean(holes, axis=0), holes.shape)[hidden], whole[hidden])
    for name, rounds in ITERATIVE.items():
        imputer = IterativeImputer(max_iter=rounds, random_state=seed)
        errors[name] = timed(name, lambda imputer=imputer: imputer.fit_transform(holes))
    covered = np.abs(made - whole)[hidden] < REACH * deviation[hidden]
    return errors | {"coverage": float(covered.mean())} | seconds
