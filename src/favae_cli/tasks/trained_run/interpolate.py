"""The way from one image to the next."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import InterpolateConfig
from favae_cli.queries.interpolate import between
from favae_cli.queries.samples import chosen_samples
from favae_cli.tasks.trained_run.named_choices import chosen_view
from favae_cli.tasks.trained_run.written_files import save_grid, save_images
from favae_cli.training.trained_run import TrainedRun


def use(config: InterpolateConfig, trained: TrainedRun, directory: Path) -> None:
    """Write images/<space>_<view>/<sample>-<next>_<step>.png, and a figure for each space and view.

    Raises:
        UserError: fewer than two samples, or a mistake in them.
    """
    model, view = trained.factors, chosen_view("from", config.source, trained.images)
    samples = chosen_samples(config, trained, view)
    names, stored = samples.names, samples.stored(view)
    if len(names) < 2:
        raise UserError("input: a way needs two images at least, as input=[ONE.png,OTHER.png] or a folder")
    spaces = ("z", "g") if config.space == "both" else (config.space,)
    ways = [f"{name}-{following}" for name, following in pairwise(names)]
    made: dict[str, list[np.ndarray]] = {}
    for start in range(len(ways)):
        found = between(model, view, stored[start : start + 2], config.steps)
        for space in spaces:
            for shown in trained.images:
                if shown in found[space]:
                    made.setdefault(f"{space}_{shown}", []).append(found[space][shown])
    steps = [f"{way}_{step}" for way in ways for step in range(config.steps)]
    for kind, rows in made.items():
        save_images(RunFolder(directory).images / kind, steps, np.concatenate(rows))
        grid = [list(row) for row in rows[: config.show]]
        save_grid(RunFolder(directory).figure(f"interpolation_{kind}"), grid, ways[: config.show])
