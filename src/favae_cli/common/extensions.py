"""View types, data sets, models and tasks that other installed packages add, by entry points.

A package that adds the view type `ordinal`, for example, names in its metadata a section of the config, a subclass of
`favae_cli.config.views.BaseViewConfig`, and what builds the view, as `favae_cli.views.VIEWS` has it for each type:

    [project.entry-points."favae_run.config.views"]
    ordinal = "mypackage.config:OrdinalViewConfig"

    [project.entry-points."favae_run.views"]
    ordinal = "mypackage.views:ordinal_view"

The groups `data`, `models` and `tasks` are alike. Defaults lie in a config folder, as those of the package do.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

Group = Literal["views", "data", "models", "tasks"]


@cache
def _found(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"favae_run.{group}")}


def names(group: Group) -> tuple[str, ...]:
    """What other packages add to a group."""
    return tuple(sorted(_found(group)))


def sections(group: Group) -> dict[str, Any]:
    """By name, the classes of the config's sections that other packages add."""
    return {name: entry.load() for name, entry in sorted(_found(f"config.{group}").items())}


def added(group: Group, name: str) -> Any:
    """What stands behind a name that another package adds.

    Raises:
        LookupError: no package adds it, though a section of the config of that name was added.
    """
    try:
        entry = _found(group)[name]
    except KeyError:
        raise LookupError(f"no installed package has the entry point {name!r} of favae_run.{group}") from None
    return entry.load()
