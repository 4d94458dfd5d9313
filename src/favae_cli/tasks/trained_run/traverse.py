"""What each factor does to the images of a view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import TraverseConfig
from favae_cli.queries.factor_reading import factor_table
from favae_cli.queries.samples import Samples, read_input
from favae_cli.queries.traverse import factor_name, most_relevant, traversed
from favae_cli.tasks.trained_run.named_choices import chosen_view
from favae_cli.tasks.trained_run.written_files import save_grid, save_images, save_table
from favae_cli.training.trained_run import TrainedRun


def use(config: TraverseConfig, trained: TrainedRun, directory: Path) -> None:
    """Write images/<sample>/factor<number>_<step>.png, a figure for each sample, and the relevance of all factors.

    Of an image what the factors do not explain stays as it is: z' = z + W (g' - g), as in an edit.

    Raises:
        UserError: no view that can be meant, or a mistake in the input.
    """
    model, view = trained.factors, chosen_view("from", config.source, trained.images)
    factors = model.joined
    chosen = most_relevant(factors, view, config.features)
    moves = traversed(np.zeros(factors.factors), chosen, np.full(len(chosen), config.reach), config.steps)
    steps = (moves @ factors.weights[view].T).reshape(-1, factors.views[view].size)
    files = [f"factor{factor}_{step}" for factor in chosen for step in range(config.steps)]
    labels = [factor_name(factors, factor, view) for factor in chosen]
    for name, z in _centres(config, trained, view):
        images = model.views[view].decode(z + steps)
        save_images(RunFolder(directory).images / name, files, images)
        rows = [list(images[start : start + config.steps]) for start in range(0, len(images), config.steps)]
        save_grid(RunFolder(directory).figure(f"traversal_{name}"), rows, labels)
    table = factor_table(factors, most_relevant(factors, view, factors.factors))
    save_table(directory, "explained", table, config.format)


def _centres(config: TraverseConfig, trained: TrainedRun, view: str) -> Iterator[tuple[str, np.ndarray]]:
    """Name and z (D_m,) of what is changed: the inputs, or the mean."""
    if config.input is None:
        yield "mean", trained.factors.joined.views[view].bias
        return
    data = read_input(config, trained, view)
    samples = Samples(data, np.arange(len(data.keys)))
    yield from zip(samples.names, trained.factors.embed(view, samples.stored(view)), strict=True)
