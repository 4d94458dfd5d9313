"""The tables of a run as text, for the terminal and run.log."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as RichTable

from favae_cli.reporting.table import Metrics, Table
from favae_cli.reporting.tables import tables

WIDTH = 110  # characters


def as_text(metrics: Metrics) -> str:
    """Every table that has a row, under its title; without what only some look for."""
    return tables_as_text(table for table in tables(metrics) if not table.aside)


def tables_as_text(shown: Iterable[Table]) -> str:
    """Tables as text, each under its title."""
    sink = io.StringIO()
    console = Console(file=sink, width=WIDTH, markup=False, emoji=False)
    for table in shown:
        drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=None)
        for i, name in enumerate(table.header):
            drawn.add_column(name, justify="left" if i == 0 else "right")
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn, "")
    return "\n".join(line.rstrip() for line in sink.getvalue().splitlines())
