"""What is missing of the samples, as their other views foretell it."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.evaluation.images import unit
from favae_cli.factors.embeddings import Embeddings
from favae_cli.model import FAVAE, observed_table
from favae_cli.tasks.use.choice import chosen_view
from favae_cli.tasks.use.results import save_grid, save_images, save_table
from favae_cli.tasks.use.samples import Samples, chosen_samples
from favae_cli.training.trained import TrainedRun
from favae_cli.use_config import Impute
from favae_cli.views import BernoulliView

logger = logging.getLogger(__name__)


def use(config: Impute, trained: TrainedRun, directory: Path) -> None:
    """Write a row of imputed.csv for each missing entry of a table, and images/<view>/<sample>.png for missing images.

    All that a sample has is evidence.

    Raises:
        UserError: a mistake in the samples.
    """
    model = trained.factors
    view = None if config.input is None else chosen_view("from", config.source, trained.images)
    samples = chosen_samples(config, trained, view)
    evidence = model.embeddings(samples.data, samples.indices, model.encode(samples.data, samples.indices))
    evidence.settle(model.joined)

    tables = [name for name in model.views if name not in trained.images]
    if tables:
        entries = pd.concat([_missing_entries(model, samples, evidence, name) for name in tables])
        save_table(directory, "imputed", entries, config.format)
    made = {name: _missing_images(model, samples, evidence, name) for name in trained.images}
    names = samples.names
    for name, images in made.items():
        if images:
            save_images(directory / "images" / name, [names[row] for row in images], np.stack([*images.values()]))
    lacking = sorted(set().union(*made.values()))
    if not lacking:
        logger.info("no sample lacks an image")
        return

    def picture(name: str, row: int) -> np.ndarray:
        known = row not in made[name]
        return unit(samples.data.views[name].gather(samples.indices[row])) if known else made[name][row]

    shown = lacking[: config.show]
    labels = [f"{names[row]}, made: {', '.join(name for name in made if row in made[name])}" for row in shown]
    rows = [[picture(name, row) for name in made] for row in shown]
    save_grid(directory / "figures" / "imputed.png", rows, labels, list(made))


def _missing_entries(model: FAVAE, samples: Samples, evidence: Embeddings, name: str) -> pd.DataFrame:
    """A row for each missing entry of the table view `name`.

    Its columns are key, view, column and value, of a binary column the probability of 1; and of these the mean and the
    standard deviation of the logit.
    """
    view, data = model.views[name], samples.data
    mean, variance = evidence.predict(model.joined, name)
    row, column = np.nonzero(np.isnan(observed_table(data, name, samples.indices)))
    binary = isinstance(view, BernoulliView)
    return pd.DataFrame(
        {
            "key": np.array(samples.keys)[row],
            "view": name,
            "column": np.array(data.views[name].columns)[column],
            "value": view.decode(mean, variance)[row, column],
            "logit_mean": mean[row, column] if binary else np.nan,
            "logit_std": np.sqrt(variance[row, column]) if binary else np.nan,
        }
    )


def _missing_images(model: FAVAE, samples: Samples, evidence: Embeddings, name: str) -> dict[int, np.ndarray]:
    """By place among the samples that lack the image view `name`, what is foretold of it, (H, W, C) in [0, 1]."""
    rows = np.flatnonzero(~samples.data.views[name].present[samples.indices])
    mean, _ = evidence.predict(model.joined, name)
    return dict(zip(rows.tolist(), model.views[name].decode(mean[rows]), strict=True))
