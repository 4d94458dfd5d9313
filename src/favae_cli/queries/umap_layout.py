"""Samples in a plane, those that are near in the factors near one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from favae_cli.common.errors import UserError

NEIGHBOURS = 15  # that each sample is held near to, UMAP's own choice
FEWEST = 4  # samples that make a plane


def require_umap() -> Any:
    """The class UMAP of umap-learn, compiled, which takes seconds.

    Raises:
        UserError: it cannot be imported.
    """
    try:
        from umap import UMAP
    except ImportError as error:  # another package of this name has no UMAP
        told = f"umap: umap-learn cannot be imported ({error}); pip install 'favae-run[umap]'"
        raise UserError(told) from error
    return UMAP


def require_enough(samples: int) -> None:
    """Refuse samples too few for a plane.

    Raises:
        UserError: they are.
    """
    if samples < FEWEST:
        raise UserError(f"umap: takes {FEWEST} samples at least, got {samples}")


def beside(table: pd.DataFrame, placed: np.ndarray) -> pd.DataFrame:
    """A table of N samples with columns `umap_0` and `umap_1`, where they are placed (N, 2)."""
    return table.assign(umap_0=placed[:, 0], umap_1=placed[:, 1])


def umap_layout(latent: np.ndarray) -> np.ndarray:
    """(N, 2) of samples with factors (N, K), by UMAP (McInnes et al., 2018) with a fixed seed.

    Raises:
        UserError: umap-learn cannot be imported, or there are too few samples.
    """
    require_enough(len(latent))
    umap = require_umap()
    # Of few samples the spectral start has too few eigenvectors.
    start = "spectral" if len(latent) > NEIGHBOURS else "random"
    layout = umap(n_neighbors=min(NEIGHBOURS, len(latent) - 1), init=start, random_state=0, n_jobs=1)
    placed: np.ndarray = layout.fit_transform(latent)
    return placed
