"""The factors that were planted: how many are found, in which views, and how fast, beside other factor analyses.

    python scripts/bench/recovery.py
    python scripts/bench/recovery.py --seeds 5 --samples 10000 --rivals FactorAnalysis

Two views, some factors in both and some in one only. Every method is given more factors than there are. Ours and
MOFA say themselves which factors a view uses; scikit-learn's FactorAnalysis prunes nothing, so that a factor counts as
used where it explains more of a view than the share named below. MOFA needs the extra: pip install 'favae-run[bench]'.
"""

from __future__ import annotations

import contextlib
import io
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from statistics import mean

import numpy as np
from markdown_table import table
from matplotlib.figure import Figure
from measure import interleaved, timed
from page import Page, write
from sklearn.decomposition import FactorAnalysis
from threadpoolctl import threadpool_limits

from favae_cli.factors import Moments, fit
from favae_cli.reporting.style import INK, blank, colour, dress
from favae_cli.reporting.table import number

OURS, SKLEARN, MOFA = "FA-VAE's engine", "FactorAnalysis", "mofapy2"
SIZES = (60, 40)
EXPLAINS = 0.01  # of a view's variance, for a factor of FactorAnalysis to count; MOFA's usual threshold is the same
NOISE = 1.0  # standard deviation beside loadings of 1


@dataclass(frozen=True)
class Planted:
    """Two views, and the factors that are in each."""

    views: tuple[np.ndarray, np.ndarray]
    used: np.ndarray  # bool (2, K)
    latent: np.ndarray  # (N, K)


@dataclass(frozen=True)
class Found:
    """What a method says: the factors in each view, bool (2, K), and g of every sample, (N, K)."""

    used: np.ndarray
    latent: np.ndarray


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (OURS, *options.rivals)}
    methods = {OURS: ours, SKLEARN: sklearn, MOFA: mofa}
    truth: dict[str, float] = {}
    with threadpool_limits(1):
        for seed in range(options.seeds):
            planted = plant(options.samples, seed)
            truth = counts(planted.used)
            sides = {
                name: partial(scored, partial(methods[name], planted, options.factors, seed), planted, found[name])
                for name in found
            }
            interleaved(sides, 1)
    means = {name: {key: mean(row[key] for row in each) for key in each[0]} for name, each in found.items()}
    text = (
        f"{options.samples:,} samples of two views ({' and '.join(map(str, SIZES))} dimensions), K = {options.factors} "
        f"given, one thread, seconds of processor time; means over {options.seeds} sets of data. R2 of the planted "
        "factors by those found in the same views, so that a private factor taken for a shared one counts as lost."
    )
    header = ["", *next(iter(means.values()))]
    lines = [["planted", *(number(truth.get(key)) for key in header[1:])]]
    lines += [[name, *map(number, row.values())] for name, row in means.items()]
    write(options.page, "recovery", "Structure recovery", text, table(header, lines), draw(means, truth))


def parse(argv: Sequence[str] | None) -> Namespace:
    parser = Page(__doc__)
    parser.add_argument("--samples", type=int, default=3000, metavar="N", help="default %(default)s")
    parser.add_argument("--factors", type=int, default=30, metavar="K", help="given (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="sets of planted data (default %(default)s)")
    parser.add_argument(
        "--rivals",
        nargs="*",
        choices=(SKLEARN, MOFA),
        default=[SKLEARN, *([MOFA] if find_spec("mofapy2") else [])],
        help="default: those that are installed",
    )
    options = parser.parse_args(argv)
    if min(options.samples, options.factors) < 2 or options.seeds < 1:
        parser.error("--samples and --factors must be 2 or more, --seeds 1 or more")
    if MOFA in options.rivals and not find_spec("mofapy2"):
        parser.error("--rivals mofapy2: is not installed; pip install 'favae-run[bench]'")
    return options


def plant(samples: int, seed: int, shared: int = 6, private: tuple[int, int] = (6, 4)) -> Planted:
    """Two views that share factors and have factors of their own; loadings and noise of unit variance."""
    rng = np.random.default_rng(seed)
    factors = shared + sum(private)
    used = np.zeros((2, factors), bool)
    used[:, :shared] = True
    used[0, shared : shared + private[0]] = True
    used[1, shared + private[0] :] = True
    latent = rng.standard_normal((samples, factors))
    first, second = (
        latent @ (rng.standard_normal((factors, size)) * here[:, None]) + NOISE * rng.standard_normal((samples, size))
        for here, size in zip(used, SIZES, strict=True)
    )
    return Planted((first, second), used, latent)


def scored(method: Callable[[], Found], planted: Planted, kept: list[dict[str, float]]) -> float:
    """Seconds of processor time that the method takes; keeps them, and how well it does."""
    found, spent = timed(method)
    kept.append(counts(found.used) | {"R2": recovered(planted, found), "seconds": spent})
    return spent


def counts(used: np.ndarray) -> dict[str, float]:
    """Of factors (2, K) in any view, in each and in both."""
    return {
        "factors": float(used.any(axis=0).sum()),
        "in view 1": float(used[0].sum()),
        "in view 2": float(used[1].sum()),
        "shared": float(used.all(axis=0).sum()),
    }


def recovered(planted: Planted, found: Found) -> float:
    """R2 of the planted factors by those found in the same views: in both, in the first only, in the second only.

    Within such a group factors are known up to a rotation, hence a regression of each on all of its group.
    """
    left: list[float] = []
    for views in ([True, True], [True, False], [False, True]):
        true, guess = (part.latent[:, np.all(np.array(views) == part.used.T, axis=1)] for part in (planted, found))
        true, guess = true - true.mean(axis=0), guess - guess.mean(axis=0)
        left += [*(true - guess @ np.linalg.lstsq(guess, true)[0]).var(axis=0) / true.var(axis=0)]
    return float(1 - np.mean(left))


def ours(planted: Planted, factors: int, seed: int) -> Found:
    arrays = dict(zip("ab", planted.views, strict=True))
    model = fit(Moments.from_arrays(arrays), factors, seed)
    latent, _ = model.posterior(arrays)
    return Found(np.array(list(model.active.values())), latent)


def sklearn(planted: Planted, factors: int, seed: int) -> Found:
    stacked = np.concatenate(planted.views, axis=1)
    model = FactorAnalysis(factors, random_state=seed).fit(stacked)
    parts = np.split(model.components_, [SIZES[0]], axis=1)
    explained = [np.square(part).sum(axis=1) for part in parts]
    used = [some / view.var(axis=0).sum() > EXPLAINS for some, view in zip(explained, planted.views, strict=True)]
    return Found(np.array(used), model.transform(stacked))


def mofa(planted: Planted, factors: int, seed: int) -> Found:
    from mofapy2.run.entry_point import entry_point

    with contextlib.redirect_stdout(io.StringIO()):
        model = entry_point()
        model.set_data_options(scale_views=False)
        model.set_data_matrix([[view] for view in planted.views])
        model.set_model_options(factors=factors, spikeslab_weights=False)
        model.set_train_options(iter=1000, convergence_mode="fast", dropR2=EXPLAINS, seed=seed, quiet=True)
        model.build()
        model.run()
    explained = np.asarray(model.model.calculate_variance_explained()[0])  # shares, (2, K)
    return Found(explained > EXPLAINS, np.asarray(model.model.nodes["Z"].getExpectation()))


def draw(means: dict[str, dict[str, float]], truth: dict[str, float]) -> Figure:
    figure = blank(5.5, 2.8)
    axes = figure.subplots()
    dress(axes, "Factors by view", "", "number")
    place = np.arange(len(truth))
    width = 0.8 / len(means)
    for index, (name, row) in enumerate(means.items()):
        label = f"{name}, {number(row['seconds'])} s"
        axes.bar(place + index * width, [row[key] for key in truth], width, color=colour(index), label=label)
    for spot, value in zip(place, truth.values(), strict=True):
        axes.hlines(value, spot - width / 2, spot + 0.8 - width / 2, color=INK, linewidth=1.2)
    axes.set_xticks(place + 0.4 - width / 2, list(truth))
    axes.legend(fontsize=6, frameon=False)
    return figure


if __name__ == "__main__":
    main()
