"""Who uses which factor of three unequal views, of which one is often missing: how many draws are found exactly.

    python scripts/bench/structure.py
    python scripts/bench/structure.py --draws 3 --samples 3000

Each of the seven kinds of factors (of all views, of each pair, of each alone) has one to three, drawn by the seed; the
second view is missing for 30 %. `equal` has the same noise in all columns, twice the size of a loading, in embeddings
that are fixed; `unequal` has `real` columns whose noise is log-normal with a spread of 1. A draw is exact if as many
factors of every kind are found as were planted. Seconds are of processor time, medians.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

import numpy as np
from markdown_table import show
from measure import timed
from threadpoolctl import threadpool_limits

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.real import RealEmbedding
from favae_cli.reporting.table import number

SIZES = {"a": 90, "b": 70, "c": 25}
KINDS = ("abc", "ab", "ac", "bc", "a", "b", "c")
MISSING, FACTORS = 0.3, 30


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20, help="default %(default)s")
    parser.add_argument("--samples", type=int, default=15000, metavar="N", help="default %(default)s")
    options = parser.parse_args(argv)
    with threadpool_limits(1):
        show(["noise", "draws", "exact", "seconds"], rows(options.draws, options.samples))


def rows(draws: int, samples: int) -> Iterator[list[str]]:
    for noise in ("equal", "unequal"):
        exact, spent = [], []
        for seed in range(draws):
            uses, embeddings = drawn(noise, samples, seed)
            model, seconds = timed(partial(fit, embeddings.moments(), FACTORS, seed, local=embeddings))
            exact.append(found(model) == Counter(uses))
            spent.append(seconds)
        yield [noise, str(draws), str(sum(exact)), number(median(spent))]


def drawn(noise: str, samples: int, seed: int) -> tuple[list[str], Embeddings]:
    """The kind of each factor, and what is seen of them."""
    rng = np.random.default_rng(seed)
    uses = [kind for kind in KINDS for _ in range(rng.integers(1, 4))]
    latent, seen = rng.standard_normal((samples, len(uses))), {}
    for name, size in SIZES.items():
        weights = rng.standard_normal((len(uses), size)) * np.array([name in use for use in uses])[:, None]
        spread = np.exp(rng.standard_normal(size)) if noise == "unequal" else 2.0
        x = latent @ weights + spread * rng.standard_normal((samples, size))
        seen[name] = (x - x.mean(axis=0)) / (x.std(axis=0) if noise == "unequal" else 1.0)
    seen["b"][rng.random(samples) < MISSING] = np.nan
    if noise == "unequal":
        return uses, Embeddings({}, {}, {name: RealEmbedding(x) for name, x in seen.items()}, tuple(seen))
    return uses, Embeddings(seen, {name: np.zeros_like(x) for name, x in seen.items()}, {}, tuple(seen))


def found(model: FactorModel) -> Counter[str]:
    """How many factors of each kind the model has."""
    active = zip(*model.active.values(), strict=True)
    kinds = ("".join(name for name, used in zip(SIZES, row, strict=True) if used) for row in active)
    return Counter(kind for kind in kinds if kind)


if __name__ == "__main__":
    main()
