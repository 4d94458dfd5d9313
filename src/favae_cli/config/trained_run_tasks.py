"""Typed schema of every key of the tasks that use a trained run. Defaults live in `configs/` alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from omegaconf import DictConfig
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig, ViewConfig
from favae_cli.config.folders import config_of_run
from favae_cli.config.own_files import ANNOTATED, MOFA
from favae_cli.config.run import MachineConfig
from favae_cli.config.section import (
    Count,
    Folder,
    Name,
    Names,
    Positive,
    Section,
    Seed,
    Strength,
    Text,
    by_tag,
    ends_in,
    problems,
    validated,
)
from favae_cli.config.trained_run_base import (
    Asked,
    OnDataConfig,
    OnDrawnSamplesConfig,
    OnInputConfig,
    OnSamplesConfig,
    Paths,
    Strengths,
    UsingConfig,
)


def _something(asked: dict[str, int]) -> dict[str, int]:
    if not asked:
        raise ValueError("say what to change, as attributes.NAME=1 or attributes.NAME=0")
    return asked


Format = Literal["csv", "parquet"]
TableFile = Annotated[Folder, ends_in(".csv", ".parquet")]
PredictedFile = Annotated[Folder, ends_in(".csv", ".parquet", *ANNOTATED)]
FactorsFile = Annotated[Folder, ends_in(*ANNOTATED, MOFA)]
Steps = Annotated[int, Field(ge=3)]


class EvaluateConfig(OnDataConfig):
    """Score again."""

    task: Literal["evaluate"]


class TranslateConfig(OnDrawnSamplesConfig):
    """Make images of one view from those of another."""

    task: Literal["translate"]
    to: Name | None = Field(description="view to make; null: the only one it can be")


class EditConfig(OnDrawnSamplesConfig):
    """Change attributes of images."""

    task: Literal["edit"]
    attributes: Annotated[Asked, AfterValidator(_something)]
    of: Name | None = Field(description="binary view of the attributes; null: the only one that has all of them")
    strength: Strength | None = Field(description="how far, 1: as each has to; null: what the run found best")
    strengths: Strengths = Field(description="the same for some of the attributes")
    format: Format


class GenerateConfig(UsingConfig):
    """Draw images with chosen attributes."""

    task: Literal["generate"]
    attributes: Asked
    of: Name | None = Field(description="binary view of the attributes; null: the only one that has all of them")
    count: Count = Field(description="images of each view")
    to: Name | None = Field(description="view to draw; null: all")
    seed: Seed


class InterpolateConfig(OnDrawnSamplesConfig):
    """Go from one image to the next."""

    task: Literal["interpolate"]
    space: Literal["z", "g", "both"] = Field(alias="in")
    steps: Steps = Field(description="images of each way, its ends included")


class TraverseConfig(OnInputConfig):
    """Change one factor at a time."""

    task: Literal["traverse"]
    features: Count = Field(description="rows: the factors that matter most")
    reach: Strength = Field(description="how far each way, in standard deviations")
    steps: Steps = Field(description="images of a row")
    format: Format


class FactorsConfig(OnDataConfig):
    """Say what each factor means."""

    task: Literal["factors"]
    count: Count = Field(description="samples decoded of each view, at most")
    cards: Count = Field(description="factors that have a card")
    reach: Strength = Field(description="how far each way, in standard deviations")
    steps: Steps = Field(description="places along the factor")
    umap: bool = Field(description="whether to lay the samples out in a plane by UMAP, too")
    permutations: Count = Field(description="of samples, by which the p of an association is found")
    columns: int = Field(ge=0, description="columns of a view that are compared with the factors, at most")
    format: Format
    output: FactorsFile | None = Field(description="AnnData, MuData or MOFA file with the factors in it; null: none")
    overwrite: bool = Field(description="replace an output that is there")


class NeighboursConfig(OnSamplesConfig):
    """Find the samples nearest to some in the factors."""

    task: Literal["neighbours"]
    among: Literal["train", "validation", "test", "all"] = Field(description="split of the samples that may be near")
    nearest: Count = Field(description="neighbours of each sample")
    format: Format


class ImputeConfig(OnDrawnSamplesConfig):
    """Fill in missing views and entries."""

    task: Literal["impute"]
    given: list[Text] | None = Field(description="views that the model is given, the others being made; null: all")
    reconstruct: bool = Field(description="also make anew what is given")
    format: Format
    output: TableFile | None = Field(description="file of all tables with their holes filled; null: none")
    overwrite: bool = Field(description="replace an output that is there")


class PredictConfig(UsingConfig):
    """Predict what is not known of new samples."""

    task: Literal["predict"]
    input: Paths = Field(description="tables of the samples: any of the run's views, any of their columns")
    to: Names | None = Field(description="views, or columns of them, to predict; null: all")
    interval: Annotated[float, Field(gt=0, lt=1)] = Field(description="probability that a number is within it")
    format: Format
    output: PredictedFile | None = Field(
        description="file of what is predicted, or AnnData or MuData file with the factors; null: a table in the folder"
    )
    overwrite: bool = Field(description="replace an output that is there")
    cache: Folder = Field(description="folder for decoded images")


class DecodeConfig(OnSamplesConfig):
    """Decode chosen values of the factors."""

    task: Literal["decode"]
    factors: dict[Annotated[int, Field(ge=0, strict=False)], float] = Field(
        description="value of each factor by its number"
    )
    format: Format


class ExploreConfig(OnDataConfig):
    """Serve a page to look into a run."""

    task: Literal["explore"]
    count: Count = Field(description="samples in the map, and that factors are read from, at most")
    host: Text = Field(description="address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(description="port to listen on; null: a free one")
    open: bool = Field(description="whether to open a browser")


class NewTrainerConfig(MachineConfig):
    """How the network of a new view takes its steps; all else is as in the run."""

    batch_size: int = Field(ge=2, description="samples; batch norm needs two")
    learning_rate: Positive = Field(description="of AdamW, after the warm-up")
    warm_up_steps: int = Field(ge=0, description="steps")


class NewScheduleConfig(Section):
    """How long it learns."""

    alone_epochs: int = Field(ge=0, description="epochs alone")
    rounds: Count = Field(description="rounds beside the factors, which stay")
    round_epochs: int = Field(ge=0, description="epochs in every round")


class AddViewConfig(OnDataConfig):
    """Join one more view to a trained run."""

    task: Literal["add_view"]
    trainer: NewTrainerConfig
    name: Name = Field(description="of the new view")
    new: ViewConfig = Field(description="the new view")
    warm_start: Name | None = Field(description="view whose layers it begins with; null: anew")
    feed: float = Field(ge=0, le=1, description="share of the samples decoded from the mean of the prior")
    schedule: NewScheduleConfig


UseConfig = Annotated[
    EvaluateConfig
    | TranslateConfig
    | EditConfig
    | GenerateConfig
    | InterpolateConfig
    | TraverseConfig
    | FactorsConfig
    | NeighboursConfig
    | ImputeConfig
    | PredictConfig
    | DecodeConfig
    | ExploreConfig
    | AddViewConfig,
    Field(discriminator="task"),
]
USES: dict[str, type[UsingConfig]] = by_tag(get_args(UseConfig)[0], "task")
TASKS = tuple(USES)


def validate_use(composed: DictConfig) -> UseConfig:
    """Check a composed config (without its `hydra` node) of one of `TASKS`.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    config: UseConfig = validated(composed, TypeAdapter(UseConfig))
    config_of_run(config.run, "run")
    paths = config.input if isinstance(config, OnInputConfig | PredictConfig) else None
    for path in paths or ():
        if not path.exists():
            raise UserError(f"input: there is no file or folder {path}")
    if isinstance(config, ImputeConfig | PredictConfig | FactorsConfig) and config.output is not None:
        require_place(config.output, config.overwrite)
    return config


def require_place(output: Path, overwrite: bool) -> None:
    """Refuse to write `output` over what is there, unless it is a file that may be replaced.

    Raises:
        UserError: it is a folder, in none, or a file that may not.
    """
    if output.is_dir():
        raise UserError(f"output: {output} is a folder; name a file in it")
    there = next(folder for folder in output.absolute().parents if os.path.lexists(folder))
    if not there.is_dir():
        raise UserError(f"output: {there} is a file, in which none can be; name one in a folder")
    if os.path.lexists(output) and not overwrite:
        raise UserError(f"output: {output} is there already; overwrite=true replaces it")


class _DataSection(Section):
    data: DataConfig


def merged(base: Any, changes: Any) -> Any:
    """`base` with `changes`: mappings key by key, all else replaced, by whatever kind; a schema judges that."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return base | {key: merged(base.get(key), value) for key, value in changes.items()}


def changed_data(own: DataConfig, changes: dict[str, Any]) -> DataConfig:
    """The data section of a trained run with these changes, or the changes alone if they name a data set.

    Raises:
        UserError: what they make is not valid; a line for each mistake.
    """
    base = {} if "name" in changes else own.model_dump(mode="json")
    data = {"data": merged(base, changes)}
    try:
        config = _DataSection.model_validate(data).data
    except ValidationError as error:
        raise UserError("\n".join(problems(error, data))) from error
    mistakes = list(config.contradictions())
    if mistakes:
        raise UserError("\n".join(mistakes))
    return config
