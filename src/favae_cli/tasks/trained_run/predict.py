"""What is not known of new samples, predicted from all that is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.own_files import ANNOTATED
from favae_cli.config.trained_run_tasks import PredictConfig, require_place
from favae_cli.data.dataset import parted
from favae_cli.queries.factor_scores import AT_A_TIME, factor_scores
from favae_cli.queries.filled_tables import Variable, filled_table, variables
from favae_cli.queries.given import Given
from favae_cli.queries.impute import embedding_of, made_of
from favae_cli.queries.new_tables import read_tables
from favae_cli.queries.samples import Samples
from favae_cli.tasks.trained_run.annotated_output import file_to_copy, write_annotated
from favae_cli.tasks.trained_run.written_files import save_images, save_sequences, save_table, write_table
from favae_cli.training.trained_run import TrainedRun


def use(config: PredictConfig, trained: TrainedRun, directory: Path) -> None:
    """Write predicted.csv, a row a sample; factors.csv; and images and sequences in files of their own.

    Raises:
        UserError: a run of other data than files, a mistake in the files, or no such view, column or output.
    """
    wanted = _wanted(config.to, trained)
    annotated = config.output if config.output is not None and config.output.suffix.lower() in ANNOTATED else None
    copied = None if annotated is None else file_to_copy(annotated, config.input)
    data = read_tables(config.input, trained, config.cache)
    tables, scores = [], []
    names = np.array(Samples(data, np.arange(len(data.keys))).names, object)  # of files, each once
    for begin in range(0, len(data.keys), AT_A_TIME):
        samples = Samples(data, np.arange(begin, min(begin + AT_A_TIME, len(data.keys))))
        given = Given.of_samples(trained.factors, data, samples.indices)
        scores.append(factor_scores(given, samples.keys, data.key))
        found = _predicted(trained, samples, given, [*wanted], config.interval, directory, names)
        found = [part for part in found if (columns := wanted[part.view]) is None or part.name in columns]
        tables.append(filled_table(found, samples.keys, data.key))
    factors = pd.concat(scores, ignore_index=True)
    save_table(directory, "factors", factors, config.format)
    if len(tables[0].columns) > 1:
        table = pd.concat(tables, ignore_index=True)
        if config.output is None or annotated is not None:
            save_table(directory, "predicted", table, config.format)
        else:
            require_place(config.output, config.overwrite)  # it may have come there meanwhile
            write_table(config.output, table)
    if annotated is not None:
        write_annotated(annotated, config.overwrite, trained, data, trained.config.data, factors, copied)


def _wanted(to: Sequence[str] | None, trained: TrainedRun) -> dict[str, set[str] | None]:
    """By view, the columns to predict; None: all of it."""
    variables = {name: {parted(column)[0] for column in view.columns} for name, view in trained.views.items()}
    wanted: dict[str, set[str] | None] = {}
    for name in trained.views if to is None else to:
        if name in trained.views:
            wanted[name] = None
            continue
        owners = [view for view, columns in variables.items() if name in columns]
        if not owners:
            known = [*trained.views, *chain.from_iterable(sorted(columns) for columns in variables.values())]
            raise UserError(f"to: the run has no view or column {name!r}; {did_you_mean(name, known)}")
        for view in owners:
            if (asked := wanted.setdefault(view, set())) is not None:
                asked.add(name)
    return wanted


def _predicted(
    trained: TrainedRun,
    samples: Samples,
    given: Given,
    views: Sequence[str],
    level: float,
    directory: Path,
    names: np.ndarray,
) -> list[Variable]:
    """Variables of tables and texts; images and sequences are written."""
    found: list[Variable] = []
    for name in views:
        part, embedding = trained.views[name], embedding_of(samples, given, name)
        if part.is_image:
            lacking = np.flatnonzero(~samples.data.views[name].present[samples.indices])
            if len(lacking):
                made = trained.factors.views[name].decode(embedding.mean[lacking])
                save_images(directory / "images" / name, names[samples.indices[lacking]].tolist(), made)
        elif part.is_sequence:
            begin = samples.indices[0]
            file = directory / (f"{name}-{begin + 1}.npz" if begin else f"{name}.npz")
            save_sequences(file, made_of(trained.factors, samples, embedding, name), samples)
        else:
            made_table = made_of(trained.factors, samples, embedding, name)
            found += variables(made_table, samples.data.views[name], level)
    return found
