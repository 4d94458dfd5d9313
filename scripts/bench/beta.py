"""The weight of a view's own KL: how well a small view is foretold from another, and the other from it.

    python scripts/bench/beta.py
    python scripts/bench/beta.py --emoji DIR --seeds 1 --betas 1 0.1

Of each kind of view with a network there are 500 samples of three planted factors, of which five real columns tell as
well; of texts the names of the emoji beside their category and gender. A third of the samples is held out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from markdown_table import show

from favae_cli import FAVAE
from favae_cli.reporting.table import number

SAMPLES, FACTORS, COLUMNS = 500, 3, 5
HEADER = ["view, seed, beta", "R2 of the columns from it", "its log-likelihood from the columns"]
Drawn = tuple[np.ndarray, np.ndarray]
"""The view's values, and the columns."""


def main(argv: Sequence[str] | None = None) -> None:
    show(HEADER, rows(parse(argv)))


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    kinds = KINDS | ({"text": lambda rng: names(options.emoji)} if options.emoji else {})
    for kind, draw in kinds.items():
        for seed in range(options.seeds):
            drawn = draw(np.random.default_rng(seed))
            for beta in options.betas:
                yield [f"{kind}, {seed}, {beta:g}", *(number(value, 3) for value in scores(kind, drawn, beta, seed))]


def vector(rng: np.random.Generator) -> Drawn:
    """Ten columns, from hardly any noise to more noise than signal."""
    factors, columns = told(rng)
    noise = np.linspace(0.2, 1.5, 10) * rng.normal(size=(SAMPLES, 10))
    return factors @ rng.normal(size=(FACTORS, 10)) + noise, columns


def binary(rng: np.random.Generator) -> Drawn:
    """Thirty columns of 0 and 1."""
    factors, columns = told(rng)
    logits = 1.5 * factors @ rng.normal(size=(FACTORS, 30)) - 1
    return (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float), columns


def counts(rng: np.random.Generator) -> Drawn:
    """Forty columns with a mean of about three."""
    factors, columns = told(rng)
    rates = np.exp(rng.normal(np.log(3), 0.7, size=40) + 0.5 * factors @ rng.normal(size=(FACTORS, 40)))
    return rng.poisson(rates).astype(float), columns


def sequence(rng: np.random.Generator) -> Drawn:
    """Twenty steps of two channels: a wave whose phase, size and level the factors say, and one that rises with one."""
    factors, columns = told(rng)
    level, size, phase = factors.T[..., None]
    steps = np.arange(20)
    channels = (1 + 0.5 * np.tanh(size)) * np.sin(0.5 * steps + phase) + 0.5 * level, level * np.cos(0.3 * steps)
    return np.stack(channels, axis=2) + 0.7 * rng.normal(size=(SAMPLES, 20, 2)), columns


KINDS: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "vector": vector,
    "binary": binary,
    "counts": counts,
    "sequence": sequence,
}
SECTIONS: dict[str, Mapping[str, Any]] = {"binary": {"type": "vector", "likelihood": "bernoulli"}}


def told(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The factors, and the columns that tell of them."""
    factors = rng.normal(size=(SAMPLES, FACTORS))
    return factors, factors @ rng.normal(size=(FACTORS, COLUMNS)) + 0.3 * rng.normal(size=(SAMPLES, COLUMNS))


def names(folder: Path) -> Drawn:
    """Each name of an emoji once."""
    table = pd.read_csv(folder / "emoji.csv", keep_default_na=False).drop_duplicates("name")
    return table["name"].to_numpy(object), pd.get_dummies(table[["category", "gender"]]).to_numpy(float)


def scores(kind: str, drawn: Drawn, beta: float, seed: int) -> list[float]:
    """R2 of the columns on held-out samples, and the log-likelihood of the view there, in nats a sample."""
    values, columns = drawn
    order = np.random.default_rng(seed).permutation(len(columns))
    train, new = np.sort(order[: 2 * len(order) // 3]), np.sort(order[2 * len(order) // 3 :])
    section = {"type": kind} | dict(SECTIONS.get(kind, {})) | {"beta": beta}
    with TemporaryDirectory() as folder:
        views = {"view": section, "columns": {"type": "real"}}
        model = FAVAE(views, seed=seed, device="cpu", directory=Path(folder) / "run", overrides=["schedule.sweeps=60"])
        model.fit({"view": values[train], "columns": columns[train]})
        records = [json.loads(line) for line in (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()]
        made = model.predict({"view": values[new]}, to="columns")["columns"]
    left, total = (np.square(columns[new] - guess).sum() for guess in (made, columns[train].mean(axis=0)))
    foretold = [value for record in records for key, value in record.items() if key.endswith("validation/predictive")]
    return [float(1 - left / total), max(foretold)]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--betas", type=float, nargs="+", default=[1.0, 0.3, 0.1])
    parser.add_argument("--seeds", type=int, default=2, help="how many draws of the data and runs")
    parser.add_argument("--emoji", type=Path, help="folder that scripts/prepare_emoji.py has built")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
