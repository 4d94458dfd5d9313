"""Typed schema of what single columns of the user's own data need to be read rightly."""

from __future__ import annotations

import codecs
from types import NoneType
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from favae_cli.config.section import Names, Section, Text

# Tagged, so that a mistake is told once and not for either side of the union.
Levels = Annotated[
    Annotated[Names, Tag("list")] | Annotated[dict[Text, Names], Tag("by column")],
    Discriminator(lambda value: "by column" if isinstance(value, dict) else "list"),
]


def without_slash(columns: list[str]) -> list[str]:
    """The columns, none of which has a slash in its name."""
    for column in columns:
        if "/" in column:
            raise ValueError(f"the slash in {column!r} would split the names of metrics; rename the column")
    return columns


def without_equals(columns: list[str]) -> list[str]:
    """The columns, none of which has an = in its name."""
    for column in columns:
        if "=" in column:
            raise ValueError(f"the = in {column!r} is to part a column from its categories; rename the column")
    return columns


def known_encoding(encoding: str) -> str:
    """The name by which Python knows the encoding."""
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise ValueError(f"{encoding} is no encoding that Python knows; utf-8, latin-1 and cp1250 are") from error


Separator = Annotated[str, Field(min_length=1, max_length=1)]
Encoding = Annotated[str, AfterValidator(known_encoding)]
Columns = Annotated[Names, AfterValidator(without_slash)]


class MayBeLeftOut(Section):
    """A section whose keys that may be null may be left out: no YAML of ours could give them."""

    @model_validator(mode="before")
    @classmethod
    def _left_out_is_null(cls, given: Any) -> Any:
        may_be_null = [name for name, key in cls.model_fields.items() if NoneType in get_args(key.annotation)]
        return dict.fromkeys(may_be_null) | given if isinstance(given, dict) else given


class DateColumn(MayBeLeftOut):
    """A column of dates or times, read as days since the first; it is written back as it was."""

    format: Text = Field(description="how it writes them, as Python's strptime says it: %Y-%m-%d, %d.%m.%Y %H:%M, ...")
    first: Text = Field(description="the date or time, written so, that is day 0")
    parts: list[Literal["weekday", "month"]] | None = Field(
        description="columns of categories to make of it, called as the column and the part; null: none"
    )
