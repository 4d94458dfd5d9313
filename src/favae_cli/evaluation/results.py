"""The tables that an evaluation leaves for people, and what is drawn of them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.figure import Figure

from favae_cli.evaluation.explained import explained_picture, explained_table
from favae_cli.queries.factor_reading import Reading
from favae_cli.queries.traverse import most_relevant
from favae_cli.queries.weights import weight_table
from favae_cli.reporting.table_figures import calibration, presence, top_weights

TOP = 10  # columns of a view that are named for a factor


def factor_tables(reading: Reading) -> dict[str, pd.DataFrame]:
    """`explained`, of embeddings, and `top_columns`, those of `weight_table` that a factor has most to do with."""
    model = reading.model.joined
    weights = weight_table(reading.model, reading.data)
    size = weights["weight"].abs().rename("size")
    place = size.groupby([weights["view"], weights["factor"]], sort=False).rank(method="first", ascending=False)
    top = weights[place <= TOP].assign(place=place).sort_values(["factor", "view", "place"], kind="stable")
    explained = explained_table(reading, most_relevant(model, None, model.factors), 0)
    return {"explained": explained, "top_columns": top.drop(columns="place")}


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
