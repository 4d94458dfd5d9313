"""What orders the rows of a sample."""

from __future__ import annotations

import numpy as np
import pandas as pd

from favae_cli.data.files.table import Table
from favae_cli.data.kinds.numbers import column_numbers, refuse_cells


def times(table: Table, column: str, key: str) -> np.ndarray:
    """float64 (N,) of numbers, of days where the config says how dates are written, or of seconds of other dates.

    Args:
        table: that has the column.
        column: of times.
        key: the config key that asked for it, for messages.

    Raises:
        UserError: there is no such column, or a row without a time.
    """
    if column in table.dates:
        return column_numbers(table, [column], key)[0][:, 0]
    cells = table.values(column, key)
    values: np.ndarray = pd.to_numeric(np.where(cells == "", "nan", cells), errors="coerce")
    if np.isnan(values).all():
        dates = pd.to_datetime(pd.Series(cells), errors="coerce", format="ISO8601", utc=True)
        values = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    refuse_cells(table, column, cells, np.isnan(values), key, "a number, or a date such as 2024-05-31, in every row")
    return values
