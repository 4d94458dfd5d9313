"""Names of views and attributes that the user gave, or left to what can be meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.trained_run_base import OnInputConfig
from favae_cli.training.trained_run import TrainedRun


def chosen_view(key: str, name: str | None, views: Sequence[str], meant: Sequence[str] | None = None) -> str:
    """The view called `name`; where that is None, the only one that can be meant.

    Args:
        key: what the user calls it, for messages.
        views: those that it may be.
        meant: those that can be meant without saying so; all when None.

    Raises:
        UserError: there is no such view, or none at all, or several can be meant.
    """
    if not views:
        raise UserError(f"{key}: the run has no view of images; samples that are rows come from data=... or data.*=...")
    meant = views if meant is None else meant
    if name is None:
        if len(meant) != 1:
            raise UserError(f"{key}: say which view of images, as {key}={views[0]}; there are {', '.join(views)}")
        return meant[0]
    if name not in views:
        raise UserError(f"{key}: the run has no view of images {name}; {did_you_mean(name, views)}")
    return name


def view_of_input(config: OnInputConfig, trained: TrainedRun) -> str | None:
    """The view that the input shows; None where there is none.

    Raises:
        UserError: as of `chosen_view`, or a view of no input.
    """
    if config.input is not None:
        return chosen_view("from", config.source, trained.images)
    if config.source is not None:
        raise UserError("from: says what input shows; there is no input")
    return None


def chosen_attributes(name: str | None, asked: Collection[str], views: Mapping[str, Sequence[str]]) -> str:
    """The binary view called `name`; where that is None, the only one that has all attributes that are asked.

    Args:
        asked: names of attributes. Where there is none, all views say the same, which is nothing.
        views: names of the attributes of each binary view, at least one.

    Raises:
        UserError: there is no such view, none has all that is asked, or several have.
    """
    if name is not None:
        if name not in views:
            raise UserError(f"of: the run has no view of attributes {name}; {did_you_mean(name, views)}")
        return name
    having = [view for view, columns in views.items() if set(asked) <= set(columns)]
    if len(having) == 1 or (having and not asked):
        return having[0]
    if having:
        raise UserError(f"of: say of which view the attributes are, as of={having[0]}; {did_you_mean('', having)}")
    known = [column for columns in views.values() for column in columns]
    asked_labels(dict.fromkeys(asked, 1), known)  # refuses what no view has
    raise UserError(
        f"attributes: {', '.join(asked)} are of several views; ask for those of one at a time: "
        + "; ".join(f"{view} has {', '.join(columns)}" for view, columns in views.items())
    )


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
