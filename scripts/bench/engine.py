"""Time of a sweep of the factor engine as the number of samples grows, beside the same sweep over samples.

    python scripts/bench/engine.py
    python scripts/bench/engine.py --samples 1000 100000 --factors 50

A sweep of `fit` works on moments, so its time depends on the embedding sizes and K but not on N. The per-sample form
has every update go through the samples, as the mean-field equations are written; a thriftier one goes through them
once and shares the sums. All run on one thread, in turns.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np
from markdown_table import table
from matplotlib.figure import Figure
from measure import interleaved, ratio, seconds
from page import Page, write
from threadpoolctl import threadpool_limits

from favae_cli.factors import FactorModel, Moments, fit
from favae_cli.factors.gamma import PRIOR_RATE, PRIOR_SHAPE, Gamma
from favae_cli.factors.model import ViewFactors
from favae_cli.factors.spectral_start import spectral_start
from favae_cli.factors.updates import ViewSums, update_ard, update_view
from favae_cli.reporting.style import blank, colour, dress

SIZES = {"a": 120, "b": 80}
TRUE_FACTORS = 20
CHUNK = 1000  # samples drawn at a time
SAMPLES = (10**3, 10**4, 3 * 10**4, 10**5, 10**6, 10**7)
DRAWN = 10**6  # samples; beyond, their moments are merged with themselves
SWEEPS = 20  # of `fit` between two looks at the clock
FORMS = ("moments", "per sample", "per sample, sums shared")

Arrays = dict[str, np.ndarray]


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    with threadpool_limits(1):
        moments, held = gather(sorted(set(options.samples)), options.plain_up_to, options.seed)
        starts = {count: spectral_start(sums, options.factors, options.seed) for count, sums in moments.items()}
        sides: dict[tuple[str, int], Callable[[], float]] = {}
        for count, sums in moments.items():
            sides[FORMS[0], count] = partial(seconds_a_sweep, starts[count], sums)
            for form, sweep in zip(FORMS[1:], (plain_sweep, shared_sweep), strict=True):
                if count in held:
                    sides[form, count] = partial(seconds, partial(sweep, starts[count], held[count]), time.process_time)
        times = interleaved(sides, options.repeats)
        apart = max((difference(starts[count], moments[count], held[count]) for count in held), default=0.0)
    text = (
        f"K = {options.factors} factors, views of {' and '.join(map(str, SIZES.values()))} dimensions, one thread; "
        f"milliseconds of processor time a sweep, median of {options.repeats}. In the per-sample form every update "
        "(g, W, b, tau) goes through the samples, as the mean-field equations are written; with shared sums all do so "
        f"together. The bound is part of the moments' time only. All give the same weights (to {apart:.0e})."
    )
    write(options.page, "engine", "One sweep of the factor engine", text, rows(times), draw(times))


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=SAMPLES, metavar="N")
    parser.add_argument("--factors", type=int, default=100, metavar="K", help="default %(default)s")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each (default %(default)s)")
    parser.add_argument(
        "--plain-up-to",
        type=int,
        default=10**5,
        metavar="N",
        help="hold no more samples in memory than this, for the per-sample forms (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if min(options.samples) < 2 or min(options.factors, options.repeats) < 1:
        parser.error("--samples must be 2 or more, --factors and --repeats 1 or more")
    return options


def rows(times: dict[tuple[str, int], list[float]]) -> str:
    """A line for each number of samples."""
    fast, *others = FORMS
    lines = []
    for count in unique(times):
        line = [f"{count:,}", f"{1e3 * median(times[fast, count]):.2f}"]
        for form in others:
            slow = times.get((form, count))
            line += [f"{1e3 * median(slow):.0f}", f"{ratio(slow, times[fast, count]):.3g}"] if slow else ["-", "-"]
        lines.append(line)
    return table(["samples", fast, *(cell for form in others for cell in (form, "ratio"))], lines)


def draw(times: dict[tuple[str, int], list[float]]) -> Figure:
    figure = blank(4.5, 3)
    axes = figure.subplots()
    dress(axes, "One sweep", "samples", "milliseconds")
    for index, form in enumerate(FORMS):
        known = [count for count in unique(times) if (form, count) in times]
        spent = [1e3 * median(times[form, count]) for count in known]
        axes.loglog(known, spent, ".-", color=colour(index), label=form, linewidth=1.2)
    axes.legend(fontsize=6, frameon=False)
    return figure


def unique(times: dict[tuple[str, int], list[float]]) -> list[int]:
    """The numbers of samples, in order."""
    return sorted({count for _, count in times})


def gather(counts: list[int], hold: int, seed: int) -> tuple[dict[int, Moments], dict[int, Arrays]]:
    """Moments of N samples for each N, in one pass; and those samples where N is at most `hold`.

    The first `DRAWN` samples are all different; larger sets have them several times.
    """
    moments: dict[int, Moments] = {}
    held: dict[int, Arrays] = {}
    kept: list[Arrays] = []
    total: Moments | None = None
    block: Moments | None = None
    done = 0
    source = chunks(seed)
    for count in counts:
        while done < count:
            if block and count - done >= DRAWN:
                part = block
            else:
                room = min(count, DRAWN if done < DRAWN else count) - done
                chunk = {view: values[:room] for view, values in next(source).items()}
                part = Moments.from_arrays(chunk)
                if done + part.count <= hold:
                    kept.append(chunk)
            total = total.merge(part) if total else part
            done += part.count
            if done == DRAWN:
                block = total
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
    sweeps = partial(fit, moments, start=start, sweeps=SWEEPS, rotate_every=0, prune=False, tolerance=0.0)
    return seconds(sweeps, time.process_time) / SWEEPS


def plain_sweep(model: FactorModel, arrays: Arrays) -> FactorModel:
    """One sweep in which each update goes through the samples; without the bound."""
    latent, covariance = infer(model, arrays)
    gg = latent.T @ latent + len(latent) * covariance
    return replace(
        model, views={name: plain_update(view, arrays[name], latent, gg) for name, view in model.views.items()}
    )


def plain_update(view: ViewFactors, z: np.ndarray, latent: np.ndarray, gg: np.ndarray) -> ViewFactors:
    """W, b, alpha and tau from z (N, D), <g> (N, K) and the sum of <g g^T>."""
    count, size = z.shape
    covariance = np.linalg.inv(np.diag(view.ard.mean) + view.tau * gg)
    weights = view.tau * (z - view.bias).T @ latent @ covariance
    bias_var = 1 / (1 + view.tau * count)
    bias = bias_var * view.tau * (z - latent @ weights.T).sum(axis=0)
    view = update_ard(replace(view, weights=weights, weights_cov=covariance, bias=bias, bias_var=bias_var))
    error = np.square(z - latent @ weights.T - bias).sum() + count * size * bias_var
    error += np.sum(view.gram * gg) - np.sum((weights.T @ weights) * (latent.T @ latent))
    return replace(view, noise=Gamma(PRIOR_SHAPE + size * count / 2, np.asarray(PRIOR_RATE + error / 2)))


def shared_sweep(model: FactorModel, arrays: Arrays) -> FactorModel:
    """One sweep that infers g of every sample and then needs sums over samples only; without the bound."""
    latent, covariance = infer(model, arrays)
    gg = latent.T @ latent + len(latent) * covariance
    views = {}
    for name, z in arrays.items():
        sums = ViewSums(
            count=len(z),
            z=z.sum(axis=0),
            squares=np.einsum("nd,nd->d", z, z),
            g=latent.sum(axis=0),
            gg=gg,
            zg=z.T @ latent,
            entropy=0.0,
        )
        views[name] = update_view(name, model.views[name], sums)
    return replace(model, views=views)


def infer(model: FactorModel, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """<g> of every sample, (N, K), and the covariance that all share."""
    project, covariance, _ = model.given(tuple(arrays))
    stacked = np.concatenate(list(arrays.values()), axis=1)
    return (stacked - model.bias(tuple(arrays))) @ project, covariance


def difference(start: FactorModel, moments: Moments, arrays: Arrays) -> float:
    """The largest, in any weight or variance of the noise, of a sweep over samples from one over moments."""
    fast = fit(moments, start=start, sweeps=1, rotate_every=0, prune=False)
    found = []
    for sweep in (plain_sweep, shared_sweep):
        plain = sweep(start, arrays)
        found += [np.abs(fast.weights[view] - plain.weights[view]).max() for view in arrays]
        found += [abs(1 / fast.views[view].tau - 1 / plain.views[view].tau) for view in arrays]
    return float(max(found))


if __name__ == "__main__":
    main()
