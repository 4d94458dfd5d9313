"""Tables whose rows are features and whose columns are samples, as many programs write what they measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.data.files.each_once import each_once
from favae_cli.data.files.table import Table

SAMPLE = "sample"  # what the column of the samples' names is called where no key says it


def turned(table: Table, key: str | None) -> Table:
    """The table with a row for each sample, and a column for each feature, which the cells of its first column name.

    Args:
        table: a row a feature, its name in front.
        key: what the column of the samples' names is to be called; None: `SAMPLE`.

    Raises:
        UserError: a feature without a name, or no sample.
    """
    frame = table.frame
    if len(frame.columns) < 2:
        raise UserError(f"{table.path}: has no column of samples beside that of features' names; is it transposed?")
    first = str(frame.columns[0])
    names = table.column(first, "data.transposed").astype(str)
    for row in (names == "").nonzero()[0][:1]:
        raise UserError(f"{table.path}: row {row + 1} has no name in {first!r}, which is to name the features")
    twice = [name for name, times in Counter(names.tolist()).items() if times > 1]
    told = f"{table.path.name} names {len(twice)} features more than once, such as {twice[0]}" if twice else ""
    notes = (*table.notes, *((f"{told}; the later ones have a number after their name",) if twice else ()))
    key = key or SAMPLE
    _, *columns = each_once([key, *names.tolist()], ".")
    body = frame.iloc[:, 1:]
    result = pd.DataFrame(body.to_numpy().T, columns=columns)
    result.insert(0, key, [str(name) for name in body.columns])
    return replace(table, frame=result, key=key, notes=notes)
