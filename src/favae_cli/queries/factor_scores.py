"""Where samples stand on each factor, and who stands near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from favae_cli.queries.factor_reading import Reading
from favae_cli.queries.given import Given


def factor_scores(given: Given, keys: Sequence[str], key: str = "key") -> pd.DataFrame:
    """A row a sample: its key, then mean and standard deviation of g given all that the sample has.

    Args:
        given: N samples.
        keys: (N,) what they are called.
        key: name of the column of these.

    Returns:
        Columns `key`, and for each of the K factors "factor_1" and "factor_1_std", in units of the prior, which has
        mean 0 and deviation 1.
    """
    mean = given.latents()
    deviation = np.sqrt(np.diagonal(given.spreads(), axis1=1, axis2=2))
    columns: dict[str, np.ndarray] = {key: np.array(keys, dtype=object)}
    for factor in range(mean.shape[1]):
        columns |= {f"factor_{factor + 1}": mean[:, factor], f"factor_{factor + 1}_std": deviation[:, factor]}
    return pd.DataFrame(columns)


def scores(reading: Reading) -> pd.DataFrame:
    """A row a sample: its key, and the mean of each factor of g, "g0" that of factor 0."""
    latent = pd.DataFrame(reading.latent, columns=[f"g{factor}" for factor in range(reading.latent.shape[1])])
    latent.insert(0, "key", reading.data.keys[reading.indices].astype(str).astype(object))
    return latent


def neighbours(latent: np.ndarray, of: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of latent (N, K) that are nearest to a point (K,), the nearest first, and how far they are."""
    distance = np.linalg.norm(latent - of, axis=1)
    nearest = np.argsort(distance, kind="stable")[:count]
    return nearest, distance[nearest]
