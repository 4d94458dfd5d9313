"""How near images come to others."""

from __future__ import annotations

import numpy as np


def r2_per_image(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(R,) coefficient of determination of `others` for each image, around the image's own mean; (R, H, W, C) each."""
    axes = tuple(range(1, images.ndim))
    error = np.square(images - others).sum(axis=axes)
    spread = np.square(images - images.mean(axis=axes, keepdims=True)).sum(axis=axes)
    # A picture of one colour has nothing to explain: 1 if it comes out the same, else 0.
    return np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), np.where(error > 0, 0.0, 1.0))


def r2_pooled(images: np.ndarray, others: np.ndarray) -> float:
    """One coefficient of determination for all images, around the mean image; NaN if all are the same."""
    error = np.square(images - others).sum(dtype=np.float64)
    spread = np.square(images - images.mean(axis=0)).sum(dtype=np.float64)
    return float(1 - error / spread) if spread > 0 else float("nan")


def border(height: int, width: int) -> np.ndarray:
    """(H, W) bool: the outermost sixteenth of an image on every side, one pixel at least; most often background."""
    rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
    return np.minimum.outer(rows, columns) < max(1, min(height, width) // 16)


def gaussian_log_likelihood(images: np.ndarray, others: np.ndarray, variance: float) -> np.ndarray:
    """(R,) log N(image; other, variance) in nats, over all pixels of each image; (R, H, W, C) each."""
    error = np.square(images - others).sum(axis=tuple(range(1, images.ndim)), dtype=np.float64)
    pixels = images[0].size if len(images) else 0
    return -0.5 * (error / variance + pixels * np.log(2 * np.pi * variance))
