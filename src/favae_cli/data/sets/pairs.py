"""CelebA faces and Cartoon Set drawings as views of the same samples: pairs that agree in hair colour and the like.

The pairing is that of the paper's domain adaptation (section 3.2, appendix A.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import SPLITS, Dataset, ViewData
from favae_cli.data.masked_tables import masked_view, require_columns
from favae_cli.data.sets import cartoonset, celeba
from favae_cli.data.sets.image_collection import Listing
from favae_cli.data.sets.pairing import classify, combine, draw_pairs

if TYPE_CHECKING:
    from favae_cli.config.data_sets import PairedClass, PairingConfig, PairsConfig

Groups = Mapping[str, Mapping[str, "PairedClass"]]


def load(config: PairsConfig, cache: Path, seed: int) -> Dataset:
    """Build the views `face`, `cartoon` and `attributes` that configs/data/celeba_cartoon.yaml describes.

    Each side is split before it is paired, so that no image is in two splits. Only paired images are decoded.

    Args:
        config: the validated data config.
        cache: folder for decoded images.
        seed: the run's seed; draws the pairs where `pairing.seed` is null, and splits where a `split.seed` is.

    Raises:
        UserError: what `find` of celeba.py and cartoonset.py raises, an attribute, column or variant that the data
            lack, a split without a pair, a constant attribute, or a bad image with `on_bad_image: stop`.
    """
    by, shown = config.pairing.by, config.loaded_sides()
    faces = celeba.find(config.faces, seed, "data.faces")
    cartoons = cartoonset.find(config.cartoons, seed, "data.cartoons")
    face_classes, face_notes = _classes("faces", faces, celeba.shows, by)
    cartoon_classes, cartoon_notes = _classes("cartoons", cartoons, cartoonset.shows, by)

    sizes = tuple(len(members) for members in by.values())
    combinations = combine(face_classes, sizes), combine(cartoon_classes, sizes)
    pairs, split, notes = _draw((faces, cartoons), combinations, config.pairing, seed)
    notes = [*faces.notes, *face_notes, *cartoons.notes, *cartoon_notes, *notes]

    views: dict[str, ViewData] = {}
    if "face" in shown:
        views["face"], lines = faces.read(pairs[0], config.faces, cache, "data.faces")
        notes += [f"face: {line}" for line in lines]
    if "cartoon" in shown:
        views["cartoon"], lines = cartoons.read(pairs[1], config.cartoons, cache, "data.cartoons")
        notes += [f"cartoon: {line}" for line in lines]
    if "attributes" in shown:
        found = face_classes[pairs[0]]
        columns = {name: found[:, g] == c for g, members in enumerate(by.values()) for c, name in enumerate(members)}
        values = np.stack([columns[name] for name in config.attributes], axis=1)
        views["attributes"] = masked_view(values, config.attributes)
        lines = require_columns(views["attributes"], split["train"], "data.attributes")
        notes += [f"attributes: {line}" for line in lines]
    keys = np.char.add(np.char.add(faces.keys[pairs[0]], "+"), cartoons.keys[pairs[1]])
    return Dataset("celeba_cartoon", keys, views, split, notes=tuple(notes))


def _classes(
    side: Literal["faces", "cartoons"],
    images: Listing,
    shows: Callable[[Listing, Any, str], np.ndarray],
    by: Groups,
) -> tuple[np.ndarray, list[str]]:
    """The class of every image in each of the G groups: (N, G) as `classify`, and a note on the images without."""
    classes, notes = [], []
    for group, members in by.items():
        named = {
            name: shows(images, wanted, f"data.pairing.by.{group}.{name}.{side}")
            for name, member in members.items()
            if (wanted := getattr(member, side))
        }
        rest = ~np.any([*named.values()], axis=0)
        belongs = np.stack([named.get(name, rest) for name in members], axis=1)
        classes.append(classify(belongs))
        several = np.sum(belongs.sum(axis=1) > 1)
        none = np.sum(~belongs.any(axis=1))
        if none or several:
            options = ", ".join(members)
            notes.append(
                f"{side} left out for their {group}: {none} are none of {options}, {several} are more than one"
            )
    return np.stack(classes, axis=1), notes


def _draw(
    images: tuple[Listing, Listing], combinations: tuple[np.ndarray, np.ndarray], config: PairingConfig, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    """Pair each split by itself.

    Args:
        images: the faces and the cartoons.
        combinations: that of each of them, (N,) and (M,), -1 for an image to leave out.
        config: how many pairs, and of what.
        seed: the run's seed.

    Returns:
        Indices of the face and the cartoon of each pair, (2, P); the pairs in each split; notes on their number.
    """
    seed = seed if config.seed is None else config.seed
    names = ["+".join(combination) for combination in product(*config.by.values())]
    parts: list[np.ndarray] = []
    notes = []
    for number, part in enumerate(SPLITS):
        left, right = (_only(codes, side.split[part]) for codes, side in zip(combinations, images, strict=True))
        wanted = getattr(config.count, part)
        pairs = draw_pairs(left, right, wanted, config.balanced, np.random.default_rng([seed, number]))
        count = pairs.shape[1]
        if count == 0:
            raise UserError(f"data.pairing: no pair in the {part} split; none of {', '.join(names)} is on both sides")
        parts.append(pairs)
        kinds = np.bincount(left[pairs[0]], minlength=len(names))
        shown = ", ".join(f"{kind} {name}" for kind, name in zip(kinds, names, strict=True))
        faces, cartoons = (len(np.unique(side)) for side in pairs)
        short = f", not {wanted}," if count < wanted else ""
        notes.append(f"{part}: {count} pairs{short} of {faces} faces and {cartoons} cartoons ({shown})")
    ends = np.cumsum([pairs.shape[1] for pairs in parts])
    split = dict(zip(SPLITS, np.split(np.arange(ends[-1]), ends[:-1]), strict=True))
    return np.concatenate(parts, axis=1), split, notes


def _only(combinations: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """`combinations` (N,) with -1 for all but `indices`."""
    kept = np.full_like(combinations, -1)
    kept[indices] = combinations[indices]
    return kept
