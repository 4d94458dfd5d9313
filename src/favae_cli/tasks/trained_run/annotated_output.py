"""The factors of samples in a copy of the AnnData or MuData file that they are of, or in a new one, or one for MOFA."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.files import replacing
from favae_cli.config.choices import DataConfig
from favae_cli.config.own_files import ANNOTATED, MOFA, ManifestConfig
from favae_cli.config.trained_run_tasks import require_place
from favae_cli.data import Dataset
from favae_cli.data.files.annotated_results import Results, annotate_file, new_file
from favae_cli.data.files.mofa_results import write_mofa
from favae_cli.queries.factor_reading import factor_use
from favae_cli.queries.weights import weights_of
from favae_cli.training.trained_run import TrainedRun

logger = logging.getLogger(__name__)


def annotated_among(files: Sequence[Path]) -> Path | None:
    """The only AnnData or MuData file among some."""
    found = [path for path in dict.fromkeys(files) if path.suffix.lower() in ANNOTATED]
    return found[0] if len(found) == 1 else None


def files_of(section: DataConfig) -> list[Path]:
    """The files that the views are read from."""
    return [section.root / file for file in section.files().values()] if isinstance(section, ManifestConfig) else []


def file_to_copy(output: Path, files: Sequence[Path]) -> Path | None:
    """The file of which `output` is to be a copy, the only AnnData or MuData file among some; None: it is to be new.

    Args:
        output: of the suffix of that file, .h5mu or that of MOFA.
        files: that the samples are from.

    Raises:
        UserError: there is nothing to copy where a copy is asked for.
    """
    source, suffix = annotated_among(files), output.suffix.lower()
    if source is not None and source.suffix.lower() == suffix:
        return source
    if suffix not in (".h5mu", MOFA):
        raise UserError(
            f"output: a {output.suffix} file is made as a copy of one, and the data are no such file; name it .h5mu"
        )
    return None


def write_annotated(
    output: Path,
    overwrite: bool,
    trained: TrainedRun,
    data: Dataset,
    section: DataConfig,
    scores: pd.DataFrame,
    copied: Path | None,
) -> None:
    """Write `output`.

    Args:
        output: an AnnData, MuData or MOFA file.
        overwrite: whether it may be there.
        trained: with factors.
        data: of the samples.
        section: that they were read by.
        scores: of the samples, as `factor_scores` gives them.
        copied: as `file_to_copy` has it.

    Raises:
        UserError: there is no place for it, or no sample in the file.
        OSError: it cannot be written.
    """
    results = results_of(trained, scores)
    require_place(output, overwrite)  # it may have come there meanwhile
    output.parent.mkdir(parents=True, exist_ok=True)
    with _told_of(output), replacing(output) as unfinished:
        if output.suffix == MOFA:
            write_mofa(unfinished, data, results)
        elif copied is None:
            new_file(unfinished, data, replace(results, places={}))  # its modalities are called as the views
        else:
            shutil.copyfile(copied, unfinished)
            annotate_file(unfinished, results, section.key if isinstance(section, ManifestConfig) else None)
    logger.info("%-10s %s (%s)", "annotated", output, f"a copy of {copied}" if copied else "new")


@contextmanager
def _told_of(output: Path) -> Iterator[None]:
    """An error of the system names `output`, not where it is written until it is whole."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(output)) from error


def results_of(trained: TrainedRun, scores: pd.DataFrame) -> Results:
    """What the model found, for a file with these samples."""
    model, factors = trained.factors, trained.factors.joined
    found = {name: weights_of(view, factors.views[name], trained.views[name]) for name, view in model.views.items()}
    each = [f"factor_{factor}" for factor in range(factors.factors)]
    return Results(
        names=scores.iloc[:, 0].to_numpy(object),
        scores=scores[each].to_numpy(float),
        deviations=scores[[f"{name}_std" for name in each]].to_numpy(float),
        weights={name: (part.columns, part.weight) for name, part in found.items() if part is not None},
        places=_places(trained),
        explained=factors.relevance,
        uses=[factor_use(factors, factor) for factor in range(factors.factors)],
    )


def _places(trained: TrainedRun) -> dict[str, str]:
    """By view of a matrix, the modality that it was read from."""
    section = trained.config.data
    if not isinstance(section, ManifestConfig):
        return {}
    arrays = {name: getattr(section.views[source], "array", None) for name, source in trained.config.sources.items()}
    return {name: array.partition("/")[0] for name, array in arrays.items() if array and "/" in array}
