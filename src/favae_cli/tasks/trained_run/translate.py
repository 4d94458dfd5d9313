"""Images of one view made from those of another."""

from __future__ import annotations

from pathlib import Path

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.trained_run_tasks import TranslateConfig
from favae_cli.queries.samples import chosen_samples
from favae_cli.queries.translate import translator_of
from favae_cli.tasks.trained_run.named_choices import chosen_view
from favae_cli.tasks.trained_run.written_files import save_grid, save_images
from favae_cli.training.trained_run import TrainedRun


def use(config: TranslateConfig, trained: TrainedRun, directory: Path) -> None:
    """Write images/<sample>.png, and a figure: original, reconstruction, translation, and the truth where it is known.

    Raises:
        UserError: no two views that can be meant, or a mistake in the samples.
    """
    source, target = _direction(config, trained)
    samples = chosen_samples(config, trained, source)
    stored, translator = samples.stored(source), translator_of(trained.model)
    made = translator.translate(source, target, stored)
    save_images(RunFolder(directory).images, samples.names, made)

    shown, truth = slice(config.show), samples.data.views[target]
    columns = unit(stored[shown]), translator.translate(source, source, stored[shown]), made[shown]
    rows = [list(row) for row in zip(*columns, strict=True)]
    for row, index in zip(rows, samples.indices[shown], strict=True):
        if truth.present[index]:
            row.append(unit(truth.gather(index)))
    titles = [source, "reconstruction", f"translated to {target}", target][: max(map(len, rows))]
    save_grid(RunFolder(directory).figure("translation"), rows, samples.names[shown], titles)


def _direction(config: TranslateConfig, trained: TrainedRun) -> tuple[str, str]:
    views = trained.images
    reconstructs = config.source is not None and config.source == config.to
    if len(views) == 1 and not reconstructs:
        raise UserError(f"run: {trained.folder} has no view of images beside {views[0]} to translate it to")
    source = chosen_view("from", config.source, views, [name for name in views if config.to not in (None, name)])
    return source, chosen_view("to", config.to, views, [name for name in views if name != source])
