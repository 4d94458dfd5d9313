"""Tables of many more columns than samples: what a fit of the factors and a whole run take.

    python scripts/bench/wide.py
    python scripts/bench/wide.py --cases 1000x50000 --shares 0 --file parquet

Two views of planted factors have half of the columns each. `fit` is the factor engine alone on them, in a process that
draws them itself; `run` is `favae-run` on files of them, from reading to report, with the experiment that `task=init`
writes and K as planted. Seconds are of processor time; memory is the most that the process had.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from markdown_table import show
from measure import measured, timed

from favae_cli.factors import fit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.reporting.table import number
from favae_cli.views import RealView

CASES, SHARES = ("150x6000", "150x20000"), (0.0, 0.02)
HEADER = ["table, missing", "fit, s", "fit, MiB", "R2 of the factors", "run, s", "run, MiB"]
FACTORS, SWEEPS = 15, 100
NOISE = 1.0  # standard deviation; that of what the factors say of a column is the root of K / 2


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    if options.alone:
        alone(options.cases[0], options.shares[0], options.seed)
        return
    show(HEADER, rows(options))


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for case in options.cases:
        for share in options.shares:
            drawn = ["--alone", "--cases", case, "--shares", str(share), "--seed", str(options.seed)]
            said, _, _ = measured([sys.executable, __file__, *drawn], Path.cwd())
            with tempfile.TemporaryDirectory() as folder:
                seconds, mebibytes = run(Path(folder), case, share, options.seed, options.file)
            name = f"{case.replace('x', ' x ')}, {share:.0%}"
            yield [name, *said.split(), number(seconds), f"{mebibytes:,.0f}"]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="NxD", help=f"default: {' '.join(CASES)}")
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES, help="of entries missing; 0 0.02")
    parser.add_argument("--file", choices=("csv", "parquet"), default="csv", help="that a run reads (default csv)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default %(default)s)")
    parser.add_argument("--alone", action="store_true", help="the fit of one case in this process, and nothing else")
    return parser.parse_args(argv)


def planted(case: str, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) table with NaN, in float32 as files have it, and its (N, K) factors; half of them in each half only."""
    count, columns = map(int, case.split("x"))
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((count, FACTORS))
    table = np.empty((count, columns), np.float32)
    half = columns // 2
    for place, used in ((slice(0, half), slice(0, 10)), (slice(half, columns), slice(5, FACTORS))):
        part = table[:, place]
        part[:] = latent[:, used] @ rng.standard_normal((used.stop - used.start, part.shape[1]))
        part += NOISE * rng.standard_normal(part.shape, np.float32)
    if share:
        table[rng.random(table.shape, np.float32) < share] = np.nan
    return table, latent


def alone(case: str, share: float, seed: int) -> None:
    """Prints seconds, MiB and the R2 of the planted factors by those found."""
    table, latent = planted(case, share, seed)
    local = {}
    for name, part in zip("ab", np.array_split(table, 2, axis=1), strict=True):
        view = RealView(part.shape[1])
        view.fit(part)
        local[name] = view.local(part)
    evidence = Embeddings({}, {}, local, tuple(local))
    model, seconds = timed(lambda: fit(evidence.moments(), FACTORS, sweeps=SWEEPS, local=evidence))
    centred = latent - latent.mean(axis=0)
    found = np.column_stack([evidence.latents(model), np.ones(len(latent))])
    left = centred - found @ np.linalg.lstsq(found, centred, rcond=None)[0]
    r2 = 1 - np.square(left).sum() / np.square(centred).sum()
    print(f"{number(seconds)} {peak():,.0f} {r2:.4f}")


def run(folder: Path, case: str, share: float, seed: int, kind: str) -> tuple[float, float]:
    """Seconds and MiB of `favae-run` on a file of the table."""
    table, _ = planted(case, share, seed)
    names = [
        f"{view}_{column}"
        for view, part in zip("ab", np.array_split(range(table.shape[1]), 2), strict=True)
        for column in part
    ]
    frame = pd.DataFrame(table, columns=names)
    frame.insert(0, "sample", [f"s{row}" for row in range(len(table))])
    files = []
    for view in "ab":
        part = frame[["sample", *(name for name in names if name.startswith(view))]]
        files.append(folder / f"{view}.{kind}")
        part.to_csv(files[-1], index=False) if kind == "csv" else part.to_parquet(files[-1])
    program = [sys.executable, "-m", "favae_cli"]
    asked = ",".join(file.name for file in files)
    measured([*program, "task=init", f"input=[{asked}]", "name=wide"], folder)
    _, seconds, mebibytes = measured([*program, "experiment=wide", f"model.factors={FACTORS}"], folder)
    return seconds, mebibytes


def peak() -> float:
    """MiB that this process has had at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
