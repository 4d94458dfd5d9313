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


def neighbour_table(
    latent: np.ndarray, keys: Sequence[str], of: np.ndarray, of_keys: Sequence[str], count: int, themselves: bool
) -> pd.DataFrame:
    """For each of the samples `of` a row for each of those that are nearest to it in g, the nearest first.

    Args:
        latent: (N, K) <g> of the samples that may be near.
        keys: (N,) what they are called.
        of: (R, K) <g> of those whose neighbours are asked for.
        of_keys: (R,) what these are called.
        count: neighbours of each, at most.
        themselves: whether one of the same key may be near, as it is another.

    Returns:
        Columns `key`, `neighbour` and `distance`, Euclidean, in standard deviations of the prior of g.
    """
    names, tables = np.array(keys, dtype=object), []
    for key, point in zip(of_keys, of, strict=True):
        distance = np.linalg.norm(latent - point, axis=1)
        order = np.argsort(distance, kind="stable")
        nearest = (order if themselves else order[names[order] != key])[:count]
        tables.append(pd.DataFrame({"key": key, "neighbour": names[nearest], "distance": distance[nearest]}))
    return pd.concat(tables, ignore_index=True)
