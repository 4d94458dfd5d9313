"""KEY=VALUE arguments: reading them, and spreading the values of a sweep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from favae_cli.errors import UserError


def parse_overrides(lines: Sequence[str]) -> list[Override]:
    """Read overrides; a value that Hydra's grammar cannot, such as ~/data, is taken as plain text.

    Raises:
        UserError: with a line for each override that cannot be read.
    """
    overrides, mistakes = [], []
    for line in lines:
        override = _parsed(line) or _parsed(_with_quotes(line))
        if override is None:
            mistakes.append(_unreadable(line))
        else:
            overrides.append(override)
    if mistakes:
        raise UserError("\n".join(mistakes))
    return overrides


def combinations(overrides: list[Override]) -> Iterator[list[str]]:
    """Every combination of the swept values, as Hydra's basic sweeper runs them; a later override wins."""
    choices: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            choices[key] = [str(override.input_line)]
        elif override.is_discrete_sweep():
            choices[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
    return (list(combination) for combination in itertools.product(*choices.values()))


def changes_a_value(override: Override) -> bool:
    """Whether it is a plain KEY=VALUE, not a choice from a config group or a setting of Hydra's own."""
    if override.type is not OverrideType.CHANGE or override.is_hydra_override():
        return False
    return override.package is None and not options(override.key_or_group)


def options(group: str) -> list[str]:
    """What there is to choose in a config group; Hydra must be initialised."""
    return GlobalHydra.instance().config_loader().get_group_options(group)


def _parsed(line: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(line)
    except HydraException:
        return None


def _with_quotes(line: str) -> str:
    key, equals, value = line.partition("=")
    if value.startswith(("[", "{", "'", '"')):
        return line
    escaped = value.replace("'", "\\'")
    return f"{key}{equals}'{escaped}'" if equals else line


def _unreadable(line: str) -> str:
    if "=" in line:
        return f"{line}: cannot be read; a list is KEY=[A,B], a mapping KEY={{A:1,B:2}}, a text KEY='TEXT'"
    guess = f", as in experiment={line}" if line in options("experiment") else ""
    return f"{line}: must be KEY=VALUE{guess}"
