"""How each factor goes along with each attribute, category and number that is known of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from favae_cli.data import Dataset
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.given import Given

FEWEST = 8  # samples with a value, to say anything by
BLOCK = 50  # permutations at once, which bounds the memory
COLUMNS = ["view", "column", "factor", "measure", "value", "samples", "p", "q"]


def associations(
    model: FAVAE, data: Dataset, indices: np.ndarray, permutations: int, most: int, seed: int = 0
) -> pd.DataFrame:
    """A row for each column of each table and each factor.

    A column is compared with the factors as the sample's other views have them, or a column of the view itself would
    tell of itself; where a model has one view, with the factors of all that the sample has.

    Args:
        model: joined.
        data: has every view of the model; a sample may lack it.
        indices: (N,) of the samples.
        permutations: of the samples, by which p is found.
        most: columns of a view, at most; wider views, whose weights say it, are left out.
        seed: of the permutations.

    Returns:
        view, column, factor; measure and value: of 0 and 1, and of each category, "auc", the probability that a sample
        with it stands above one without; of numbers and ordered levels "correlation" (Spearman's). samples that have
        a value; p: how often permuted samples give a value as extreme, two-sided, (1 + r) / (1 + permutations)
        (Davison and Hinkley, 1997); q: p adjusted for all rows (Benjamini and Hochberg, 1995).
    """
    tables = []
    for name, view in data.views.items():
        if not view.is_table or len(view.columns) > most or name not in model.views:
            continue
        others = [other for other in model.views if other != name]
        have = [data.views[other].present[indices] for other in others]
        known = view.present[indices] & (np.any(have, axis=0) if others else True)
        rows = indices[known]
        if len(rows) < FEWEST:
            continue
        latent = Given.of_samples(model, data, rows, views=others or None).latents()
        columns = dict(_columns(data, name, rows))
        tables += [_compared(name, column, values, latent, permutations, seed) for column, values in columns.items()]
    found = pd.concat([table for table in tables if len(table)] or [pd.DataFrame(columns=COLUMNS[:-1])])
    found["q"] = stats.false_discovery_control(found["p"].astype(float)) if len(found) else []
    return found.reset_index(drop=True)


def compared(latent: np.ndarray, table: Mapping[str, np.ndarray], permutations: int, seed: int = 0) -> pd.DataFrame:
    """As `associations`, of factors (N, K) with any columns (N,) of numbers, NaN where they are not known."""
    tables = [_compared("", column, values, latent, permutations, seed) for column, values in table.items()]
    return pd.concat(tables, ignore_index=True)


def _columns(data: Dataset, name: str, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Of each column the values (N,); ordered levels are their number."""
    view, values = data.views[name], observed_table(data, name, rows)
    if view.kind != "ordinal":
        yield from zip(view.columns, values.T, strict=True)
        return
    for variable, levels, block in view.variables:
        yield variable, values[:, block] @ np.arange(len(levels))


def _compared(
    view: str, column: str, values: np.ndarray, latent: np.ndarray, permutations: int, seed: int
) -> pd.DataFrame:
    seen = ~np.isnan(values)
    x, g = values[seen], latent[seen]
    if len(x) < FEWEST or np.ptp(x) == 0:
        return pd.DataFrame(columns=COLUMNS[:-1])
    ranks, scores = stats.rankdata(x), stats.rankdata(g, axis=0)
    bits = bool(np.isin(x, (0, 1)).all())
    # Both measures are the covariance of ranks in units of their own: with bits, the sum of the ranks of those above.
    ranks, scores = ranks - ranks.mean(), scores - scores.mean(axis=0)
    along = ranks @ scores
    rng = np.random.default_rng(seed)
    as_far = np.zeros(len(along), dtype=int)
    for start in range(0, permutations, BLOCK):
        drawn = np.stack([rng.permutation(ranks) for _ in range(min(BLOCK, permutations - start))])
        as_far += np.sum(np.abs(drawn @ scores) >= np.abs(along) * (1 - 1e-12), axis=0)
    if bits:
        ones = int(x.sum())
        value = 0.5 + (x @ scores) / (ones * (len(x) - ones))
    else:
        size = np.linalg.norm(ranks) * np.linalg.norm(scores, axis=0)
        value = np.divide(along, size, out=np.zeros(len(along)), where=size > 0)  # 0 of a factor that never varies
    return pd.DataFrame(
        {
            "view": view,
            "column": column,
            "factor": np.arange(g.shape[1]),
            "measure": "auc" if bits else "correlation",
            "value": value,
            "samples": len(x),
            "p": (1 + as_far) / (1 + permutations),
        }
    )
