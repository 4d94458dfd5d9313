"""Names of views and attributes that the user gave, or left to what can be meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean


def chosen_view(key: str, name: str | None, views: Sequence[str], meant: Sequence[str] | None = None) -> str:
    """The view called `name`; where that is None, the only one that can be meant.

    Args:
        key: what the user calls it, for messages.
        views: those that it may be.
        meant: those that can be meant without saying so; all when None.

    Raises:
        UserError: there is no such view, or several can be meant.
    """
    meant = views if meant is None else meant
    if name is None:
        if len(meant) != 1:
            raise UserError(f"{key}: say which view of images, as {key}={views[0]}; there are {', '.join(views)}")
        return meant[0]
    if name not in views:
        raise UserError(f"{key}: the run has no view of images {name}; {did_you_mean(name, views)}")
    return name


def asked_labels(asked: Mapping[str, int], columns: Iterable[str]) -> np.ndarray:
    """(D,) of 0 and 1, and of NaN for attributes that are not asked.

    Raises:
        UserError: the run has no such attribute.
    """
    names = list(columns)
    for name in asked:
        if name not in names:
            raise UserError(f"attributes.{name}: the run has no such attribute; {did_you_mean(name, names)}")
    return np.array([asked.get(name, np.nan) for name in names], float)
