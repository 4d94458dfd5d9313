"""What all sections of the config have in common, and how their mistakes are told."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean

T = TypeVar("T")


class Section(BaseModel):
    """A mapping of the config: unknown keys are refused, nothing is converted, defaults live in the YAML."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _distinct(names: list[str]) -> list[str]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"must name each thing once, but {', '.join(repeated)} comes again")
    return names


LONGEST_PART, LONGEST_PATH = 255, 4095  # bytes, of Linux


def _usable(path: Path) -> Path:
    """A path with the user's folder put in, that some file could have."""
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no user {path.parts[0]}") from error
    encoded = os.fsencode(path)
    if b"\0" in encoded or len(encoded) > LONGEST_PATH or max(map(len, encoded.split(b"/"))) > LONGEST_PART:
        raise ValueError(f"no file can have the name {textwrap.shorten(repr(str(path)), 60)}")
    return path


MOST, LARGEST = 2**31 - 1, 1e30  # a count, and any number, that something can still be computed with
Count = Annotated[int, Field(ge=1, le=MOST)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Strength = Annotated[float, Field(gt=0, le=1000)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^\w[\w-]*$")]
Text = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Text], Field(min_length=1), AfterValidator(_distinct)]
Folder = Annotated[Path, Field(strict=False), AfterValidator(_usable)]


def ends_in(*endings: str) -> AfterValidator:
    """Refuses a file whose name ends otherwise."""
    *others, last = endings

    def checked(path: Path) -> Path:
        if path.suffix not in endings:
            raise ValueError(f"must end in {', '.join(others)}{' or ' if others else ''}{last}, got {path}")
        return path

    return AfterValidator(checked)


def by_tag(union: Any, key: str) -> dict[str, Any]:
    """The sections of a union by the one value that each takes for `key`."""
    return {get_args(section.model_fields[key].annotation)[0]: section for section in get_args(union)}


def validated(composed: DictConfig, schema: TypeAdapter[T], choices: Iterable[str] = ()) -> T:
    """What a composed config (without its `hydra` node) says, checked against `schema`.

    Args:
        choices: config groups that leave no key behind, yet are what a misspelt key is to be compared with.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    data = resolved(composed)
    unset = sorted(_unset(data))
    mistakes = [_ask_for(key, composed) for key in unset]
    beyond = list(_beyond(data, ""))
    try:
        config = schema.validate_python(data)
    except ValidationError as error:
        told = problems(error, {**data, **dict.fromkeys(choices)})
        mistakes += [line for line in told if line.split(": ")[0] not in unset]
        said = {line.split(": ")[0] for line in mistakes}
        mistakes += [line for line in beyond if line.split(": ")[0] not in said]
        raise UserError("\n".join(mistakes)) from error
    if mistakes or beyond:
        raise UserError("\n".join(mistakes + beyond))
    return config


def resolved(composed: DictConfig) -> dict[str, Any]:
    """All values of a composed config.

    Raises:
        UserError: one of them stands for what there is not.
    """
    try:
        return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]}") from error


def _beyond(value: Any, key: str) -> Iterator[str]:
    """A line on each number that no machine could compute with."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _beyond(part, f"{key}.{name}" if key else str(name))
    if isinstance(value, int) and abs(value) >= 2**63:
        yield f"{key}: must be a whole number of at most 63 bits, got {value}"
    if isinstance(value, float) and LARGEST < abs(value) < float("inf"):
        yield f"{key}: must be at most {LARGEST:g} in size, got {value}"


def _unset(value: object, key: str = "") -> Iterator[str]:
    """The keys within a resolved value that only the user can fill; as OmegaConf.missing_keys, in no time."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _unset(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unset(inner, f"{key}[{index}]")
    elif value == MISSING:
        yield key


def missing_keys(error: ValidationError, data: Mapping[str, Any]) -> list[list[str]]:
    """The path of each key that `data` lack."""
    absent = [mistake["loc"] for mistake in error.errors(include_url=False) if mistake["type"] == "missing"]
    return [[*_locate(loc, data)[0], str(loc[-1])] for loc in absent]


def _ask_for(key: str, composed: DictConfig) -> str:
    """A line on a key that only the user can fill; its section may say how to get what it names."""
    source = OmegaConf.select(composed, f"{key.rpartition('.')[0]}.how_to_get", default=None)
    return f"{key}: must be given, as {key}=..." + (f" ({source})" if source else "")


def problems(error: ValidationError, data: Mapping[str, Any]) -> list[str]:
    """One line for each mistake in `data`: the key as the user types it, then what would be right."""
    details = error.errors(include_url=False)
    absent = [mistake["loc"] for mistake in details if mistake["type"] == "missing"]
    told = [_tell(mistake, data, absent) for mistake in details]
    return [f"{'.'.join(path)}: {text}" if path else text for path, text in told]  # of the whole: it names its key


def _tell(mistake: ErrorDetails, data: Mapping[str, Any], absent: list[tuple[int | str, ...]]) -> tuple[list[str], str]:
    loc, context = mistake["loc"], mistake.get("ctx", {})
    path, value = _locate(loc, data)
    match mistake["type"]:
        case "missing":
            return [*path, str(loc[-1])], "is missing"
        case "extra_forbidden":
            siblings = [key for key in _locate(loc[:-1], data)[1] if key != loc[-1]]
            siblings += [str(other[-1]) for other in absent if other[:-1] == loc[:-1]]
            return path, f"unknown key; {did_you_mean(path[-1], siblings)}"
        case "union_tag_not_found":
            key = context["discriminator"].strip("'")
            if not path:
                return [key], "is missing"
            siblings = [name for name in _locate(loc[:-1], data)[1] if name != path[-1]]
            return [*path, key], f"is missing; if {path[-1]} is a slip, {did_you_mean(path[-1], siblings)}"
        case "union_tag_invalid":
            key = context["discriminator"].strip("'")
            return [*path, key], f"must be one of {context['expected_tags']}, got {_shown(value[key])}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return path, f"must be a section with keys of its own, got {_shown(value)}"
        case "value_error":
            return path, str(context["error"])
        case "string_pattern_mismatch":
            return path, f"must be made of letters, digits, _ and -, got {_shown(value)}"
        case _:
            text = re.sub(r"^\w+ should", "must", mistake["msg"]).removeprefix("Input ")
            return path, f"{text.split(' after validation')[0]}, got {_shown(value)}"


def _locate(loc: tuple[int | str, ...], data: Any) -> tuple[list[str], Any]:
    """The keys in `loc` and the value they lead to; the tags of unions, which pydantic adds, are left out."""
    steps = list(_follow(loc, data))
    return [str(step) for step, _ in steps], steps[-1][1] if steps else data


def _follow(loc: tuple[int | str, ...], value: Any) -> Iterator[tuple[int | str, Any]]:
    for step in loc:
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        if step in keys:
            value = value[step]
            yield step, value


def _shown(value: Any) -> str:
    return textwrap.shorten(json.dumps(value, default=str, ensure_ascii=False), 60, placeholder=" ...")
