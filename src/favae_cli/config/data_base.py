"""What the `data` sections of all data sets have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.section import Count, Names, Section, Seed

Kind = Literal["image", "binary", "real", "categorical", "ordinal", "counts", "vector", "sequence", "text"]
Share = Annotated[float, Field(gt=0, lt=1)]
Gap = Annotated[float, Field(ge=0, lt=1)]
OnBadImage = Literal["skip", "stop"]


class SplitConfig(Section):
    """The shares held out; the rest, which must not be empty, trains."""

    validation: Share = Field(description="share of the samples that tune the model")
    test: Share = Field(description="share of the samples that judge it")

    @model_validator(mode="after")
    def _leave_some_to_train(self) -> SplitConfig:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must be below 1, or nothing is left to train on")
        return self


class RandomSplitConfig(SplitConfig):
    """A split that is drawn."""

    seed: Seed | None = Field(description="draws the samples and the random split; null takes the run's seed")


class Pixels(Section):
    """What is made of an image."""

    size: Count = Field(description="side after resizing, pixels")
    channels: Literal[1, 2, 3, 4] = Field(description="1 for grey, 2 with opacity, 3 for RGB, 4 with opacity")
    crop: Count | None = Field(description="side of a centre crop before resizing, pixels; null takes all")


class BaseDataConfig(Section):
    """What the config of every data set offers to the rest of the config."""

    use: Names | None = Field(description="views to load; null takes all")

    @abstractmethod
    def sides(self) -> dict[str, int | None]:
        """Side of the images of every view in pixels; None for what is no image."""

    def pixels(self) -> dict[str, Pixels]:
        """What is made of the image files of each view; nothing of views that are drawn."""
        return {}

    def kinds(self) -> dict[str, Kind]:
        """What the data of every view are."""
        return {name: "binary" if side is None else "image" for name, side in self.sides().items()}

    def loaded_sides(self) -> dict[str, int | None]:
        """`sides` of the views that `use` names."""
        return {name: side for name, side in self.sides().items() if self.use is None or name in self.use}

    def contradictions(self) -> Iterator[str]:
        """A line for each mistake that shows only where two keys of the section meet."""
        for name in self.use or ():
            if name not in self.sides():
                yield f"data.use: no view {name}; {did_you_mean(name, self.sides())}"
