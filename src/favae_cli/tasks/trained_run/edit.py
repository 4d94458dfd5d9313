"""Images with other attributes, all else about them as it was."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.common.pixels import unit
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import EditConfig
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.generate_and_edit import Editor
from favae_cli.queries.given import Given
from favae_cli.queries.samples import chosen_samples
from favae_cli.reporting.grids import as_stored
from favae_cli.tasks.trained_run.named_choices import asked_labels, chosen_attributes, chosen_view
from favae_cli.tasks.trained_run.written_files import save_grid, save_images, save_table
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def use(config: EditConfig, trained: TrainedRun, directory: Path) -> None:
    """Write images/<sample>.png, a figure, and how probable every attribute is before and after.

    What is known of a sample's attributes counts as it is, what is not as the image shows it (P > 1/2).

    Raises:
        UserError: no such attribute or view, or a mistake in the samples.
    """
    model = trained.factors
    attributes = chosen_attributes(config.view, config.attributes, trained.attributes)
    columns = trained.views[attributes].columns
    asked = asked_labels(config.attributes, columns)
    view = chosen_view("from", config.source, trained.images)
    samples = chosen_samples(config, trained, view)

    stored = samples.stored(view)
    z = model.embed(view, stored)
    before = _shown(model, view, z, attributes)
    known = observed_table(samples.data, attributes, samples.indices)
    labels = np.where(np.isnan(known), before > 0.5, known)
    wanted = np.where(np.isnan(asked), labels, asked)
    already = int((labels == wanted).all(axis=1).sum())
    if already:
        logger.info("%d of %d samples show already what is asked; they are only reconstructed", already, len(labels))

    edited = Editor(model, view, attributes).edit(z, labels, wanted, _strengths(config, trained, columns))
    after = _shown(model, view, model.embed(view, as_stored(edited)), attributes)

    save_images(RunFolder(directory).images, samples.names, edited)
    table = pd.DataFrame({"key": samples.keys})
    for column, name in enumerate(columns):
        table[f"{name}/before"], table[f"{name}/after"] = before[:, column], after[:, column]
    save_table(directory, "attributes", table, config.format)
    shown = slice(config.show)
    rows = list(zip(unit(stored[shown]), model.views[view].decode(z[shown]), edited[shown], strict=True))
    titles = ["original", "reconstruction", ", ".join(f"{name} {value}" for name, value in config.attributes.items())]
    save_grid(RunFolder(directory).figure("editing"), rows, samples.names[shown], titles)


def _strengths(config: EditConfig, trained: TrainedRun, columns: tuple[str, ...]) -> np.ndarray:
    if config.strength is not None:
        return np.full(len(columns), config.strength)
    return np.array([trained.metrics.get(f"edit/{name}/strength", 1.0) for name in columns])


def _shown(model: FAVAE, view: str, z: np.ndarray, attributes: str) -> np.ndarray:
    """(R, D) P(attribute = 1 | z of the image)."""
    return Given.of_embedding(model, view, z).decoded(attributes)
