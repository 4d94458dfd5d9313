"""Error of imputed entries beside column means and scikit-learn's IterativeImputer, and what the intervals cover.

    python scripts/bench/imputation.py
    python scripts/bench/imputation.py --sets wine iris --share 0.5 --figure imputation.png

The first table hides a share of the entries of tables that come with scikit-learn; the second takes every other column
of them for a view of its own, and hides either view as a whole from half of that share of the samples each; the third
hides ever larger shares of planted data, of which the best possible error is known. Entries are filled by the factor
engine as a run has it, with the K and the settings of a run; whole views by the estimator, with its read-outs. Errors
are root mean squares in standard deviations of the columns, over what is hidden; the coverage is that of our 90 %
intervals; all are means over the seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from measure import timed
from sklearn import datasets
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from threadpoolctl import threadpool_limits

from favae_cli import FAVAE
from favae_cli.factors import fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.reporting.style import INK, colour, dress, panels, save
from favae_cli.reporting.table import number
from favae_cli.training.factor_step import first_factors
from favae_cli.views import RealView

SETS = ("wine", "diabetes", "breast_cancer", "iris")
SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
REACH = 1.6449  # standard deviations of a normal, within which 90 % lie
COLUMNS, FACTORS = 12, 3  # of planted data

OURS, MEANS, BEST = "FA-VAE", "column means", "best possible"
ITERATIVE = {"IterativeImputer": 10, "IterativeImputer, max_iter=50": 50}

Scores = dict[str, float]
Filled = tuple[np.ndarray, np.ndarray]
"""Every entry, and its standard deviation, (N, D) each."""
T = TypeVar("T", str, float)


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    with threadpool_limits(1):
        print(f"{options.share:.0%} of the entries hidden\n")
        tables = {name: standardised(name) for name in options.sets}
        show("data", tables, lambda name, seed: score(tables[name], options.share, seed, options.sweeps), options.seeds)
        print(f"\nhalf of the columns missing of {options.share:.0%} of the samples\n")
        show("data", tables, lambda name, seed: score_of_views(tables[name], options.share, seed), options.seeds)
        print(f"\n{options.samples} planted samples of {COLUMNS} columns and {FACTORS} factors\n")
        curves = show(
            "share hidden",
            options.shares,
            lambda share, seed: planted_score(options.samples, share, seed, options.sweeps),
            options.seeds,
        )
    if options.figure:
        draw(curves, options.figure)


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
    if options.figure and not options.shares:
        parser.error("--figure shows the planted data, so --shares must name some")
    if min(options.samples, options.seeds, options.sweeps) < 1:
        parser.error("--samples, --seeds and --sweeps must be 1 or more")
    return options


def show(title: str, rows: Iterable[T], scored: Callable[[T, int], Scores], seeds: int) -> pd.DataFrame:
    """Print a Markdown table, each row once it is known: the mean of its scores over the seeds."""
    found: dict[T, Scores] = {}
    for row in rows:
        each = [scored(row, seed) for seed in range(seeds)]
        found[row] = {name: float(np.mean([scores[name] for scores in each])) for name in each[0]}
        if len(found) == 1:
            print(f"| {title} | " + " | ".join(found[row]) + " |")
            print("| --- |" + " ---: |" * len(found[row]))
        print(f"| {row} | " + " | ".join(map(number, found[row].values())) + " |", flush=True)
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
    ours = {OURS: partial(impute, holes, seed, sweeps)}
    others = {name: IterativeImputer(max_iter=rounds, random_state=seed) for name, rounds in ITERATIVE.items()}
    return compared(whole, holes, ours, others, {})


def compared(
    whole: np.ndarray,
    holes: np.ndarray,
    ours: Mapping[str, Callable[[], Filled]],
    others: Mapping[str, IterativeImputer],
    quick: Mapping[str, KNNImputer],
) -> Scores:
    """Error of each method, coverage of the last of ours, and the seconds of all but the quick ones.

    Args:
        whole: (N, D), of which `holes` lacks some entries.
        ours, others, quick: the methods by name.
    """
    hidden = np.isnan(holes)
    errors, seconds, covered = {}, {}, np.zeros(0)
    for name, method in ours.items():
        (made, deviation), seconds[f"CPU seconds, {name}"] = timed(method)
        errors[name] = rmse(made[hidden], whole[hidden])
        covered = np.abs(made - whole)[hidden] < REACH * deviation[hidden]
    for name, imputer in others.items():
        made, seconds[f"CPU seconds, {name}"] = timed(partial(imputer.fit_transform, holes))
        errors[name] = rmse(made[hidden], whole[hidden])
    for name, imputer in quick.items():
        errors[name] = rmse(imputer.fit_transform(holes)[hidden], whole[hidden])
    errors[MEANS] = rmse(np.broadcast_to(np.nanmean(holes, axis=0), holes.shape)[hidden], whole[hidden])
    return errors | {"coverage": float(covered.mean())} | seconds


def impute(holes: np.ndarray, seed: int, sweeps: int) -> Filled:
    """What the factors say of every entry, and its standard deviation, (N, D) each."""
    view = RealView(holes.shape[1])
    view.fit(holes)
    local = view.local(holes)
    evidence = Embeddings({}, {}, {"table": local}, ("table",))
    model = fit(evidence.moments(), first_factors(None, len(holes)), seed, sweeps=sweeps, local=evidence)
    evidence.settle(model)
    view.rescale(local.scale)
    mean, variance = evidence.predict(model, "table")
    return view.decode(mean), view.deviation(mean, variance)


def score_of_views(whole: np.ndarray, share: float, seed: int) -> Scores:
    """As `score`, where samples lack every other column of the complete table (N, D), or all the rest."""
    chance = np.random.default_rng(seed).random(len(whole))
    lacks = np.stack([chance < share / 2, chance > 1 - share / 2], axis=1)
    views = np.arange(whole.shape[1]) % 2
    holes = np.where(lacks[:, views], np.nan, whole)
    others = {"IterativeImputer": IterativeImputer(max_iter=10, random_state=seed)}
    ours = {OURS: partial(impute_views, holes, views, seed)}
    return compared(whole, holes, ours, others, {"KNNImputer": KNNImputer()})


def impute_views(holes: np.ndarray, views: np.ndarray, seed: int) -> Filled:
    """As `impute`, by the estimator; `views` says of each column whether it is of the first (0) or the second (1)."""
    given = {name: holes[:, views == place] for place, name in enumerate(("even", "odd"))}
    model = FAVAE(seed=seed, device="cpu", overrides=["trainer.threads=1"]).fit(given)
    filled, spread = model.predict(given, to=list(given), return_std=True)
    made, deviation = np.empty_like(holes), np.empty_like(holes)
    for place, name in enumerate(given):
        made[:, views == place], deviation[:, views == place] = filled[name], spread[name]
    return made, deviation


def rmse(made: np.ndarray, true: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(made - true))))


def planted_score(samples: int, share: float, seed: int, sweeps: int) -> Scores:
    """As `score`, of planted data, beside the error of who knows what was planted."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0.3, 0.8, COLUMNS)
    weights = rng.standard_normal((COLUMNS, FACTORS))
    weights *= np.sqrt((1 - noise**2) / np.square(weights).sum(axis=1))[:, None]
    whole = rng.standard_normal((samples, FACTORS)) @ weights.T + noise * rng.standard_normal((samples, COLUMNS))
    holes = hide(whole, share, seed)
    hidden = np.isnan(holes)
    made = expected(holes, weights @ weights.T + np.diag(noise**2))
    return {BEST: rmse(made[hidden], whole[hidden])} | score(whole, share, seed, sweeps)


def expected(holes: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The conditional mean of the missing entries of N(0, covariance), those that are seen as they are."""
    made = holes.copy()
    for row in made:
        seen = ~np.isnan(row)
        row[~seen] = covariance[np.ix_(~seen, seen)] @ np.linalg.solve(covariance[np.ix_(seen, seen)], row[seen])
    return made


def draw(scores: pd.DataFrame, path: Path) -> None:
    """Errors and coverage of planted data by share (the index)."""
    figure, (errors, coverage) = panels(2)
    dress(errors, "Planted data", "share of entries hidden", "RMSE (standard deviations)")
    for index, name in enumerate((OURS, *ITERATIVE, MEANS)):
        errors.plot(scores.index, scores[name], ".-", color=colour(index), label=name, linewidth=1.2)
    errors.plot(scores.index, scores[BEST], ":", color=INK, label=BEST, linewidth=1.2)
    errors.legend(fontsize=6, frameon=False)
    dress(coverage, "Our 90 % intervals", "share of entries hidden", "share that holds the truth")
    coverage.plot(scores.index, scores["coverage"], ".-", color=colour(0), linewidth=1.2)
    coverage.axhline(0.9, color=INK, linestyle=":", linewidth=0.8)
    coverage.set_ylim(0.5, 1)
    save(figure, path)


if __name__ == "__main__":
    main()
