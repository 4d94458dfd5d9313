"""Samples in tables of the user's own, for a trained run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.config.own_files import ManifestConfig
from favae_cli.data import Dataset
from favae_cli.data.loading import tell_notes
from favae_cli.data.new_samples import new_samples
from favae_cli.queries.samples import with_every_view
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def read_tables(paths: Sequence[Path], trained: TrainedRun, cache: Path) -> Dataset:
    """The samples of tables, with every view of the run; they may lack any of them.

    Args:
        paths: of the tables.
        trained: on files.
        cache: folder for decoded images.

    Raises:
        UserError: a run of other data than files, or a mistake in the tables.
    """
    section = trained.config.data
    if not isinstance(section, ManifestConfig):
        raise UserError(f"run: {trained.folder} was trained on data={section.name}; predict takes runs of own files")
    sources = trained.config.sources
    own = {source: trained.views[name] for name, source in sources.items() if source in section.views}
    data = new_samples(paths, section, own, cache.expanduser())
    logger.info("%s: %d samples with %s", data.name, len(data.keys), ", ".join(data.views))
    tell_notes(data)
    data = data.seen_as({name: source for name, source in sources.items() if source in data.views})
    data = with_every_view(data, trained)
    alone = ~np.any([view.present for view in data.views.values()], axis=0)
    if alone.any():
        logger.warning("%d samples have no view at all, and get what is usual", alone.sum())
    return data
