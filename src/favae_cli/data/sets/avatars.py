"""Faces that the program draws itself, in two styles, from factors that are known: data without a download.

Sample i of a seed is the same person whatever the number of samples, the picture size or the style.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

from favae_cli.common.files import take_room
from favae_cli.config.data_sets import HAIR_COLOURS
from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.drawn_faces.faces import draw
from favae_cli.data.drawn_faces.styles import STYLES
from favae_cli.data.images.cache import make_folder
from favae_cli.data.images.seal import flaw, not_written, put
from favae_cli.data.masked_tables import require_columns
from favae_cli.data.sets.random_gaps import hidden_rows, uniform
from favae_cli.data.split import split_indices

if TYPE_CHECKING:
    from favae_cli.config.data_sets import AvatarsConfig

log = logging.getLogger(__name__)

DRAWING_VERSION = 2  # part of the cache key: raise it with every change that alters a picture
CHUNK = 32  # pictures drawn at once: small enough that the planes stay in a core's cache

ATTRIBUTE_SOURCE = "attributes"

# Share of people with the attribute: women, men.
_SHARES = {
    "Smiling": (0.55, 0.45),
    "Eyeglasses": (0.35, 0.45),
    "Wearing_Lipstick": (0.50, 0.15),
    "Wearing_Hat": (0.30, 0.35),
}
# Uniform between the two bounds. Without a unit the number only has a meaning in the drawing.
_RANGES = {
    "skin_tone": (0.0, 1.0),
    "face_width": (-1.0, 1.0),
    "eye_colour": (0.0, 1.0),
    "hair_shade": (-1.0, 1.0),
    "hair_length": (0.0, 1.0),
    "fringe": (0.0, 1.0),
    "parting": (-1.0, 1.0),
    "curl": (0.0, 1.0),
    "beard": (0.0, 1.0),
    "rotation": (-0.13, 0.13),  # radians
    "shift_x": (-1.0, 1.0),
    "shift_y": (-1.0, 1.0),
    "scale": (1.0, 1.1),
    "light": (-1.0, 1.0),
    "background": (0.0, 1.0),  # turns of the colour wheel, as are clothing and hat
    "background_tone": (0.0, 1.0),
    "clothing": (0.0, 1.0),
    "hat": (0.0, 1.0),
}


def draw_factors(samples: int, seed: int) -> dict[str, np.ndarray]:
    """The factors of `samples` people, a column each: the first n of a seed do not depend on `samples`.

    Binary factors are bool, `hair_colour` is an int64 index into `HAIR_COLOURS`, the others are float32.
    Lipstick is rarer among men, the remaining attributes lean on gender mildly; all else is independent.
    """
    factors = {"Male": uniform("Male", samples, seed) < 0.5}
    for name, (women, men) in _SHARES.items():
        factors[name] = uniform(name, samples, seed) < np.where(factors["Male"], men, women)
    factors["hair_colour"] = (uniform("hair_colour", samples, seed) * len(HAIR_COLOURS)).astype(np.int64)
    for name, (low, high) in _RANGES.items():
        factors[name] = (low + (high - low) * uniform(name, samples, seed)).astype(np.float32)
    return factors


def attribute_table(factors: Mapping[str, np.ndarray], names: Iterable[str]) -> np.ndarray:
    """float32 (N, len(names)) of zeros and ones."""
    hair = {name: factors["hair_colour"] == index for index, name in enumerate(HAIR_COLOURS)}
    columns = {**factors, **hair}
    return np.stack([columns[name] for name in names], axis=1).astype(np.float32)


def load(config: AvatarsConfig, cache: Path, seed: int) -> Dataset:
    """Draw the data set, or take its pictures from `cache`.

    Args:
        config: the validated data config.
        cache: folder for the drawn pictures; made if need be.
        seed: of the run, unused: `config.seed` decides on people, gaps and split, so that runs share them.

    Raises:
        UserError: for an attribute that nobody or everybody has.
    """
    factors = draw_factors(config.samples, config.seed)
    row = hidden_rows(config.samples, config.views, config.missing, config.seed)
    split = split_indices(config.samples, config.split, seed=config.seed)
    views, notes = {}, []
    # Tables first: what is wrong with them should not wait for the drawing.
    for name, source in sorted(config.views.items(), key=lambda item: item[1] != ATTRIBUTE_SOURCE):
        if config.use is not None and name not in config.use:
            continue
        if source == ATTRIBUTE_SOURCE:
            table = attribute_table(factors, config.attributes)
            views[name] = ViewData(table, row[name], tuple(config.attributes))
            lines = require_columns(views[name], split["train"], "data.attributes")
            notes += [f"{name}: {line}" for line in lines]
        else:
            views[name] = ViewData(_pictures(factors, source, config.size, config.seed, cache), row[name])
    keys = np.array([f"avatar-{index:06d}" for index in range(config.samples)])
    in_order = {name: views[name] for name in config.views if name in views}
    return Dataset("avatars", keys, in_order, split, factors, tuple(notes))


def _pictures(factors: Mapping[str, np.ndarray], style: str, size: int, seed: int, cache: Path) -> np.ndarray:
    """The pictures of everybody in one style, uint8 (N, size, size, 3), memory-mapped from the cache."""
    samples, shape = len(factors["Male"]), (len(factors["Male"]), size, size, 3)
    recipe = {"version": DRAWING_VERSION, "style": style, "size": size, "samples": samples, "seed": seed}
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    path = cache / f"avatars-{digest}.npy"
    make_folder(cache)
    with FileLock(path.with_suffix(".lock")):
        wrong = flaw(path, shape) if path.exists() else None
        if wrong:
            log.warning("cache: %s is drawn anew: %s", path, wrong)
        if wrong or not path.exists():
            unfinished = path.with_suffix(".unfinished")
            try:
                _draw_to(unfinished, factors, style, size)
                put(unfinished, path)
            except OSError as error:
                raise not_written(path, shape, error) from error
            finally:
                unfinished.unlink(missing_ok=True)
    pictures: np.ndarray = np.load(path, mmap_mode="r")
    return pictures


def _draw_to(path: Path, factors: Mapping[str, np.ndarray], style: str, size: int) -> None:
    samples = len(factors["Male"])
    log.info("drawing %d %s avatars of %d x %d pixels", samples, style, size, size)
    started = time.perf_counter()
    pictures = np.lib.format.open_memmap(path, "w+", np.uint8, (samples, size, size, 3))
    take_room(path, pictures.offset + pictures.nbytes)
    for start in range(0, samples, CHUNK):
        chunk = slice(start, start + CHUNK)
        pictures[chunk] = draw({name: column[chunk] for name, column in factors.items()}, STYLES[style], size)
    pictures.flush()
    log.info("drew %d %s avatars in %.1f s", samples, style, time.perf_counter() - started)
