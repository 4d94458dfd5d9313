"""Numbers over time, from wide or long tables, or an array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import ViewData
from favae_cli.data.files.join_by_key import distinct_keys, sample_keys, union
from favae_cli.data.files.table import Table
from favae_cli.data.kinds.numbers import array_numbers, column_numbers
from favae_cli.data.kinds.times import times
from favae_cli.data.masked_tables import masked_view

if TYPE_CHECKING:
    from favae_cli.config.own_files import SequenceData


def read(table: Table, view: SequenceData, name: str, key: str) -> tuple[np.ndarray, ViewData]:
    """The keys (M,) of the sequences, and the sequences: as long as the longest, NaN past their end.

    Args:
        table: that holds them.
        view: says how.
        name: of the view, and of the channel of a wide table.
        key: of the view in the config, for messages.

    Raises:
        UserError: a column or array that is not there or holds no numbers, or two steps of a sequence at one time.
    """
    if view.array is not None:
        values = array_numbers(table, view.array, f"{key}.array", "(N, T) or (N, T, C)")
        values = values.reshape(*values.shape[:2], -1)
        channels = [f"{view.array}_{index}" for index in range(values.shape[2])]
        return distinct_keys(table), masked_view(values, channels if len(channels) > 1 else [view.array])
    columns = table.matching(view.columns or (), key, view.without or ())
    if view.time is not None:
        return _long(table, columns, view.time, key)
    values, _ = column_numbers(table, columns, f"{key}.columns")
    return distinct_keys(table), masked_view(values[:, :, None], [name])


def _long(table: Table, columns: list[str], time: str, key: str) -> tuple[np.ndarray, ViewData]:
    """The rows of each key as the steps of its sequence, in the order of `time`."""
    row_keys = sample_keys(table)
    keys = union([row_keys])
    sample = pd.Index(keys).get_indexer(pd.Index(row_keys))
    when = times(table, time, f"{key}.time")
    order = np.lexsort((when, sample))
    sample, when = sample[order], when[order]
    starts = np.flatnonzero(np.diff(sample, prepend=-1))
    lengths = np.diff(starts, append=len(sample))
    same = np.flatnonzero((np.diff(sample) == 0) & (np.diff(when) == 0))
    if same.size:
        first, second = sorted(order[[same[0], same[0] + 1]])
        raise UserError(
            f"{key}.time: rows {first + 1} and {second + 1} of {table.path} are both of {str(row_keys[first])!r} "
            f"at the same {time}; the steps of a sequence must differ"
        )
    values = np.full((len(keys), lengths.max(), len(columns)), np.nan)
    step = np.arange(len(sample)) - np.repeat(starts, lengths)
    values[sample, step] = column_numbers(table, columns, f"{key}.columns")[0][order]
    return keys, masked_view(values, columns)
