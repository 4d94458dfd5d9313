"""The Cartoon Set in its official layout: drawn faces, and beside each which variants it was put together from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.data.dataset import Dataset
from favae_cli.data.sets.image_collection import Listing, draw_some
from favae_cli.data.split import split_indices

if TYPE_CHECKING:
    from favae_cli.config.data_sets import CartoonFiles, CartoonSetConfig

FOLDERS = ("cartoonset10k", "cartoonset100k")
SITE = "https://google.github.io/cartoonset/download.html"
LINE = re.compile(r'\s*"?(?P<name>\w+)"?\s*,\s*(?P<index>\d+)\s*,\s*(?P<variants>\d+)\s*')


def load(config: CartoonSetConfig, cache: Path, seed: int) -> Dataset:
    """Build the views `cartoon` (image) and `attributes` (binary) that configs/data/cartoonset.yaml describes.

    Args:
        config: the validated data config.
        cache: folder for decoded images.
        seed: the run's seed; draws and splits the samples where `split.seed` is null.

    Raises:
        UserError: no images, a damaged .csv, an unknown column or variant, a constant attribute, a bad image with
            `on_bad_image: stop`; the message names it.
    """
    cartoons = find(config, seed)
    attributes = {
        name: shows(cartoons, wanted, f"data.attributes.{name}") for name, wanted in config.attributes.items()
    }
    return cartoons.dataset(config, "cartoon", attributes, cache)


def find(config: CartoonFiles, seed: int, key: str = "data") -> Listing:
    """The PNG files with a .csv beside them; the labels are categories, of which each column has all variants.

    Of these `config.images` are drawn at random, by the seed of the split, so that every run uses the same ones.

    Args:
        config: where the files are, how many to take and how to split them.
        seed: the run's seed; draws and splits where `split.seed` is null.
        key: the section of the config that this is, for messages.

    Raises:
        UserError: no such files, a damaged .csv, or a split that stays empty.
    """
    folder, names = _images(config.root, key)
    described = {path.with_suffix("") for path in _files(folder, ".csv")}
    lacking = [name for name in names if (folder / name).with_suffix("") not in described]
    if len(lacking) == len(names):
        raise UserError(f"{key}.root: none of the {len(names)} PNG files in {folder} has a .csv of its name beside it")
    notes = []
    if lacking:
        notes.append(f"{len(lacking)} of {len(names)} images left out, without a .csv; the first is {lacking[0]}")
    kept = sorted(set(names) - set(lacking))
    seed = seed if config.split.seed is None else config.split.seed
    kept = [kept[index] for index in draw_some(len(kept), config.images, seed)]
    labels = _labels(folder, kept)
    return Listing(folder, labels, split_indices(len(kept), config.split, seed=seed, key=key), tuple(notes))


def shows(cartoons: Listing, wanted: Mapping[str, Sequence[int]], key: str) -> np.ndarray:
    """bool (N,): which cartoons have, in every column of `wanted`, one of the variants listed.

    Raises:
        UserError: an unknown column, or a variant that it does not have; `key` is the config key that asked for it.
    """
    for column, indices in wanted.items():
        if column not in cartoons.labels:
            raise UserError(f"{key}: no column {column!r}; {did_you_mean(column, cartoons.labels.columns)}")
        variants = len(cartoons.labels[column].cat.categories)
        if max(indices) >= variants:
            raise UserError(
                f"{key}.{column}: no variant {max(indices)}; there are {variants}, from 0 to {variants - 1}"
            )
    return np.all([cartoons.labels[column].isin(indices) for column, indices in wanted.items()], axis=0)


def _images(root: Path, key: str) -> tuple[Path, list[str]]:
    """The folder of one of the releases, and the images in it relative to it, in order."""
    if not root.is_dir():
        raise UserError(f"{key}.root: there is no folder {root}; get {FOLDERS[0]}.tgz from {SITE} and unpack it there")
    for folder in (root, *(root / name for name in FOLDERS)):
        if images := _files(folder, ".png"):
            return folder, [path.relative_to(folder).as_posix() for path in images]
    raise UserError(
        f"{key}.root: no PNG file in {root}, nor in {' or '.join(FOLDERS)} in it; get them from {SITE} and unpack there"
    )


def _files(folder: Path, suffix: str) -> list[Path]:
    """Files in the folder and, as in the release of 100,000, in its subfolders 0 to 9."""
    return sorted(chain(folder.glob(f"*{suffix}"), folder.glob(f"[0-9]/*{suffix}")))


def _labels(folder: Path, names: Sequence[str]) -> pd.DataFrame:
    variants: dict[str, int] = {}
    rows = [_read((folder / name).with_suffix(".csv"), variants) for name in names]
    table = pd.DataFrame(rows, index=pd.Index(names))
    absent = np.argwhere(table.isna().to_numpy())
    if absent.size:
        row, column = absent[0]
        path = (folder / names[row]).with_suffix(".csv")
        raise UserError(f"{path}: has no line for {table.columns[column]}, which other cartoons have")
    return table.astype({name: pd.CategoricalDtype(list(range(number))) for name, number in variants.items()})


def _read(path: Path, variants: dict[str, int]) -> dict[str, int]:
    """The chosen variant of every attribute; their numbers of variants are added to `variants` or held against it."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    chosen = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None:
            raise UserError(f'{path}: line {number} is {line[:60]!r}; use "name", index, number of variants')
        name, index, count = match["name"], int(match["index"]), int(match["variants"])
        if count != variants.setdefault(name, count):
            raise UserError(f"{path}: line {number} gives {name} {count} variants, other cartoons {variants[name]}")
        if index >= count:
            raise UserError(f"{path}: line {number}: {name} has {count} variants from 0, so {index} is none of them")
        chosen[name] = index
    return chosen
