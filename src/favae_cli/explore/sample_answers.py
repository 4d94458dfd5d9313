"""One sample: what is known of it, and what the model says of each view where it is given some of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from favae_cli.common.pixels import unit
from favae_cli.explore.parts import shortened
from favae_cli.queries.factor_scores import factor_scores
from favae_cli.queries.filled_tables import Variable, variables
from favae_cli.queries.given import Given
from favae_cli.queries.impute import known_of
from favae_cli.queries.samples import Samples
from favae_cli.queries.told import foretold, told_images, with_only
from favae_cli.training.trained_run import TrainedRun

INTERVAL = 0.9  # probability that a number is within its interval, as of task=predict


@dataclass(frozen=True)
class Answer:
    """One view of one sample.

    Attributes:
        known: whether the sample has any of it.
        given: whether the model was given it.
        images: the original, None if there is none, and what the model makes of it, (H, W, C) in [0, 1].
        table: of a table or a text: a row for each variable: what it is, what the model says, how sure that is.
        lines: of sequences (T, C): the original, what the model makes of it, and its standard deviation.
    """

    known: bool
    given: bool
    images: tuple[np.ndarray | None, np.ndarray] | None = None
    table: pd.DataFrame | None = None
    lines: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


def answers(trained: TrainedRun, sample: Samples, views: Collection[str]) -> tuple[dict[str, Answer], pd.DataFrame]:
    """By view what is known and told of the sample, and a row for each factor: mean and standard deviation of g.

    Args:
        sample: one.
        views: that the model is given; what the sample lacks it is not.
    """
    part = with_only(sample, views)
    given = Given.of_samples(trained.factors, part.data, part.indices)
    scores = factor_scores(given, sample.keys).drop(columns="key").to_numpy().reshape(-1, 2)
    factors = pd.DataFrame({"factor": range(len(scores)), "mean": scores[:, 0], "deviation": scores[:, 1]})
    return {name: _answer(trained, sample, part, given, name) for name in trained.views}, factors


def _answer(trained: TrainedRun, sample: Samples, part: Samples, given: Given, name: str) -> Answer:
    view = sample.data.views[name]
    known, told = bool(view.present[sample.indices[0]]), bool(part.data.views[name].present[0])
    if view.is_image:
        original = unit(sample.stored(name)[0]) if known else None
        return Answer(known, told, images=(original, told_images(given, part, name, np.array([0]))[0]))
    made = foretold(given, part, name)
    if view.is_sequence:
        original = view.gather(sample.indices)[0] if known else np.full(view.shape, np.nan)
        deviation = np.full(view.shape, np.nan) if made.deviation is None else made.deviation[0]
        return Answer(known, told, lines=(original, made.value[0], deviation))
    values, missing = known_of(sample, name)
    own = replace(made, known=values, missing=missing, value=values, deviation=None)
    pairs = zip(variables(own, view), variables(made, view, INTERVAL), strict=True)
    return Answer(known, told, table=pd.DataFrame([_row(known, said) for known, said in pairs]))


def _row(known: Variable, said: Variable) -> dict[str, object]:
    row: dict[str, object] = {
        "variable": known.name,
        "original": None if known.missing[0] else known.filled[0],
        "model": said.filled[0],
    }
    if "_lower" in said.beside:
        row["how sure"] = f"{shortened(said.beside['_lower'][0])} to {shortened(said.beside['_upper'][0])}"
    elif "_probability" in said.beside:
        row["how sure"] = f"{said.beside['_probability'][0]:.0%}"
    return row
