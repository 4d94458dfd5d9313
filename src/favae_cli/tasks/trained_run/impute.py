"""What is missing of the samples, as predicted from all that they have."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.trained_run_tasks import ImputeConfig, require_place
from favae_cli.queries.filled_tables import Variable, filled_table, missing_entries, variables
from favae_cli.queries.given import Given
from favae_cli.queries.impute import embedding_of, made_of
from favae_cli.queries.samples import Samples, chosen_samples
from favae_cli.queries.told import foretold, told_images, with_only
from favae_cli.tasks.trained_run.named_choices import view_of_input
from favae_cli.tasks.trained_run.written_files import save_grid, save_images, save_sequences, save_table, write_table
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def use(config: ImputeConfig, trained: TrainedRun, directory: Path) -> None:
    """Write what is missing, by kind of data, and the whole tables with their holes filled where `output` asks for it.

    Tables and texts have a row of imputed.csv for each missing entry, images are images/<view>/<sample>.png, and
    sequences <view>.npz.

    Raises:
        UserError: a mistake in the samples.
    """
    model = trained.factors
    samples = chosen_samples(config, trained, view_of_input(config, trained))
    if config.given is not None:
        for name in config.given:
            if name not in trained.views:
                raise UserError(f"given: the run has no view {name}; {did_you_mean(name, trained.views)}")
        samples = with_only(samples, config.given)
    given = Given.of_samples(model, samples.data, samples.indices)

    found: list[Variable] = []
    images: dict[str, dict[int, np.ndarray]] = {}
    for name, part in trained.views.items():
        if part.is_image:
            present = samples.data.views[name].present[samples.indices]
            lacking = np.flatnonzero(~present | config.reconstruct)
            made = told_images(given, samples, name, lacking)
            images[name] = dict(zip(lacking.tolist(), made, strict=True))
            continue
        if config.reconstruct:
            told = foretold(given, samples, name)
        else:
            told = made_of(model, samples, embedding_of(samples, given, name), name)
        if part.is_sequence:
            save_sequences(directory / f"{name}.npz", told, samples)
        else:
            found += variables(told, samples.data.views[name])
    if found:
        save_table(directory, "imputed", missing_entries(found, samples.keys), config.format)
        if config.output is not None:
            require_place(config.output, config.overwrite)  # it may have come there meanwhile
            write_table(config.output, filled_table(found, samples.keys, samples.data.key))
    if images:
        _save_images(directory, images, samples, config.show)


def _save_images(directory: Path, made: Mapping[str, Mapping[int, np.ndarray]], samples: Samples, show: int) -> None:
    """Every image of `made`, by view and by place among the samples, and a figure of the first samples."""
    names, folder = samples.names, RunFolder(directory)
    for view, images in made.items():
        if images:
            save_images(folder.images / view, [names[row] for row in images], np.stack([*images.values()]))
    lacking = sorted(set().union(*made.values()))
    if not lacking:
        logger.info("no sample lacks an image")
        return

    def picture(view: str, row: int) -> np.ndarray:
        known = row not in made[view]
        return unit(samples.data.views[view].gather(samples.indices[row])) if known else made[view][row]

    shown = lacking[:show]
    labels = [f"{names[row]}, made: {', '.join(view for view in made if row in made[view])}" for row in shown]
    rows = [[picture(view, row) for view in made] for row in shown]
    save_grid(folder.figure("imputed"), rows, labels, list(made))
