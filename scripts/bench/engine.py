"""Time of a sweep of the factor engine as the number of samples grows, beside the same sweep over samples.

    python scripts/bench/engine.py
    python scripts/bench/engine.py --samples 1000 100000 --factors 50

A sweep of `fit` works on moments, so its time depends on the embedding sizes and K but not on N. The plain
form goes through every sample to get the same sums. Both run on one thread, in turns; medians are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from favae_cli.factors import FactorModel, Moments, fit
from favae_cli.factors.start import spectral_start
from favae_cli.factors.updates import ViewSums, update_view

SIZES = {"a": 120, "b": 80}
TRUE_FACTORS = 20
CHUNK = 1000  # samples drawn at a time
SWEEPS = 20  # of `fit` between two looks at the clock

Arrays = dict[str, np.ndarray]


def main() -> None:
    options = parse()
    with threadpool_limits(1):
        moments, held = gather(sorted(set(options.samples)), options.plain_up_to, options.seed)
        starts = {count: spectral_start(sums, options.factors, options.seed) for count, sums in moments.items()}
        fast: dict[int, list[float]] = {count: [] for count in moments}
        plain: dict[int, list[float]] = {count: [] for count in held}
        for _ in range(options.repeats):
            for count, sums in moments.items():
                fast[count].append(seconds_a_sweep(starts[count], sums))
            for count, arrays in held.items():
                begin = time.perf_counter()
                plain_sweep(starts[count], arrays)
                plain[count].append(time.perf_counter() - begin)
        differences = {count: difference(starts[count], moments[count], arrays) for count, arrays in held.items()}
    print(f"K = {options.factors}, D = {' + '.join(map(str, SIZES.values()))}; median of {options.repeats}")
    print(f"{'samples':>10}  {'moments':>12}  {'per sample':>12}  {'ratio':>8}  {'largest difference':>18}")
    for count, times in fast.items():
        row = f"{count:>10,}  {1e3 * median(times):>9.2f} ms"
        if count in plain:
            row += f"  {1e3 * median(plain[count]):>9.2f} ms  {median(plain[count]) / median(times):>7.1f}x"
            row += f"  {differences[count]:>18.1e}"
        print(row)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[10**3, 10**4, 10**5, 10**6], metavar="N")
    parser.add_argument("--factors", type=int, default=100, metavar="K", help="default %(default)s")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each (default %(default)s)")
    parser.add_argument(
        "--plain-up-to",
        type=int,
        default=10**5,
        metavar="N",
        help="hold no more samples in memory than this, for the plain form (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if min(options.samples) < 2 or min(options.factors, options.repeats) < 1:
        parser.error("--samples must be 2 or more, --factors and --repeats 1 or more")
    return options


def gather(counts: list[int], hold: int, seed: int) -> tuple[dict[int, Moments], dict[int, Arrays]]:
    """Moments of the first N samples for each N, in one pass; and those samples where N is at most `hold`."""
    moments: dict[int, Moments] = {}
    held: dict[int, Arrays] = {}
    kept: list[Arrays] = []
    total: Moments | None = None
    done = 0
    source = chunks(seed)
    for count in counts:
        while done < count:
            chunk = {view: table[: count - done] for view, table in next(source).items()}
            part = Moments.from_arrays(chunk)
            total = total.merge(part) if total else part
            done += part.count
            if done <= hold:
                kept.append(chunk)
        assert total is not None
        moments[count] = total
        if count <= hold:
            held[count] = {view: np.concatenate([chunk[view] for chunk in kept]) for view in SIZES}
    return moments, held


def chunks(seed: int) -> Iterator[Arrays]:
    """Samples without end, drawn from one planted factor model."""
    rng = np.random.default_rng(seed)
    weights = {view: rng.standard_normal((TRUE_FACTORS, size)) for view, size in SIZES.items()}
    while True:
        latent = rng.standard_normal((CHUNK, TRUE_FACTORS))
        yield {
            view: latent @ loading + rng.standard_normal((CHUNK, loading.shape[1])) for view, loading in weights.items()
        }


def seconds_a_sweep(start: FactorModel, moments: Moments) -> float:
    """Of `fit` itself, the bound of every sweep included."""
    begin = time.perf_counter()
    fit(moments, start=start, sweeps=SWEEPS, rotate_every=0, prune=False, tolerance=0.0)
    return (time.perf_counter() - begin) / SWEEPS


def plain_sweep(model: FactorModel, arrays: Arrays) -> FactorModel:
    """One sweep that infers g of every sample and sums over samples; without the bound."""
    project, covariance, _ = model.given(tuple(arrays))
    stacked = np.concatenate(list(arrays.values()), axis=1)
    latent = (stacked - model.bias(tuple(arrays))) @ project
    gg = latent.T @ latent + len(latent) * covariance
    views = {}
    for name, table in arrays.items():
        sums = ViewSums(
            count=len(table),
            z=table.sum(axis=0),
            zz=float(np.vdot(table, table)),
            g=latent.sum(axis=0),
            gg=gg,
            zg=table.T @ latent,
            entropy=0.0,
        )
        views[name] = update_view(name, model.views[name], sums)
    return replace(model, views=views)


def difference(start: FactorModel, moments: Moments, arrays: Arrays) -> float:
    """The largest, in any weight, between a sweep over moments and a sweep over samples."""
    fast = fit(moments, start=start, sweeps=1, rotate_every=0, prune=False)
    plain = plain_sweep(start, arrays)
    return max(float(np.abs(fast.weights[view] - plain.weights[view]).max()) for view in arrays)


if __name__ == "__main__":
    main()
