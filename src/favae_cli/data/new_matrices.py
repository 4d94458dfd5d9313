"""Matrices of new samples, in the columns that a view of a trained run has, whatever file it was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.data.dataset import ViewData
from favae_cli.data.files.join_by_key import Source
from favae_cli.data.files.table import Table

if TYPE_CHECKING:
    from favae_cli.config.own_files import OwnViewKind

KNOWN = "known to the run"  # a mark on variables


def matrix_with(table: Table, view: OwnViewKind, like: ViewData) -> str | None:
    """The matrix that has most of a view's columns, of several the one called as in training; None if none has any.

    Args:
        table: of new samples.
        view: the run's section of it.
        like: the run's view.
    """
    if view.kind not in ("real", "vector", "counts", "binary"):
        return None
    had = set(like.columns)
    shared = {name: len(had.intersection(matrix.columns)) for name, matrix in table.matrices.items()}
    most = max(shared.values(), default=0)
    alike = [name for name, count in shared.items() if count == most > 0]
    _, _, layer = (getattr(view, "array", None) or "X").rpartition("/")
    return next((name for name in alike if name.rpartition("/")[2] == layer), next(iter(alike), None))


def in_matrix(table: Table, name: str, view: OwnViewKind, like: ViewData) -> tuple[Table, OwnViewKind, tuple[str, ...]]:
    """Table and section by which the known columns of a matrix are read, and those of the run that it lacks."""
    matrix = table.matrices[name]
    marked = replace(matrix, marks={KNOWN: np.isin(matrix.columns, like.columns)})
    changed: dict[str, object] = {
        "array": name,
        "where": KNOWN,
        "without": None,
        "columns": [] if view.kind == "binary" else None,
    }
    lacking = tuple(column for column in like.columns if column not in set(matrix.columns))
    return replace(table, matrices={name: marked}), view.model_copy(update=changed), lacking


def with_columns(found: Source, like: ViewData) -> Source:
    """The same with the columns of a run's view, in its order; NaN in those that are not there."""

    def load() -> tuple[ViewData, tuple[str, ...]]:
        view, notes = found.load()
        place = {column: number for number, column in enumerate(view.columns)}
        values = np.full((len(view.values), len(like.columns)), np.nan, view.values.dtype)
        for number, column in enumerate(like.columns):
            if column in place:
                values[:, number] = view.values[:, place[column]]
        return replace(view, values=values, columns=like.columns), notes

    return replace(found, load=load)
