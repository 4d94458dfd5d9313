"""Rare binary columns beside numbers: what each says of the other, beside ridge, a `real` view and the columns' rates.

    python scripts/bench/rare_values.py
    python scripts/bench/rare_values.py --samples 80 --seeds 1

Two factors are behind 150 mutations, of which one entry in ten is 1, and behind the response to ten drugs. R2 is of the
drugs of 200 new samples from their mutations; the mean probability and the Brier score are of their mutations from the
drugs, beside the rates of ones in what was learned from and in these samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
from markdown_table import show
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from favae_cli.factors import fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.reporting.table import number
from favae_cli.training.factor_step import keep_units
from favae_cli.views import BernoulliView, RealView

NEW, FACTORS = 200, 20
HEADER = ["samples, seed", "R2", "R2, as real", "R2, ridge"]
HEADER += ["rate", "rate, new", "mean probability", "Brier", "Brier, rates"]


def main(argv: Sequence[str] | None = None) -> None:
    show(HEADER, rows(parse(argv)))


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for samples in options.samples:
        for seed in range(options.seeds):
            yield [f"{samples}, {seed}", *(number(value, 3) for value in scores(samples, seed))]


def drawn(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mutations and drugs; the first `samples` rows are to be learned from."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(samples + NEW, 2))
    logits = latent @ rng.normal(size=(2, 150)) * 1.2 - 3
    mutations = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    drugs = latent @ rng.normal(size=(2, 10)) + 0.4 * rng.normal(size=(len(latent), 10))
    return mutations[:, mutations[:samples].sum(axis=0) > 2], drugs


def scores(samples: int, seed: int) -> list[float]:
    """The columns of a row."""
    mutations, drugs = drawn(samples, seed)
    train, new = slice(samples), slice(samples, None)
    found = predicted(mutations, drugs, samples, BernoulliView(mutations.shape[1]))
    as_real = predicted(mutations, drugs, samples, RealView(mutations.shape[1]))
    ridge = RidgeCV(np.logspace(-1, 5, 25)).fit(mutations[train], drugs[train]).predict(mutations[new])
    rates = mutations[train].mean(axis=0)
    return [
        *(r2_score(drugs[new], made) for made in (found[0], as_real[0], ridge)),
        float(rates.mean()),
        float(mutations[new].mean()),
        float(found[1].mean()),
        *(float(np.square(made - mutations[new]).mean()) for made in (found[1], rates)),
    ]


def predicted(
    mutations: np.ndarray, drugs: np.ndarray, samples: int, view: BernoulliView | RealView
) -> tuple[np.ndarray, np.ndarray]:
    """Drugs from mutations, and mutations from drugs, of the new samples."""
    views = {"mutations": view, "drugs": RealView(drugs.shape[1])}
    tables = {"mutations": mutations, "drugs": drugs}
    for name, each in views.items():
        each.fit(tables[name][:samples])
    evidence = Embeddings(
        {}, {}, {name: each.local(tables[name][:samples]) for name, each in views.items()}, tuple(views)
    )
    model = fit(evidence.moments(), FACTORS, local=evidence)
    keep_units(views, evidence.local)
    found = []
    for given, asked in (("mutations", "drugs"), ("drugs", "mutations")):
        known = Embeddings({}, {}, {given: views[given].local(tables[given][samples:])}, (given,))
        known.settle(model)
        found.append(views[asked].decode(*known.predict(model, asked)))
    return found[0], found[1]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[80, 300], help="to learn from")
    parser.add_argument("--seeds", type=int, default=3, help="how many draws of the data")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
