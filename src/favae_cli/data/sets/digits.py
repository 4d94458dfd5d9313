"""scikit-learn's handwritten digits, as pictures and as three descriptions of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

from favae_cli.data.dataset import Dataset, ViewData
from favae_cli.data.kinds.categorical import one_hot
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.sets.random_gaps import dataset_with_holes

if TYPE_CHECKING:
    from favae_cli.config.data_sets import DigitsConfig

SIDE = 8  # pixels
BRIGHTEST = 16
# |F(u, v)| = |F(-u, -v)| for a real image, so that these are all that differ.
FREQUENCIES = [(u, v) for v in range(SIDE // 2 + 1) for u in range(SIDE) if v not in (0, SIDE // 2) or u <= SIDE // 2]


def load(config: DigitsConfig, cache: Path, seed: int) -> Dataset:
    """The data set that configs/data/digits.yaml describes.

    Its views are `image`, uint8 (R, 8, 8, 1); `fourier`, the magnitudes of the 34 frequencies; `profile`, the sums of
    the 8 rows and 8 columns; and `label`, one of 10 digits.

    Args:
        config: the validated data config.
        cache: unused, for nothing is decoded.
        seed: of the run, unused: `config.seed` decides on gaps and split, so that runs share them.
    """
    bundled = load_digits()
    ink = bundled.images / BRIGHTEST
    views = {
        "image": ViewData(np.round(255 * ink[..., None]).astype(np.uint8), np.arange(len(ink))),
        "fourier": _fourier(ink),
        "profile": _profile(ink),
        "label": one_hot({"digit": bundled.target.astype(str).astype(object)}),
    }
    return dataset_with_holes("digits", views, config)


def _fourier(ink: np.ndarray) -> ViewData:
    magnitude = np.abs(np.fft.fft2(ink))
    values = np.stack([magnitude[:, u, v] for u, v in FREQUENCIES], axis=1)
    return masked_view(values, [f"frequency_{u}_{v}" for u, v in FREQUENCIES])


def _profile(ink: np.ndarray) -> ViewData:
    names = [f"{what}_{index}" for what in ("row", "column") for index in range(SIDE)]
    return masked_view(np.concatenate([ink.sum(axis=2), ink.sum(axis=1)], axis=1), names)
