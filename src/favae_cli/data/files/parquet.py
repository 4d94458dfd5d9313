"""Parquet files as data frames: damage that shows is an error; what pandas noted in them is of use, but not needed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

UNNAMED = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name
# What pandas raises where its notes, such as which columns were the index, are not as it writes them.
NO_NOTES = (ValueError, TypeError, KeyError, AttributeError, IndexError, pa.ArrowException)


def read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The columns of a file, a named index among them, whose checksums hold where it has some.

    Returns:
        The columns of numbers, truth values, texts and times; and by name, what the others hold.

    Raises:
        ValueError: two columns of one name.
        pa.ArrowException, OSError: it cannot be read.
    """
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read()
    return plain_columns(table)


def plain_columns(table: pa.Table) -> tuple[pd.DataFrame, dict[str, str]]:
    """The columns of a table, a named index among them.

    Returns:
        The columns of numbers, truth values, texts and times; and by name, what the others hold.

    Raises:
        ValueError: two columns of one name.
        pa.ArrowException: what it says of its parts does not fit them, as where a byte of them is another.
    """
    table.validate(full=True)
    for name, times in Counter(table.column_names).items():
        if times > 1:
            raise ValueError(f"{times} columns are called {name!r}; names must differ")
    odd = {part.name: str(part.type) for part in table.schema if not _is_plain(part.type)}
    table = table.drop_columns([*odd])
    frame = _as_frame(table)
    for part, cells in zip(table.schema, table.columns, strict=True):
        if part.name in frame and pa.types.is_integer(part.type) and cells.null_count:  # floats would lose digits
            frame[part.name] = cells.to_pandas(types_mapper=pd.ArrowDtype)
    return frame, odd


def _as_frame(table: pa.Table) -> pd.DataFrame:
    try:
        frame = table.to_pandas()
        return frame.reset_index(drop=not any(frame.index.names))
    except NO_NOTES:
        frame = table.replace_schema_metadata(None).to_pandas()
        return frame.drop(columns=[name for name in frame if UNNAMED.fullmatch(name)])


def _is_plain(kind: pa.DataType) -> bool:
    """Whether its cells are numbers, truth values, texts or times."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return number or text or pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_null(kind)
