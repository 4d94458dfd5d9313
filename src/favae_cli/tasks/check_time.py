"""How long a run without networks will take, by trying each of its phases on its own data."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from favae_cli.config.models import FactorModelConfig
from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.evaluation.baselines import baseline_metrics
from favae_cli.evaluation.prediction import data_on_scale, scored, ways
from favae_cli.factors import fit
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.read_outs import learn_read_out, read_out_of
from favae_cli.preparation.bending import WIDE
from favae_cli.training.factor_step import first_factors, keep_units
from favae_cli.views import Encoded, RealView

ENOUGH = 0.5  # seconds of a phase, from which the rest of it is told
SWEEPS = 5  # at a time, with a rotation: the first few, which have the most factors, tell nothing of the others
LONG = 600.0  # seconds, from which a network may be worth its own
FEW = 20  # columns, which cost as much as the work that there is for any view
FIGURE = 0.15  # of the time that starting takes, which is that of as much Python, for a figure
FIGURES = 7  # that any run of tables has, beside those of views, attributes and factors

Part = tuple[float, Callable[[], object]]
"""A weight, and some work that takes about so long."""


def phases(config: Config, model: FAVAE, data: Dataset, start: float, reading: float) -> dict[str, float]:
    """Seconds that each phase of a run of task train takes, on this machine as it is now.

    Args:
        config: of the run.
        model: of views without networks that learn; gets factors.
        data: seen as its views.
        start: seconds that this process took to get going.
        reading: seconds that the data took.
    """
    judged = data.thinned(config.evaluation.samples)
    with _quietly():
        factors = _factors(config, model, data)
        regressions = _of_all(
            _part(model, target, given, partial(learn_read_out, model, data, target, given))
            for target, given in read_out_of(model, data)
        )
        encoded = model.encode(judged, judged.split["test"])
        plain = data_on_scale(model, judged)
        evaluation = _of_all(
            _part(model, view, given or [view], partial(_evaluate, model, judged, plain, view, given, encoded))
            for view in model.views
            for given in ways(view, [*model.views]).values()
        )
    return {
        "start": start,
        "data": reading,
        "factors": factors,
        "regressions": regressions,
        "evaluation": evaluation,
        "figures": _figures(config, model) * FIGURE * start,
    }


def long_factors(model: FAVAE, seconds: float) -> Iterator[str]:
    """Advice where the factors take long because of a table of very many columns."""
    sizes = {name: view.size for name, view in model.views.items() if isinstance(view, RealView)}
    widest = max(sizes, key=lambda name: sizes[name], default="")
    if seconds > LONG and sizes and sizes[widest] > WIDE:
        yield (
            f"views.{widest}: the factors take long, and look at each of its {sizes[widest]} columns; type vector, a "
            "network, gives them a few dimensions to look at, or leave columns out that hardly vary"
        )


def _factors(config: Config, model: FAVAE, data: Dataset) -> float:
    """Of the sweeps, those that are left as quick as the last ones."""
    settings, schedule, train = config.model, config.plan, data.split["train"]
    assert isinstance(settings, FactorModelConfig)
    begun, seconds, pace, taken, factors = time.perf_counter(), 0.0, 0.0, 0, None
    evidence = model.embeddings(data, train, model.encode(data, train))
    while taken < schedule.sweeps and (taken <= SWEEPS or seconds < ENOUGH):
        before = seconds
        factors = fit(
            evidence.moments(factors),
            first_factors(settings.factors, len(train)),
            config.seed,
            copies={name: config.views[name].copies for name in model.views},
            start=factors,
            sweeps=SWEEPS,
            rotate_every=SWEEPS,
            prune=schedule.prune,
            local=evidence if evidence.local else None,
        )
        seconds, taken = time.perf_counter() - begun, taken + SWEEPS
        pace = (seconds - before) / SWEEPS
    model.factors = factors
    keep_units(model.views, evidence.local)
    return seconds + pace * max(schedule.sweeps - taken, 0)


def _evaluate(
    model: FAVAE, data: Dataset, plain: Dataset, view: str, given: list[str], encoded: Mapping[str, Encoded]
) -> None:
    """One way of `prediction_metrics`, and of `prediction_baselines`, which go by the data `plain`."""
    scored(model, data, view, given, "test", encoded)
    baseline_metrics(plain, {view: (view, given)}, "test")


def _part(model: FAVAE, target: str, given: Sequence[str], work: Callable[[], object]) -> Part:
    return (model.views[target].size + FEW) * (sum(model.views[name].size for name in given) + FEW), work


def _of_all(parts: Iterable[Part]) -> float:
    """Of all work, by as much of it as is done in a while: first what is heavier than most."""
    every = sorted(parts, key=lambda part: part[0])
    first = 3 * len(every) // 4
    spent = done = 0.0
    for weight, work in [*every[first:], *reversed(every[:first])]:
        begun = time.perf_counter()
        work()
        spent, done = spent + time.perf_counter() - begun, done + weight
        if spent > ENOUGH:
            break
    return spent * sum(weight for weight, _ in every) / done if done else 0.0


def _figures(config: Config, model: FAVAE) -> int:
    if config.evaluation.figures is False:
        return 0
    attributes = sum(view.type == "bernoulli" for view in config.views.values())
    return FIGURES + len(model.views) + attributes + min(config.evaluation.cards, model.joined.factors)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the phases log of a run that there is not."""
    ours = logging.getLogger("favae_cli")
    level = ours.level
    ours.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.setLevel(level)
