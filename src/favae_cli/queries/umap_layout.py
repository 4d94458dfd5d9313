"""Samples in a plane, those that are near in the factors near one another."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from favae_cli.common.errors import UserError

NEIGHBOURS = 15  # that each sample is held near to, UMAP's own choice
FEWEST = 4  # samples that make a plane


def umap_layout(latent: np.ndarray) -> np.ndarray:
    """(N, 2) of samples with factors (N, K), by UMAP (McInnes et al., 2018) with a fixed seed.

    Raises:
        UserError: umap-learn is not installed, or there are too few samples.
    """
    if find_spec("umap") is None:
        raise UserError("umap: umap-learn is not installed; pip install 'favae-run[umap]'")
    if len(latent) < FEWEST:
        raise UserError(f"umap: takes {FEWEST} samples at least, got {len(latent)}")
    from umap import UMAP  # seconds of compiling

    # Of few samples the spectral start has too few eigenvectors.
    start = "spectral" if len(latent) > NEIGHBOURS else "random"
    layout = UMAP(n_neighbors=min(NEIGHBOURS, len(latent) - 1), init=start, random_state=0, n_jobs=1)
    placed: np.ndarray = layout.fit_transform(latent)
    return placed
