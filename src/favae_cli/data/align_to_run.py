"""New samples of a view in the form that a run has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import ViewData, parted
from favae_cli.data.kinds.categorical import OTHER
from favae_cli.data.masked_tables import listed


def aligned(view: ViewData, like: ViewData, key: str) -> ViewData:
    """The view with all categories and steps of the run's, of which new samples may show fewer.

    Args:
        view: of N samples.
        like: the view of the run.
        key: what the view is called in messages.

    Returns:
        Categories in the columns of `like`, or sequences with NaN up to its length. What differs otherwise, the names
        of the variables too, stays as it is.

    A category that the run does not know is one of its others where the view has `labels`: where rare ones are merged.

    Raises:
        UserError: another category that the run does not know, or more steps than it has.
    """
    if view.is_sequence and like.is_sequence:
        values = _lengthened(view.values, like.shape[0], key)
        return replace(view, values=values)
    if like.groups and len(view.groups) == len(like.groups):
        own, known = _variables(view.columns), _variables(like.columns)
        if [name for name in known if name in own] == [*own]:  # one that is missing throughout has no column
            values = np.concatenate([_block(view, own.get(name, {}), known[name], name, key) for name in known], axis=1)
            return replace(view, values=values, columns=like.columns, groups=like.groups)
    return view


def in_order_of(view: ViewData, columns: Sequence[str]) -> ViewData:
    """The view with its categories in the order of `columns`, where these are the same ones of the same variables."""
    own, known = _variables(view.columns), _variables(columns)
    if not view.groups or [*own] != [*known] or any(own[name].keys() != known[name].keys() for name in own):
        return view
    return replace(view, values=view.values[:, [view.columns.index(each) for each in columns]], columns=tuple(columns))


def _lengthened(values: np.ndarray, steps: int, key: str) -> np.ndarray:
    """(R, T, C) with NaN up to so many steps."""
    more = steps - values.shape[1]
    if more < 0:
        raise UserError(f"{key}: has {values.shape[1]} steps, but the run was trained with {steps}")
    return np.pad(values, [(0, 0), (0, more), (0, 0)], constant_values=np.nan)


def _variables(columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """By variable, the place of the column of each of its categories."""
    found: dict[str, dict[str, int]] = {}
    for place, column in enumerate(columns):
        name, category = parted(column)
        found.setdefault(name, {})[category] = place
    return found


def _block(view: ViewData, own: dict[str, int], known: dict[str, int], name: str, key: str) -> np.ndarray:
    """Columns (R, categories that are known) of a variable; 0 for a category that no sample shows."""
    unknown = [category for category in own if category not in known]
    if unknown and (OTHER not in known or name not in view.labels):
        raise UserError(
            f"{key}: column {name} has {unknown[0]!r}, which the run has not seen; it knows {listed(known)}"
        )
    seen = view.values[:, [*own.values()]]
    block = np.full((len(seen), len(known)), np.nan, np.float32)
    block[~np.isnan(seen).all(axis=1)] = 0
    for place, category in enumerate(own):
        column = [*known].index(category if category in known else OTHER)
        block[:, column] = np.fmax(block[:, column], seen[:, place])  # several may be others
    return block
