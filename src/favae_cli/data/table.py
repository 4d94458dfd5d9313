"""A user's table as text cells, with errors that name the file, the column and the row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.errors import UserError
from favae_cli.schema import did_you_mean

PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Table:
    """A CSV or Parquet file with one row a sample. Rows count from 1, the first under the header."""

    path: Path
    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str, key: str) -> np.ndarray:
        """The cells of a column as text without blanks around it: (N,) of str, "" where the cell is empty.

        Args:
            name: the column.
            key: the config key that asked for it, for the message.

        Raises:
            UserError: there is no such column.
        """
        if name not in self.frame.columns:
            raise UserError(f"{key}: no column {name!r}; {did_you_mean(name, self.frame.columns)} (in {self.path})")
        cells = self.frame[name].convert_dtypes()
        return cells.astype("string").fillna("").str.strip().to_numpy(dtype=object)


def read_table(path: Path) -> Table:
    """Read a Parquet file (by its suffix) or a CSV file.

    Raises:
        UserError: the file is no such table, is empty, or has rows longer than its header.
    """
    try:
        if path.suffix.lower() in PARQUET:
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        kind = "Parquet" if path.suffix.lower() in PARQUET else "CSV (UTF-8, comma-separated)"
        raise UserError(f"{path}: cannot be read as {kind}: {str(error).splitlines()[0]}") from error
    if not isinstance(frame.index, pd.RangeIndex) and path.suffix.lower() not in PARQUET:
        raise UserError(f"{path}: its rows have more cells than its header has names")
    if frame.empty:
        raise UserError(f"{path}: the table has no row")
    return Table(path, frame)
