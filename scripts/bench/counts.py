"""Counts of unequal depth, some of them lost: what each way of reading them says of another table.

    python scripts/bench/counts.py
    python scripts/bench/counts.py --samples 200 --seeds 1

Three factors are behind the counts of 40 genes and the logarithms of five proteins, which a quarter of the samples
lack: R2 of these. Ridge regression and the random forest see logarithms of counts that are normalised to one depth, as
is usual; `zinb` is the view with a network, in its defaults, `negative binomial` the same with that likelihood and a
random start, and `logs` the view without a network that `init` writes for few samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markdown_table import show
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV

from favae_cli import FAVAE
from favae_cli.reporting.table import number

GENES, PROTEINS = 40, 5
HEADER = ["samples, mean, share lost, seed", "ridge", "random forest", "negative binomial", "zinb", "logs"]
READ: dict[str, str | Mapping[str, Any]] = {
    "negative binomial": {"type": "counts", "likelihood": "negative_binomial", "start": "random"},
    "zinb": "counts",
    "logs": {"type": "real", "transform": {"counts": ["*"]}},
}


def main(argv: Sequence[str] | None = None) -> None:
    show(HEADER, rows(parse(argv)))


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for samples in options.samples:
        for mean, lost in ((20.0, 0.5), (3.0, 0.5), (1.0, 0.0)):
            for seed in range(options.seeds):
                found = scores(samples, mean, lost, seed)
                yield [f"{samples}, {mean:g}, {lost:g}, {seed}", *(number(value, 3) for value in found)]


def drawn(samples: int, mean: float, lost: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts, and the proteins; the last quarter of the rows is to be told."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(samples, 3))
    depth = rng.normal(0, 0.6, size=(samples, 1))
    usual = rng.normal(np.log(mean), 0.7, size=GENES)
    counts = rng.poisson(np.exp(usual + depth + latent @ rng.normal(size=(3, GENES)) * 0.5))
    proteins = latent @ rng.normal(size=(3, PROTEINS)) * 0.5 + 0.05 * rng.normal(size=(samples, PROTEINS))
    return np.where(rng.random(counts.shape) < lost, 0, counts).astype(float), proteins


def scores(samples: int, mean: float, lost: float, seed: int) -> list[float]:
    """The columns of a row."""
    counts, proteins = drawn(samples, mean, lost, seed)
    train, new = slice(3 * samples // 4), slice(3 * samples // 4, None)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    logs = np.log1p(counts / total * np.median(total))

    def r2(made: np.ndarray) -> float:
        left = np.square(proteins[new] - made).sum()
        return float(1 - left / np.square(proteins[new] - proteins[train].mean(axis=0)).sum())

    peers = RidgeCV(np.logspace(-2, 4, 30)), RandomForestRegressor(300, random_state=0)
    found = [r2(peer.fit(logs[train], proteins[train]).predict(logs[new])) for peer in peers]
    for genes in READ.values():
        model = FAVAE(views={"genes": genes, "proteins": "real"}, latent=8, device="cpu")
        model.fit({"genes": counts[train], "proteins": proteins[train]})
        found.append(r2(model.predict({"genes": counts[new]}, to="proteins")["proteins"]))
    return found


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[200], help="of which a quarter is to be told")
    parser.add_argument("--seeds", type=int, default=3, help="how many draws of the data")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
