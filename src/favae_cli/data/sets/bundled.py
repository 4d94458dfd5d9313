"""Small tables that come with scikit-learn, as numbers and categories with holes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn import datasets

from favae_cli.data.dataset import Dataset
from favae_cli.data.kinds.categorical import one_hot
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.sets.random_gaps import dataset_with_holes

if TYPE_CHECKING:
    from favae_cli.config.data_sets import BundledConfig

LABELS = {"wine": "cultivar", "breast_cancer": "diagnosis", "iris": "species"}


def load(config: BundledConfig, cache: Path, seed: int) -> Dataset:
    """The data set that configs/data/bundled.yaml describes.

    Its views are `numbers` and `categories`: the class of each sample, or of diabetes the sex, where what is to be
    predicted, the progression of the disease, is one of the numbers.

    Args:
        config: the validated data config.
        cache: unused, for nothing is decoded.
        seed: of the run, unused: `config.seed` decides on gaps and split, so that runs share them.
    """
    numbers, categories = _diabetes() if config.set == "diabetes" else _classified(config.set)
    columns = [name.replace("/", "_") for name in numbers]  # a slash would split the names of metrics
    views = {
        "numbers": masked_view(np.stack([*numbers.values()], axis=1), columns),
        "categories": one_hot(categories),
    }
    return dataset_with_holes(config.set, views, config)


def _classified(name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    found = getattr(datasets, f"load_{name}")()
    numbers = dict(zip(found.feature_names, found.data.T, strict=True))
    return numbers, {LABELS[name]: found.target_names[found.target].astype(object)}


def _diabetes() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    found = datasets.load_diabetes(scaled=False)
    numbers = dict(zip(found.feature_names, found.data.T, strict=True)) | {"progression": found.target}
    return numbers, {"sex": numbers.pop("sex").astype(int).astype(str).astype(object)}
