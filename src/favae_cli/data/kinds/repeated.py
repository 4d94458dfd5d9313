"""Tables with several rows of a sample, as visits are, made to have one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from favae_cli.data.files.join_by_key import sample_keys
from favae_cli.data.files.table import Table
from favae_cli.data.kinds.numbers import column_numbers
from favae_cli.data.kinds.times import times


def one_row_each(
    table: Table, columns: Iterable[str], how: Literal["last", "mean"], time: str | None, key: str
) -> Table:
    """The table with the last value that each sample has of each column, or the mean of its values.

    Args:
        table: whose key names the sample of each row.
        columns: to keep.
        how: last or mean; the mean takes numbers or dates.
        time: the column that orders the rows of each sample; None: they are in order.
        key: of the view in the config, for messages.

    Raises:
        UserError: no such column, a time that is none, or a mean of what is no number.
    """
    if table.key is None:  # of new samples that nobody has named each row is one
        return table
    names, sample = np.unique(sample_keys(table), return_inverse=True)
    made: dict[str, object] = {table.key: names}
    if how == "last":
        single = table.new and len(names) == len(table)  # new samples of one row each need no time
        when = times(table, time, f"{key}.time") if time and not single else np.arange(len(table))
        order = np.argsort(when, kind="stable")
        for column in columns:
            filled = order[table.values(column, f"{key}.columns")[order] != ""]
            last = np.full(len(names), -1)
            last[sample[filled]] = filled  # of several, the one that comes last stays
            made[column] = table.frame[column].reset_index(drop=True).reindex(last).to_numpy()
    else:
        for column in columns:
            values, _ = column_numbers(table, [column], f"{key}.columns")
            mean = pd.Series(values[:, 0]).groupby(sample).mean().to_numpy()
            made[column] = table.dates[column].texts(mean) if column in table.dates else mean
        # What says missing has been looked for: a mean of values that are there may look like it.
        table = replace(table, missing=("",), missing_values={})
    return replace(table, frame=pd.DataFrame(made))
