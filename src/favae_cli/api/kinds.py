"""What the data of a view are: as the user says, or as they look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.data_base import Kind
from favae_cli.data.cells import Cells
from favae_cli.preparation.first_experiment import PRESETS
from favae_cli.preparation.guess_numbers import MOST_CATEGORIES, REPEATED

TYPES: dict[str, Kind] = {kind: kind for kind in get_args(Kind)} | {PRESETS[kind]: kind for kind in PRESETS}
"""By what a user may call a view, the kind of its data."""


def kinds_of(cells: Mapping[str, Cells], sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Kind]:
    """The kind of every view: its section's `type`, or a guess.

    Raises:
        UserError: a section for a view that is not there, or a type that is none.
    """
    for name, section in sections.items():
        if name not in cells:
            raise UserError(f"views: X has no view {name!r}; {did_you_mean(name, cells)}")
        if "type" in section and section["type"] not in TYPES:
            raise UserError(
                f"views[{name!r}]: no type {section['type']!r}; {did_you_mean(str(section['type']), TYPES)}"
            )
    return {
        name: TYPES[sections[name]["type"]] if "type" in sections.get(name, {}) else guessed_kind(part)
        for name, part in cells.items()
    }


def guessed_kind(cells: Cells) -> Kind:
    """The kind that these values most likely are.

    Images: uint8, or float from 0 to 1, (N, H, W) or (N, H, W, C). Sequences: other float (N, T, C). Of what has a
    value or a row a sample: bool is binary, numbers are real, ordered Categoricals of pandas are ordinal, words are
    categories, or a text if most differ.

    Raises:
        UserError: numbers and words in one table.
    """
    seen, dimensions = cells.seen, cells.values.ndim
    if cells.levels:
        return "ordinal"
    if dimensions > 2:
        share = seen.dtype.kind == "f" and ((seen >= 0) & (seen <= 1)).all()
        pixels = share or seen.dtype == np.uint8
        return "image" if dimensions == 4 or pixels else "sequence"
    if seen.dtype == object:
        types = {_basic(value) for value in seen.tolist()}
        if len(types) > 1:
            told = " and ".join(sorted(kind.__name__ for kind in types))
            raise UserError(f"{cells.key}: holds {told}; make a view of each, or say what it is in views")
        kind: type = types.pop() if types else str
    else:
        kind = {"b": bool, "U": str, "S": str}.get(seen.dtype.kind, float)
    if kind is not str:
        return "binary" if kind is bool else "real"
    few = len(set(seen.tolist())) <= min(MOST_CATEGORIES, len(seen) // REPEATED)
    return "categorical" if few or dimensions == 2 else "text"


def _basic(value: Any) -> type:
    """bool, float or str."""
    if isinstance(value, bool | np.bool_):
        return bool
    return float if isinstance(value, int | float | np.number) else str
