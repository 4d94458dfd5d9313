"""Load the data of a run, and say what they are."""

from __future__ import annotations

import logging
from pathlib import Path

from favae_cli.config.choices import DataConfig
from favae_cli.data import Dataset, load

logger = logging.getLogger(__name__)


def loaded(config: DataConfig, cache: Path, seed: int) -> Dataset:
    """The data set of the config; says how large it is, and what its loader had to skip or repair.

    Raises:
        UserError: a mistake in the config or the data.
    """
    data = load(config, cache.expanduser(), seed)
    sizes = ", ".join(f"{len(indices)} {split}" for split, indices in data.split.items())
    logger.info("%s: %d samples (%s)", data.name, len(data.keys), sizes)
    tell_notes(data)
    return data


def tell_notes(data: Dataset) -> None:
    """Say what a loader had to skip or repair."""
    for note in data.notes:
        logger.info("%s: %s", data.name, note)
