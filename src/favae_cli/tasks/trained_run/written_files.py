"""What the use of a trained run leaves behind: images, grids of them, and tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from favae_cli.common.files import replacing
from favae_cli.queries.impute import Made
from favae_cli.queries.samples import Samples
from favae_cli.reporting.grids import as_stored, image_grid
from favae_cli.reporting.style import save

logger = logging.getLogger(__name__)


def save_images(folder: Path, names: Sequence[str], images: np.ndarray) -> None:
    """Each of the images (R, H, W, C) in [0, 1] as `folder`/<name>.png, pixel by pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, as_stored(images), strict=True):
        with replacing(folder / f"{name}.png") as file:
            Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(file, "png")
    logger.info("%-10s %s (%d)", "images", folder, len(images))


def save_grid(
    file: Path, rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str] = (), titles: Sequence[str] = ()
) -> None:
    """Images in rows and columns as a PNG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save(image_grid(rows, labels, titles), file)
    logger.info("%-10s %s", "figure", file)


def save_table(directory: Path, name: str, table: pd.DataFrame, form: str) -> None:
    """The table as `directory`/<name>.csv or .parquet."""
    write_table(directory / f"{name}.{form}", table)


def write_table(file: Path, table: pd.DataFrame) -> None:
    """The table as a CSV or Parquet file, as the name of the file says; its folder is made where there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as unfinished:
        if file.suffix == ".parquet":
            table.to_parquet(unfinished, index=False)
        else:
            table.to_csv(unfinished, index=False)
    logger.info("%-10s %s (%d rows)", "table", file, len(table))


def save_sequences(file: Path, made: Made, samples: Samples) -> None:
    """The samples that lack anything: key (S,), value and std (S, T, C), NaN past the end, and names of channels."""
    rows = np.flatnonzero(made.missing.any(axis=(1, 2)))
    if not len(rows):
        return
    assert made.deviation is not None
    missing, known = made.missing[rows], made.known[rows]
    value = np.where(missing, made.value[rows], known)
    std = np.where(missing, made.deviation[rows], np.where(np.isnan(known), np.nan, 0))
    columns = np.array(samples.data.views[made.view].columns)
    with replacing(file) as unfinished, unfinished.open("wb") as sink:
        np.savez_compressed(sink, key=np.array(samples.keys)[rows], value=value, std=std, columns=columns)
    logger.info("%-10s %s (%d)", "sequences", file, len(rows))
