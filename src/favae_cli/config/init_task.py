"""Typed schema of task init, which writes a first experiment. Defaults live in `configs/` alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from favae_cli.config.section import Name, Section
from favae_cli.config.trained_run_base import Paths


class InitConfig(Section):
    """`task=init`: files to look at, and the experiment to write."""

    task: Literal["init"]
    input: Paths = Field(
        description="tables (CSV and the like, Parquet, Excel, Stata, SPSS, .npz, .h5ad, .h5mu), or folders of them"
    )
    transposed: Paths | None = Field(
        description="those of the files whose rows are features and whose columns are samples; null: as they seem to be"
    )
    name: Name | None = Field(description="of the experiment; null: as the first file")
    repeated: Literal["sequence", "last", "mean"] | None = Field(
        description="of several rows of a sample: sequence, or what counts; null: mean of few samples, else sequence"
    )
    overwrite: bool = Field(description="replace an experiment that is there")
