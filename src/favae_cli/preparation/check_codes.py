"""Numbers and words that seem to stand for no value, and are taken as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from favae_cli.config.own_files import ManifestConfig
from favae_cli.data import Dataset, ViewData
from favae_cli.data.dataset import parted
from favae_cli.preparation.codes_for_missing import codes_for_missing, words_for_missing

NUMERIC = ("real", "counts", "vector")


def codes(config: ManifestConfig, data: Dataset) -> Iterator[str]:
    """A line for each column in which some values seem to be codes for missing ones."""
    for name, view in data.views.items():
        kind = config.views[name].kind
        found = _numbers(view, config.dates) if kind in NUMERIC else _categories(view) if kind == "categorical" else ()
        for column, code in found:
            yield (
                f"data.views.{name}: column {column!r} holds {code}, which seems to stand for no value; if so, "
                f'data.missing_values: {{{column}: ["{code}"]}}'
            )


def _numbers(view: ViewData, dates: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for column, values in zip(view.columns, view.values.T, strict=True):
        seen = values[~np.isnan(values)].astype(float)
        if column not in dates and len(seen):
            yield from ((column, f"{code:g}") for code in codes_for_missing(seen))


def _categories(view: ViewData) -> Iterator[tuple[str, str]]:
    pairs = [parted(column) for column in view.columns]
    words = {*words_for_missing(np.array([said for _, said in pairs]))}
    return ((name, said) for name, said in pairs if said in words)
