"""How well each column of a view is foretold, and how far its intervals and probabilities can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from favae_cli.data import ViewData
from favae_cli.data.dataset import measured_as
from favae_cli.evaluation.scores import REACH, category_recalls, column_aucs, column_r2
from favae_cli.reporting.figures import binned

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # shares that intervals are asked to hold


class Predicted(NamedTuple):
    """A view and what was made of it, (R, ...) each, as of `queries.predict.predicted`."""

    view: ViewData
    truth: np.ndarray
    made: np.ndarray
    deviation: np.ndarray | None

    def flat(self) -> Predicted:
        """Sequences as tables of their steps."""
        if not self.view.is_sequence:
            return self
        channels = self.truth.shape[-1]
        truth, made, deviation = (
            None if part is None else part.reshape(-1, channels) for part in (self.truth, self.made, self.deviation)
        )
        assert truth is not None
        assert made is not None
        return Predicted(self.view, truth, made, deviation)


def column_scores(name: str, found: Predicted) -> pd.DataFrame:
    """A row for each column, channel or variable that varies: view, column, measure, score, usual, coverage, samples.

    The score is R2 of numbers, AUC of bits, and of categories the share that is right, beside which `usual` is what is
    reached without knowing anything; coverage that of 90 % intervals. Of images and texts there is no row.
    """
    kind = measured_as(found.view)
    if kind in ("image", "text"):
        return pd.DataFrame()
    part = found.flat()
    if kind == "categorical":
        return _of_variables(name, part)
    seen = ~np.isnan(part.truth)
    r2 = kind != "binary"
    score = column_r2(part.truth, part.made) if r2 else column_aucs(part.truth, part.made)
    table = pd.DataFrame(
        {
            "view": name,
            "column": part.view.columns,
            "measure": "R2" if r2 else "AUC",
            "score": score,
            "usual": 0.0 if r2 else 0.5,
            "coverage": np.nan,
            "samples": seen.sum(axis=0),
        }
    )
    if part.deviation is not None:
        inside = np.abs(part.truth - part.made) <= REACH * part.deviation
        table["coverage"] = np.sum(inside & seen, axis=0) / np.maximum(seen.sum(axis=0), 1)
    return table[np.isfinite(score)]


def _of_variables(name: str, part: Predicted) -> pd.DataFrame:
    rows = []
    for column, _, block in part.view.variables:
        seen = ~np.isnan(part.truth[:, block]).any(axis=1)
        true, made = (values[seen, block].argmax(axis=1) for values in (part.truth, part.made))
        if len(np.unique(true)) > 1:
            usual = np.bincount(true).max() / len(true)
            rows.append((name, column, "accuracy", (true == made).mean(), usual, np.nan, len(true)))
    return pd.DataFrame(rows, columns=["view", "column", "measure", "score", "usual", "coverage", "samples"])


def category_scores(name: str, found: Predicted) -> pd.DataFrame:
    """A row for each category that occurs: view, column, category, samples, chosen, recall; of other views none.

    Chosen is how many samples were taken for it, rightly or not.
    """
    rows = []
    variables = found.view.variables if measured_as(found.view) == "categorical" else []
    each = [block for _, _, block in variables]
    recalls = category_recalls(found.truth, found.made, each) if variables else np.array([])
    for column, categories, block in variables:
        seen = ~np.isnan(found.truth[:, block]).any(axis=1)
        count = found.truth[seen, block].sum(axis=0)
        chosen = np.bincount(found.made[seen, block].argmax(axis=1), minlength=len(count))
        for place in np.flatnonzero(count):
            recall = recalls[block][place]
            rows.append((name, column, categories[place], int(count[place]), int(chosen[place]), recall))
    return pd.DataFrame(rows, columns=["view", "column", "category", "samples", "chosen", "recall"])


def calibration(name: str, found: Predicted) -> pd.DataFrame:
    """What was promised beside what was seen: view, of, expected, observed, count; all columns of a view together.

    Of numbers, the share that intervals of each of `LEVELS` hold; of bits and categories, the share of what is true
    among all that were given about the same probability.
    """
    kind = measured_as(found.view)
    part = found.flat()
    if kind in ("binary", "categorical"):
        known = ~np.isnan(part.truth)
        expected, observed, count = binned(part.made[known], part.truth[known])
        return _calibration(name, "probabilities", expected, observed, count)
    if part.deviation is None or kind in ("image", "text"):
        return pd.DataFrame()
    known = ~(np.isnan(part.truth) | np.isnan(part.made) | np.isnan(part.deviation))
    apart, deviation = np.abs(part.truth - part.made)[known], part.deviation[known]
    if not apart.size:
        return pd.DataFrame()
    held = np.array([(apart <= norm.ppf(0.5 + level / 2) * deviation).mean() for level in LEVELS])
    return _calibration(name, "intervals", np.array(LEVELS), held, np.full(len(held), apart.size))


def _calibration(name: str, of: str, expected: np.ndarray, observed: np.ndarray, count: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"view": name, "of": of, "expected": expected, "observed": observed, "count": count})


def by_name(tables: Mapping[str, list[pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """The parts of each table one below the other; without those that have no row."""
    whole = {name: [part for part in parts if len(part)] for name, parts in tables.items()}
    return {name: pd.concat(parts, ignore_index=True) for name, parts in whole.items() if parts}
