"""Which matrices of an AnnData or MuData file make which view, and which of its columns only repeat them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from favae_cli.data.files.annotated import Matrix
from favae_cli.data.files.table import Table
from favae_cli.preparation.guess_numbers import Guess, are_counts
from favae_cli.preparation.guess_views import GuessedView, as_name

ROWS = 200  # that are looked at
WIDE = 1000  # variables, from which those that vary most are taken where they are marked
VARYING = "highly_variable"  # scanpy's mark of these
# What scanpy and its kin compute of a matrix, so that it would tell nothing but itself.
COMPUTED = re.compile(
    r"(.*:)?(n_genes|n_counts|n_umi|total_counts|pct_counts|log1p_|n_genes_by_counts|percent_mito|leiden|louvain|phase$"
    r"|S_score|G2M_score|doublet_score|predicted_doublet|size_factors?|n_features_)",
    re.IGNORECASE,
)


def guess_matrices(table: Table, name: str) -> Iterator[GuessedView]:
    """A view of each modality, by its X or, without one, its first layer.

    Args:
        table: of the file.
        name: of a view of a file without modalities.
    """
    parts: dict[str, dict[str, Matrix]] = {}
    for place, matrix in table.matrices.items():
        modality = re.sub(r"/?(X|layers/.*)$", "", place)
        parts.setdefault(modality, {})[place] = matrix
    for modality, matrices in parts.items():
        place = next((place for place in matrices if place.endswith("X")), next(iter(matrices)))
        yield _view(as_name(modality or name), place, matrices)


def _view(name: str, place: str, matrices: Mapping[str, Matrix]) -> GuessedView:
    matrix = matrices[place]
    kind, what = _kind(matrix.read(most=ROWS))
    source: dict[str, object] = {"kind": kind, "array": place}
    why = [f"{place} has {what} of {len(matrix.columns)} variables, such as {matrix.columns[0]}"]
    columns = np.ones(len(matrix.columns), bool)
    if kind == "binary":
        source |= {"columns": [], "binarise": {}, "empty": "missing"}
    if len(columns) >= WIDE and matrix.marks.get(VARYING, columns[:0]).any():
        source["where"], columns = VARYING, matrix.marks[VARYING]
        why.append(f"{columns.sum()} of them are marked as {VARYING}; without where, all are taken")
    if any("/" in column for column in np.array(matrix.columns)[columns]):
        source["without"] = ["*/*"]
        why.append("those with a slash in their name are left out, for it would split the names of metrics")
    if others := [other for other in matrices if other != place]:
        why.append(f"array may also be {', '.join(others)}")
    return GuessedView(name, source, (), int(columns.sum()), tuple(why))


def _kind(values: np.ndarray) -> tuple[str, str]:
    seen = values[np.isfinite(values)]
    if np.isin(seen, (0, 1)).all() and len(np.unique(seen)) == 2:
        return "binary", "zeros and ones"
    return ("counts", "counts") if are_counts(seen) else ("real", "numbers")


def without_computed(table: Table, guesses: Mapping[str, Guess]) -> dict[str, Guess]:
    """The guesses, none where an annotated file's column is most likely computed of a matrix in it."""
    if not table.matrices:
        return dict(guesses)
    return {
        name: replace(guess, kind="none", why="is what others compute of a matrix")
        if COMPUTED.match(name) and guess.kind not in ("none", "split")
        else guess
        for name, guess in guesses.items()
    }
