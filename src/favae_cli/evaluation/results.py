"""The tables that an evaluation leaves for people, and what is drawn of them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from favae_cli.evaluation.explained import explained_picture, explained_table
from favae_cli.queries.factor_reading import Reading
from favae_cli.queries.traverse import most_relevant
from favae_cli.queries.weights import weights_of
from favae_cli.reporting.panels import units
from favae_cli.reporting.table_figures import calibration, presence, top_weights

TOP = 10  # columns of a view that are named for a factor


def factor_tables(reading: Reading) -> dict[str, pd.DataFrame]:
    """`explained`, of embeddings, and `top_columns`, those that a factor has most to do with."""
    model = reading.model.joined
    explained = explained_table(reading, most_relevant(model, None, model.factors), 0)
    return {"explained": explained, "top_columns": top_columns(reading)}


def top_columns(reading: Reading) -> pd.DataFrame:
    """A row for each of the `TOP` columns of every view for each factor that it uses, the largest weight first.

    Returns:
        `view`, `column`, `factor`, `weight` in standard deviations of the column, or of what its odds are made of, for
        one of the factor, and `deviation` of that, NaN where a network stands between.
    """
    rows = []
    for name, factors in reading.model.joined.views.items():
        data = reading.data.views[name]
        found = weights_of(reading.model.views[name], factors, data)
        if found is None:
            continue
        weight, deviation = found.standardised, np.full(found.weight.shape, np.nan)
        if np.isnan(weight).all():
            weight = found.weight / units(data.values)[1][:, None]
        else:
            share = np.divide(weight, found.weight, out=np.zeros(weight.shape), where=found.weight != 0)
            deviation = np.abs(share) * found.deviation
        for factor in np.flatnonzero(reading.model.joined.active[name]).tolist():
            for place in np.argsort(-np.abs(weight[:, factor]), kind="stable")[:TOP]:
                rows.append((name, found.columns[place], factor, weight[place, factor], deviation[place, factor]))
    return pd.DataFrame(rows, columns=["view", "column", "factor", "weight", "deviation"])


def result_pictures(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """A figure of each table that has one, by its name."""
    draw: dict[str, Callable[[pd.DataFrame], Figure | None]] = {
        "calibration": calibration,
        "presence": lambda table: presence(table) if len(table) > 1 else None,
        "explained": explained_picture,
        "top_columns": lambda table: top_weights(table, _uses(tables["explained"])),
    }
    made = {name: figure(tables[name]) for name, figure in draw.items() if name in tables and len(tables[name])}
    return {name: figure for name, figure in made.items() if figure is not None}


def _uses(explained: pd.DataFrame) -> list[tuple[int, str]]:
    """Number and use of each factor, the most relevant first."""
    return list(explained.drop_duplicates("factor")[["factor", "use"]].itertuples(index=False, name=None))
