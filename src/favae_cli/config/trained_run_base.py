"""What the tasks that use a trained run have in common."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from favae_cli.config.run import MachineConfig
from favae_cli.config.section import Count, Folder, Name, Names, Section, Strength, Text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_texts(value: Any) -> Any:
    """Keys that look like numbers, such as [17], as texts."""
    if isinstance(value, list):
        return [str(item) if type(item) is int else item for item in value]
    return value


def _from_json(value: Any) -> Any:
    """A mapping that came as a text, JSON: Hydra's grammar cannot take every name as a key."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be a mapping, as {{Smiling: 1}} or '{{\"Smiling\": 1}}', got {value}") from error


Paths = Annotated[list[Folder], Field(min_length=1), BeforeValidator(_listed)]
Keys = Annotated[Names, BeforeValidator(_as_texts), BeforeValidator(_listed)]
Asked = Annotated[dict[Text, Literal[0, 1]], BeforeValidator(_from_json)]
Strengths = Annotated[dict[Text, Strength], BeforeValidator(_from_json)]


class UsingConfig(Section):
    """What every use of a trained run has."""

    run: Folder = Field(description="folder of the finished run")
    trust: bool = Field(description="whether it may run code from elsewhere")
    trainer: MachineConfig


class OnDataConfig(UsingConfig):
    """A use that looks at the run's data, or at others."""

    data: dict[str, Any] = Field(description="changes to the run's data section; with a name, one of its own")
    split: Literal["train", "validation", "test", "all"]
    cache: Folder = Field(description="folder for decoded images")


class OnInputConfig(UsingConfig):
    """A use that takes images of the user's own."""

    input: Paths | None = Field(description="image files, or folders of them")
    source: Name | None = Field(alias="from", description="view that the samples show; null: the only one it can be")
    crop: Count | None = Field(description="side of a centre crop of each file, pixels; null: as the run's data")

    @model_validator(mode="after")
    def _crop_of_input(self) -> Self:
        if self.crop is not None and self.input is None:
            raise ValueError("crop: is for images of input=FILE; those of the run's data are cropped as it had them")
        return self


class OnSamplesConfig(OnInputConfig, OnDataConfig):
    """A use that takes samples: images of the user's own, or those of a split."""

    keys: Keys | None = Field(description="samples of the data by their keys, in this order; null: those of `split`")
    count: Count | None = Field(description="samples at most; null: all")


class OnDrawnSamplesConfig(OnSamplesConfig):
    """A use that takes samples and draws the first ones."""

    show: Count = Field(description="samples in the figure")
