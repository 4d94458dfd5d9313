"""The tables that an evaluation left in a run's folder, as much of them as a page can show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from favae_cli.common.run_folder import RunFolder
from favae_cli.reporting.style import notable
from favae_cli.reporting.table import Table, number

EACH = 5  # best, middle and worst columns of a view
CATEGORIES = 60  # rows, the worst ones
_NAMES = ("view", "column", "category", "measure", "use")
_NUMBERS = ("score", "usual", "coverage", "recall", "weight", "deviation", "embedding_total")
TOP = 4  # columns of a view that are named for a factor


def result_tables(folder: RunFolder) -> list[Table]:
    """`Predicted columns`, `Predicted categories` and `Factors, one by one`: those that have a row."""
    found = {path.stem: _read(path) for path in folder.results.glob("*.csv")}
    made = []
    if "columns" in found:
        made.append(_columns(found["columns"]))
    if "categories" in found:
        made.append(_categories(found["categories"]))
    if "explained" in found and "top_columns" in found:
        made.append(_factors(found["explained"], found["top_columns"]))
    return [table for table in made if table.rows]


def _read(path: Path) -> pd.DataFrame:
    """A table in which a name stays what it is, be it 007 or NA."""
    return pd.read_csv(
        path, dtype=dict.fromkeys(_NAMES, str), keep_default_na=False, na_values=dict.fromkeys(_NUMBERS, "")
    )


def _columns(columns: pd.DataFrame) -> Table:
    parts = [part.iloc[notable(part["score"].to_numpy(), EACH)] for _, part in columns.groupby("view", sort=False)]
    shown = pd.concat(parts)
    rows = [
        [each["view"], each["column"], each["measure"]]
        + [number(each[value]) for value in ("score", "usual", "coverage")]
        + [number(each["samples"], 0)]
        for each in _records(shown)
    ]
    some = f"The {EACH} best, {EACH} middle and {EACH} worst of each view; all {len(columns):,}: results/columns.csv. "
    note = (
        f"{some if len(shown) < len(columns) else ''}Each from all other views. Of numbers R2 around their mean, of "
        "bits AUC, of categories the share that is right; usual is what is reached without knowing anything."
    )
    header = ["view", "column", "measure", "score", "usual", "in 90 % interval", "samples"]
    return Table("Predicted columns", note, header, rows)


def _categories(categories: pd.DataFrame) -> Table:
    few = len(categories) <= CATEGORIES
    shown = categories if few else categories.sort_values("recall", kind="stable")[:CATEGORIES]
    names, counts = ("view", "column", "category"), ("samples", "chosen")
    rows = [
        [*(each[name] for name in names), *(number(each[name], 0) for name in counts), number(each["recall"])]
        for each in _records(shown)
    ]
    some = "" if few else f"The worst {CATEGORIES} of {len(categories):,}. "
    note = f"{some}Recall is the share of a category's samples that were taken for it."
    return Table(
        "Predicted categories", note, ["view", "variable", "category", "samples", "taken for it", "recall"], rows
    )


def _factors(explained: pd.DataFrame, top: pd.DataFrame) -> Table:
    rows = []
    for factor, part in explained[explained["use"] != "unused"].groupby("factor", sort=False):
        shares = part[part["active"]].sort_values("embedding_total", ascending=False, kind="stable")
        of = ", ".join(f"{each['view']} {100 * each['embedding_total']:.1f} %" for each in _records(shares))
        columns = "; ".join(_named(top[top["factor"] == factor]))
        rows.append([str(factor), part["use"].iloc[0].split()[0], of, columns])
    note = (
        "How much of the variance of each embedding a factor explains alone, below 0 where it would lead away from the "
        "view and others undo that; and the columns that rise (+) or fall (-) most with it, by view."
    )
    return Table("Factors, one by one", note, ["factor", "use", "explains", "columns"], rows)


def _named(top: pd.DataFrame) -> Iterator[str]:
    """By view, the columns with the largest weights, with their sign."""
    for view, part in top.groupby("view", sort=False):
        signed = (f"{'+' if each['weight'] > 0 else '-'}{each['column']}" for each in _records(part[:TOP]))
        yield f"{view}: {', '.join(signed)}"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Its rows."""
    return table.to_dict("records")  # type: ignore[return-value]
