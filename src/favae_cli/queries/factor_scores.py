"""Where samples stand on each factor, and who stands near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from favae_cli.data import Dataset
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given

AT_A_TIME = 10_000  # samples in memory beside what is found of them


def factor_scores(given: Given, keys: Sequence[str], key: str = "key") -> pd.DataFrame:
    """A row a sample: its key, then mean and standard deviation of g given all that the sample has.

    Args:
        given: N samples.
        keys: (N,) what they are called.
        key: name of the column of these.

    Returns:
        Columns `key`, and for each of the K factors "factor_0" and "factor_0_std", in units of the prior, which has
        mean 0 and deviation 1.
    """
    mean = given.latents()
    deviation = np.sqrt(np.diagonal(given.spreads(), axis1=1, axis2=2))
    columns: dict[str, np.ndarray] = {key: np.array(keys, dtype=object)}
    for factor in range(mean.shape[1]):
        columns |= {f"factor_{factor}": mean[:, factor], f"factor_{factor}_std": deviation[:, factor]}
    return pd.DataFrame(columns)


def all_factor_scores(model: FAVAE, data: Dataset, indices: np.ndarray) -> pd.DataFrame:
    """As `factor_scores`, of the samples `indices` of a data set given all that they have, some at a time."""
    parts = [indices[start : start + AT_A_TIME] for start in range(0, max(len(indices), 1), AT_A_TIME)]
    tables = [factor_scores(Given.of_samples(model, data, part), data.keys[part].tolist(), data.key) for part in parts]
    return pd.concat(tables, ignore_index=True)


def neighbours(latent: np.ndarray, of: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of latent (N, K) that are nearest to a point (K,), the nearest first, and how far they are."""
    distance = np.linalg.norm(latent - of, axis=1)
    nearest = np.argsort(distance, kind="stable")[:count]
    return nearest, distance[nearest]
