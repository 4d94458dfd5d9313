"""Typed schema of the tasks that leave no folder and load no model. Defaults live in `configs/` alone."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from omegaconf import DictConfig
from pydantic import Field, TypeAdapter

from favae_cli.config.init_task import InitConfig
from favae_cli.config.section import Count, Folder, Section, validated


class StatusConfig(Section):
    """How far runs are."""

    task: Literal["status"]
    run: Folder = Field(description="a run, a sweep, or a folder with any of them in it")
    count: Count = Field(description="runs and sweeps of such a folder that are told, those that were heard of last")


class DemoConfig(Section):
    """First steps."""

    task: Literal["demo"]
    open: bool = Field(description="whether to open what came of it in a browser")


AsideConfig = Annotated[InitConfig | StatusConfig | DemoConfig, Field(discriminator="task")]
TASKS: tuple[str, ...] = tuple(
    get_args(task.model_fields["task"].annotation)[0] for task in get_args(get_args(AsideConfig)[0])
)


def validate_aside(composed: DictConfig) -> AsideConfig:
    """Check a composed config (without its `hydra` node) of one of `TASKS`.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key.
    """
    config: AsideConfig = validated(composed, TypeAdapter(AsideConfig))
    return config
