"""The samples that are nearest to some in the factors."""

from __future__ import annotations

from pathlib import Path

from favae_cli.common.errors import UserError
from favae_cli.config.trained_run_tasks import NeighboursConfig
from favae_cli.queries.factor_scores import neighbour_table
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples, chosen_samples, load_data
from favae_cli.tasks.trained_run.named_choices import view_of_input
from favae_cli.tasks.trained_run.written_files import save_table
from favae_cli.training.trained_run import TrainedRun


def use(config: NeighboursConfig, trained: TrainedRun, directory: Path) -> None:
    """Write neighbours.csv, for each sample a row for each that is near: both keys, and how far apart they are in g.

    Raises:
        UserError: nobody to be near, or a mistake in the samples.
    """
    samples = chosen_samples(config, trained, view_of_input(config, trained))
    data = samples.data if config.input is None else load_data(config, trained)
    pool = Samples(data, data.having_any(config.among))
    if not len(pool.indices):
        raise UserError(f"among: no {config.among} sample has any of the views {', '.join(trained.views)}")
    there, here = (Given.of_samples(trained.factors, part.data, part.indices).latents() for part in (pool, samples))
    own = config.input is None
    table = neighbour_table(there, pool.keys, here, samples.keys, config.nearest, themselves=not own)
    save_table(directory, "neighbours", table, config.format)
