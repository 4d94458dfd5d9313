"""Threads for the factor engine: how long its stages take with one thread of BLAS, and with more.

    python scripts/bench/threads.py
    python scripts/bench/threads.py --threads 1 4 16 --sizes 200x100 1000x500

The engine takes `favae_cli.factors.linalg.THREADS`, wherever it is called from; here that is each number in turn.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from markdown_table import table
from measure import interleaved, ratio, seconds
from page import Page, write

from favae_cli.factors import Moments, fit, linalg
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.rotation import best_rotation
from favae_cli.factors.spectral_start import spectral_start
from favae_cli.factors.updates import update_latents

TRUE_FACTORS = 20
BITS = 20  # columns of the binary view
SWEEPS, STEPS = 3, 5  # of `fit` and of a rotation between two looks at the clock
Stages = dict[str, Callable[[], object]]


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    lines = []
    for size, factors in options.sizes:
        sides = {
            (stage, count): lambda work=work, count=count: with_threads(work, count)
            for stage, work in stages(size, factors, options.samples).items()
            for count in options.threads
        }
        times = interleaved(sides, options.repeats)
        for stage in dict.fromkeys(stage for stage, _ in times):
            first, *more = (times[stage, count] for count in options.threads)
            spent = [f"{1e3 * median(times[stage, count]):.1f}" for count in options.threads]
            lines.append([f"{size}, {factors}: {stage}", *spent, *(f"{ratio(first, other):.2g}" for other in more)])
    text = (
        f"Milliseconds by the clock of the engine's stages with {' and '.join(map(str, options.threads))} thread(s) of "
        f"BLAS, {options.samples:,} samples; medians of {options.repeats}, in turns. D, K: D dimensions in two views, "
        f"K factors. Settling is of {BITS} binary columns beside one of the views, three steps."
    )
    header = ["D, K: stage", *map(str, options.threads), *(f"{count} is x" for count in options.threads[1:])]
    write(options.page, "threads", "Threads for the factor engine", text, table(header, lines))


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("--sizes", type=_size, nargs="+", default=[(100, 50), (200, 100), (500, 200)], metavar="DxK")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, 2, os.cpu_count() or 1}), metavar="T")
    parser.add_argument("--samples", type=int, default=20_000, metavar="N", help="default %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each (default %(default)s)")
    options = parser.parse_args(argv)
    if min(*options.threads, options.samples, options.repeats) < 1:
        parser.error("--threads, --samples and --repeats must be 1 or more")
    return options


def stages(size: int, factors: int, samples: int) -> Stages:
    """What the engine does in a round, by name."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((samples, TRUE_FACTORS))
    z = latent @ rng.standard_normal((TRUE_FACTORS, size)) + rng.standard_normal((samples, size))
    arrays = {"a": z[:, : size // 2], "b": z[:, size // 2 :]}
    bits = 1.0 * (latent @ rng.standard_normal((TRUE_FACTORS, BITS)) > 0)
    moments = Moments.from_arrays(arrays)
    start = spectral_start(moments, factors)
    sums = update_latents(start, moments)
    fixed = Embeddings(arrays, {}, {}, ("a", "b"))

    def mixed() -> Embeddings:
        return Embeddings({"a": arrays["a"]}, {}, {"bits": binary(bits)}, ("a", "bits"))

    both = fit(mixed().moments(), factors, sweeps=SWEEPS)
    return {
        "moments": lambda: Moments.from_arrays(arrays),
        "spectral start": linalg.few_threads()(lambda: spectral_start(moments, factors)),
        f"{SWEEPS} sweeps": lambda: fit(moments, start=start, sweeps=SWEEPS, rotate_every=0, prune=False, tolerance=0),
        f"rotation, {STEPS} steps": linalg.few_threads()(lambda: best_rotation(start, sums, STEPS)),
        "settling": lambda: mixed().settle(both, steps=3),
        "expected means": lambda: fixed.expect(start, "a"),
    }


def with_threads(work: Callable[[], object], count: int) -> float:
    """Seconds that it takes with so many threads."""
    usual, linalg.THREADS = linalg.THREADS, count
    try:
        return seconds(work)
    finally:
        linalg.THREADS = usual


def _size(text: str) -> tuple[int, int]:
    size, _, factors = text.partition("x")
    if not (size.isdigit() and factors.isdigit() and min(int(size) // 2, int(factors)) >= 1):
        raise ArgumentTypeError(f"{text}: DxK, such as 200x100")
    return int(size), int(factors)


if __name__ == "__main__":
    main()
