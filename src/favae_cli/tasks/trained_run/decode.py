"""Chosen values of the factors, decoded to every view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import DecodeConfig
from favae_cli.queries.samples import Samples, chosen_samples
from favae_cli.queries.told import Place
from favae_cli.tasks.trained_run.named_choices import view_of_input
from favae_cli.tasks.trained_run.written_files import save_images, save_table
from favae_cli.training.trained_run import TrainedRun


def use(config: DecodeConfig, trained: TrainedRun, directory: Path) -> None:
    """Write decoded.csv, a row for each sample, view and column (or step and channel), and images/<view>/<sample>.png.

    Without keys or input the one that is decoded is the mean of all.

    Raises:
        UserError: no such factor, or a mistake in the samples.
    """
    model = trained.factors
    for factor in config.factors:
        if factor >= model.joined.factors:
            raise UserError(f"factors.{factor}: the run has factors 0 to {model.joined.factors - 1}")
    tables = []
    for name, place in _places(config, trained).items():
        g = place.g.copy()
        g[0, list(config.factors)] = list(config.factors.values())
        for view, part in trained.views.items():
            value = place.decoded(g, view)
            if part.is_image:
                save_images(RunFolder(directory).images / view, [name], value)
            else:
                tables.append(_long(value[0], part.columns).assign(key=name, view=view))
    if tables:
        table = pd.concat(tables, ignore_index=True)
        first = ["key", "view"]
        save_table(directory, "decoded", table[[*first, *table.columns.drop(first)]], config.format)


def _places(config: DecodeConfig, trained: TrainedRun) -> dict[str, Place]:
    view = view_of_input(config, trained)
    if config.keys is None and config.input is None:
        return {"mean": Place.of_mean(trained.factors)}
    samples = chosen_samples(config, trained, view)
    each = (Samples(samples.data, samples.indices[row : row + 1]) for row in range(len(samples.indices)))
    return {name: Place.of_sample(trained.factors, one) for name, one in zip(samples.names, each, strict=True)}


def _long(value: np.ndarray, columns: tuple[str, ...]) -> pd.DataFrame:
    """A row for each number of a table (D,) or a sequence (T, C), or one for a text."""
    if not columns:
        return pd.DataFrame({"value": [str(value)]})
    steps: dict[str, object] = (
        {} if value.ndim == 1 else {"step": pd.array(np.arange(len(value)).repeat(len(columns)), "Int64")}
    )
    repeated = np.tile(np.array(columns, object), value.size // len(columns))
    return pd.DataFrame({"column": repeated, **steps, "value": value.ravel()})
