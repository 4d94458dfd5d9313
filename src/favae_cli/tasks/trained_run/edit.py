"""Images with other attributes, all else about them as it was."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import EditConfig
from favae_cli.models.fa_vae import observed_table
from favae_cli.queries.generate_and_edit import Editor, best_strengths
from favae_cli.queries.samples import chosen_samples
from favae_cli.tasks.trained_run.named_choices import asked_labels, chosen_attributes, chosen_view
from favae_cli.tasks.trained_run.written_files import save_grid, save_images, save_table
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def use(config: EditConfig, trained: TrainedRun, directory: Path) -> None:
    """Write images/<sample>.png, a figure, and how probable every attribute is before and after.

    What is known of a sample's attributes counts as it is, what is not as the image shows it (P > 1/2).

    Raises:
        UserError: no such attribute or view, a strength of none that is asked, or a mistake in the samples.
    """
    model = trained.factors
    attributes = chosen_attributes(config.of, config.attributes, trained.attributes)
    columns = trained.views[attributes].columns
    asked = asked_labels(config.attributes, columns)
    view = chosen_view("from", config.source, trained.images)
    samples = chosen_samples(config, trained, view)

    stored = samples.stored(view)
    known = observed_table(samples.data, attributes, samples.indices)
    strengths = best_strengths(trained.metrics, columns)
    if config.strength is not None:
        strengths = np.full(len(columns), config.strength)
    for name, strength in config.strengths.items():
        if name not in config.attributes:
            raise UserError(f"strengths.{name}: is not among the attributes that are asked")
        strengths[columns.index(name)] = strength
    made = Editor(model, view, attributes).edited(stored, known, asked, strengths)
    already = int((made.labels == made.wanted).all(axis=1).sum())
    if already:
        logger.info("%d of %d samples show already what is asked; they are only reconstructed", already, len(stored))

    save_images(RunFolder(directory).images, samples.names, made.images)
    table = pd.DataFrame({"key": samples.keys})
    for column, name in enumerate(columns):
        table[f"{name}/before"], table[f"{name}/after"] = made.before[:, column], made.after[:, column]
    save_table(directory, "attributes", table, config.format)
    shown = slice(config.show)
    rows = list(zip(unit(stored[shown]), model.views[view].decode(made.z[shown]), made.images[shown], strict=True))
    titles = ["original", "reconstruction", ", ".join(f"{name} {value}" for name, value in config.attributes.items())]
    save_grid(RunFolder(directory).figure("editing"), rows, samples.names[shown], titles)
