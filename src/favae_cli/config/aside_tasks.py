"""Typed schema of the tasks that leave no folder and load no model. Defaults live in `configs/` alone."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from omegaconf import DictConfig
from pydantic import Field, TypeAdapter

from favae_cli.config.init_task import InitConfig
from favae_cli.config.section import Count, Folder, Section, by_tag, ends_in, validated
from favae_cli.config.trained_run_base import Paths
from favae_cli.config.trained_run_tasks import require_place


class StatusConfig(Section):
    """How far runs are."""

    task: Literal["status"]
    run: Folder = Field(description="a run, a sweep, or a folder with any of them in it")
    count: Count = Field(description="runs and sweeps of such a folder that are told, those that were heard of last")


class CompareConfig(Section):
    """Several runs on one page."""

    task: Literal["compare"]
    runs: Paths = Field(description="runs, sweeps, or folders that hold them")
    output: Annotated[Folder, ends_in(".html")] = Field(description="the page, .html")
    overwrite: bool = Field(description="replace a page that is there")


class DemoConfig(Section):
    """First steps."""

    task: Literal["demo"]
    open: bool = Field(description="whether to open what came of it in a browser")


AsideConfig = Annotated[InitConfig | StatusConfig | CompareConfig | DemoConfig, Field(discriminator="task")]
TASKS = tuple(by_tag(get_args(AsideConfig)[0], "task"))


def validate_aside(composed: DictConfig) -> AsideConfig:
    """Check a composed config (without its `hydra` node) of one of `TASKS`.

    Raises:
        UserError: with every mistake found, one a line, each beginning with its key; or an output that may not be
            written.
    """
    config: AsideConfig = validated(composed, TypeAdapter(AsideConfig))
    if isinstance(config, CompareConfig):
        require_place(config.output, config.overwrite)
    return config
