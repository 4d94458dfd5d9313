"""CelebA in its official layout, complete or any part of it: a face and its attributes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.common.vision import torchvision
from favae_cli.data.dataset import SPLITS, Dataset
from favae_cli.data.sets.image_collection import Listing, draw_some
from favae_cli.data.split import split_indices

if TYPE_CHECKING:
    from favae_cli.config.data_sets import CelebAConfig, CelebAFiles, CelebASplitConfig

log = logging.getLogger(__name__)

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
SITE = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
HOW_TO_GET = f"get {IMAGES}.zip, {ATTRIBUTES} and {PARTITION} from {SITE} and unpack there"


def load(config: CelebAConfig, cache: Path, seed: int) -> Dataset:
    """Build the views `face` (image) and `attributes` (binary) that configs/data/celeba.yaml describes.

    Args:
        config: the validated data config.
        cache: folder for decoded images.
        seed: the run's seed; draws and splits the samples where `split.seed` is null.

    Raises:
        UserError: missing files, an unknown attribute or one that is constant, a bad image with
            `on_bad_image: stop`; the message names it.
    """
    faces = find(config, seed)
    attributes = {name: shows(faces, [name], "data.attributes") for name in config.attributes}
    return faces.dataset(config, "face", attributes, cache)


def find(config: CelebAFiles, seed: int, key: str = "data") -> Listing:
    """The images in the folder that the attribute list names, with all their attributes as bool.

    Of these `config.images` are drawn at random, by the seed of the split, so that every run uses the same ones.

    Args:
        config: where the files are, how many to take and how to split them.
        seed: the run's seed; draws and splits where `split.seed` is null.
        key: the section of the config that this is, for messages.

    Raises:
        UserError: missing or damaged files, or a split that stays empty.
    """
    folder = _folder(config, key)
    listed = _attributes(folder / ATTRIBUTES)
    names, notes = _samples(folder / IMAGES, listed.index, key)
    seed = seed if config.split.seed is None else config.split.seed
    names = names[draw_some(len(names), config.images, seed)]
    split, lines = _split(folder / PARTITION, names, config.split, seed, key)
    return Listing(folder / IMAGES, listed.loc[names], split, (*notes, *lines))


def shows(faces: Listing, attributes: Sequence[str], key: str) -> np.ndarray:
    """bool (N,): which faces have any of `attributes`.

    Raises:
        UserError: the list has no such attribute; `key` is the config key that asked for it.
    """
    for name in attributes:
        if name not in faces.labels:
            raise UserError(
                f"{key}: no attribute {name!r}; {did_you_mean(name, faces.labels.columns)} (in {ATTRIBUTES})"
            )
    return np.any(faces.labels[list(attributes)].to_numpy(bool), axis=1)


def _folder(config: CelebAFiles, key: str) -> Path:
    """The folder with the official layout: `root`, or `celeba` in it, where torchvision puts it."""
    root = config.root
    found = _complete(root)
    if found is None and config.download:
        _download(root, key)
        found = _complete(root)
    if found is None:
        missing = [name for name in (f"{IMAGES}/", ATTRIBUTES) if not (root / name).exists()]
        lacking = " and ".join(missing)
        raise UserError(f"{key}.root: {root} does not hold {lacking}; {HOW_TO_GET}, or set {key}.download=true")
    return found


def _complete(root: Path) -> Path | None:
    for folder in (root, root / "celeba"):
        if (folder / IMAGES).is_dir() and (folder / ATTRIBUTES).is_file():
            return folder
    return None


def _download(root: Path, key: str) -> None:
    log.info("Downloading CelebA to %s", root / "celeba")
    try:
        torchvision().datasets.CelebA(str(root), split="all", download=True)
    except Exception as error:  # the download tool's errors have no base of their own
        raise UserError(
            f"{key}.download: torchvision could not fetch CelebA ({error}); the server often refuses: "
            f"get the files by hand from {SITE} and unpack them in {root}"
        ) from error


def _attributes(path: Path) -> pd.DataFrame:
    """The attributes as bool, one row for each file name in the list.

    The list holds the number of images, a line with the names, then a file name and -1 or 1 for each.
    """
    with path.open(encoding="utf-8") as file:
        file.readline()
        names = file.readline().split()
    table = _read(path, skip=2)
    if table.shape[1] != len(names):
        raise UserError(f"{path}: line 2 names {len(names)} attributes, but the rows hold {table.shape[1]}")
    table.columns = pd.Index(names)
    wrong = ~table.isin((-1, 1)).to_numpy()
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = table.iloc[row, column]
        raise UserError(f"{path}: {names[column]} of {table.index[row]} is {value}; use -1 or 1")
    return table == 1


def _read(path: Path, skip: int) -> pd.DataFrame:
    """A list of CelebA: file names as the index, a column for each value after them."""
    try:
        table = pd.read_csv(path, sep=r"\s+", skiprows=skip, header=None, index_col=0)
    except ValueError as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if table.index.has_duplicates:
        raise UserError(f"{path}: {table.index[table.index.duplicated()][0]} is listed twice")
    return table


def _samples(folder: Path, listed: pd.Index, key: str) -> tuple[np.ndarray, list[str]]:
    """File names that are in the folder and in the list, in the order of the list."""
    there = {entry.name for entry in os.scandir(folder)}
    names = np.array([name for name in listed if name in there], dtype=object)
    if names.size == 0:
        raise UserError(
            f"{key}.root: none of the {len(listed)} images that {ATTRIBUTES} lists is in {folder}, not even {listed[0]}"
        )
    notes = []
    if names.size < len(listed):
        notes.append(f"{len(listed) - names.size} of {len(listed)} listed images are not in {folder}")
    return names, notes


def _split(
    path: Path, names: np.ndarray, config: CelebASplitConfig, seed: int, key: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The official split where it is wanted and covers the samples, else a random one, and why."""
    if not config.official:
        return split_indices(len(names), config, seed=seed, key=key), []
    reason = f"there is no {PARTITION}"
    if path.is_file():
        labels = _read(path, skip=0).iloc[:, 0].astype(str).reindex(names)
        if labels.isna().any():
            reason = f"{PARTITION} does not list {labels.index[labels.isna()][0]}"
        elif labels.nunique() < len(SPLITS):
            reason = f"the images are from part {', '.join(sorted(labels.unique()))} of 0, 1 and 2 only"
        else:
            return split_indices(len(names), config, seed=seed, column=labels.to_numpy(), key=key), []
    return split_indices(len(names), config, seed=seed, key=key), [f"random split: {reason}"]
