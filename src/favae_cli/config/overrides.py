"""KEY=VALUE arguments: reading them, and spreading the values of a sweep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, OverrideType, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from favae_cli.common.errors import UserError

_LONGEST_NAME = 120  # characters; file systems take 255 bytes


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


def last_value(lines: Sequence[str], key: str) -> str | None:
    """What the last of the overrides that begin with `key`, its "=" included, sets; None where none does."""
    # Not parsed as an override: a path may hold signs that Hydra's grammar reads otherwise.
    return next((line.removeprefix(key) for line in reversed(lines) if line.startswith(key)), None)


def plain_key(override: Override) -> str:
    """The key, without the signs that add it."""
    return override.get_key_element().lstrip("+")


def combinations(overrides: list[Override]) -> Iterator[list[str]]:
    """Every combination of the swept values, as Hydra's basic sweeper runs them; a later override wins.

    Raises:
        UserError: an interval, of which there are no single values.
    """
    for override in overrides:
        if override.is_interval_sweep():
            raise UserError(
                f"{override.get_key_element()}: interval(...) needs a sweeper that draws values: add "
                "hydra/sweeper=optuna, or list the values"
            )
    return (list(combination) for combination in itertools.product(*_choices(overrides).values()))


def samples(overrides: list[Override]) -> Iterator[list[str]]:
    """A few of the runs that a drawing sweeper may make: each value and both ends of each interval come up in one."""
    choices = _choices(overrides).values()
    for run in range(max((len(values) for values in choices), default=0)):
        yield [values[run % len(values)] for values in choices]


def sweep_params(sweeper: DictConfig) -> list[str]:
    """The overrides that stand in the config of a sweep, `hydra.sweeper`."""
    return [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]


def sweep_overrides(sweeper: DictConfig, task: Sequence[str]) -> dict[str, Override]:
    """The overrides of a sweep that hold, by key: of its config, `hydra.sweeper`, and of its command line, `task`."""
    return _last(parse_overrides([*sweep_params(sweeper), *task]))


def sweep_name(sweeper: DictConfig, task: Sequence[str], experiment: str) -> str:
    """What a sweep is called: `experiment`, or joined those that it goes over. A resolver for the configs."""
    override = sweep_overrides(sweeper, task).get("experiment")
    if override is None or not override.is_sweep_override():
        return experiment
    return "+".join(override.sweep_string_iterator())[:_LONGEST_NAME]


# Here and not at the entry point, which the processes of a launcher do not come through. Cached, so that the runs of a
# sweep keep the name that was found for all of them.
OmegaConf.register_new_resolver("sweep_name", sweep_name, use_cache=True, replace=True)


def changes_a_value(override: Override) -> bool:
    """Whether it is a plain KEY=VALUE, not a choice from a config group or a setting of Hydra's own."""
    if override.type is not OverrideType.CHANGE or override.is_hydra_override():
        return False
    return override.package is None and not options(override.key_or_group)


def require_options(overrides: Sequence[Override]) -> None:
    """Refuse what can be no option of a config group, such as null: Hydra would raise a bare ValueError.

    Raises:
        UserError: with a line for each.
    """
    mistakes = []
    for override in overrides:
        values = override.sweep_iterator() if override.is_discrete_sweep() else [override.value()]
        if override.is_delete():
            named = isinstance(override.value(), str | QuotedString | None)
        else:
            named = all(map(_names_options, values))
        if not named and (known := options(override.key_or_group)):
            mistakes.append(f"{override.input_line}: names no option; there are {', '.join(sorted(known))}")
    if mistakes:
        raise UserError("\n".join(mistakes))


def _names_options(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str | QuotedString) for each in value)
    return isinstance(value, str | QuotedString | dict)


def options(group: str) -> list[str]:
    """What there is to choose in a config group; nothing is known of it before Hydra is initialised."""
    loader = _config_loader()
    # Not asked of the loader itself, which copies all that it knows for each answer.
    sources = [source for source in loader.get_sources() if source.is_group(group)] if loader else []
    return sorted({option for source in sources for option in source.list(group, ObjectType.CONFIG)})


def _config_loader() -> ConfigLoader | None:
    hydra = GlobalHydra.instance()
    return hydra.config_loader() if hydra.is_initialized() else None


def _parsed(line: str) -> Override | None:
    try:
        # The loader finds what a glob() matches; only the plural hands it on.
        return OverridesParser.create(_config_loader()).parse_overrides([line])[0]
    except HydraException:
        return None


def _last(overrides: list[Override]) -> dict[str, Override]:
    """The override of each key that holds."""
    return {override.get_key_element(): override for override in overrides}


def _choices(overrides: list[Override]) -> dict[str, list[str]]:
    """The overrides of each key, one for each of its values."""
    choices: dict[str, list[str]] = {}
    for key, override in _last(overrides).items():
        if override.is_hydra_override() and override.is_sweep_override():
            raise UserError(f"{key}: a sweep goes over keys of the run, not over settings of Hydra")
        value = override.value()
        if isinstance(value, IntervalSweep):
            choices[key] = [f"{key}={value.start}", f"{key}={value.end}"]
        elif override.is_sweep_override():
            choices[key] = [f"{key}={each}" for each in override.sweep_string_iterator()]
        else:
            choices[key] = [str(override.input_line)]
        if not choices[key]:
            raise UserError(f"{override.input_line}: stands for no value")
    return choices


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
