"""Files read as the data section says of them as a whole, and of single columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.data.dates import Dates
from favae_cli.data.files.delimited import TextFormat
from favae_cli.data.files.table import Table, read_table

if TYPE_CHECKING:
    from favae_cli.config.own_files import ManifestConfig


def read_as(path: Path, config: ManifestConfig, wanted: Sequence[str] = ("*",), key: str | None = None) -> Table:
    """The table, with columns of weekdays and months beside those of dates that are to have them.

    Args:
        path: of the file.
        config: of the data.
        wanted, key: as `read_table` has them.

    Raises:
        UserError: what `read_table` raises; or a first date that is not written as its column is to be.
    """
    text = TextFormat(config.sep, config.decimal, config.encoding)
    every = [*config.missing, *chain.from_iterable(config.missing_values.values())]
    table = read_table(path, wanted, key, every, text)
    dates = {name: Dates(said.format, said.first, tuple(said.parts or ())) for name, said in config.dates.items()}
    for name, way in dates.items():
        way.require_first(f"data.dates.{name}.first")
    table = replace(table, missing=config.missing, missing_values=config.missing_values, dates=dates)
    made = {
        f"{name} {part}": way.named(table.values(name, f"data.dates.{name}"), part)
        for name, way in dates.items()
        if name in table.frame.columns
        for part in way.parts
    }
    if not made:
        return table
    return replace(table, frame=pd.concat([table.frame, pd.DataFrame(made, index=table.frame.index)], axis=1))


def require_columns_of(config: ManifestConfig, tables: Iterable[Table]) -> None:
    """Refuse what is said of a column that no table has.

    Raises:
        UserError: names it.
    """
    there = [*chain.from_iterable(table.names for table in tables)]
    for key, columns in (("missing_values", config.missing_values), ("dates", config.dates)):
        for name in columns:
            if name not in there:
                raise UserError(f"data.{key}: no column {name!r}; {did_you_mean(name, there)}")
