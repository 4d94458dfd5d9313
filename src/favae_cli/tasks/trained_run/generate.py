"""Images drawn for chosen attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from favae_cli.common.random_streams import numpy_generator
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import GenerateConfig
from favae_cli.queries.generate_and_edit import Editor
from favae_cli.tasks.trained_run.named_choices import asked_labels, chosen_attributes, chosen_view
from favae_cli.tasks.trained_run.written_files import save_grid, save_images
from favae_cli.training.trained_run import TrainedRun

COLUMNS = 8  # of the figure


def use(config: GenerateConfig, trained: TrainedRun, directory: Path) -> None:
    """Write images/<view>/<number>.png and a figure for each view.

    An attribute that is not asked is drawn from what the asked ones leave open.

    Raises:
        UserError: no such attribute or view.
    """
    model = trained.factors
    attributes = chosen_attributes(config.of, config.attributes, trained.attributes)
    asked = asked_labels(config.attributes, trained.views[attributes].columns)
    labels = np.broadcast_to(asked, (config.count, len(asked)))
    views = trained.images if config.to is None else [chosen_view("to", config.to, trained.images)]
    for view in views:
        # The same draws of g for every view: number 3 of one view is number 3 of the other.
        images = Editor(model, view, attributes).generate(labels, numpy_generator(config.seed, "generate"))
        save_images(RunFolder(directory).images / view, [f"{number:04d}" for number in range(config.count)], images)
        rows = [list(images[start : start + COLUMNS]) for start in range(0, len(images), COLUMNS)]
        save_grid(RunFolder(directory).figure(f"generated_{view}"), rows)
