"""Pixels as numbers."""

from __future__ import annotations

import numpy as np


def unit(images: np.ndarray) -> np.ndarray:
    """Stored uint8 images as float32 in [0, 1]."""
    return images.astype(np.float32) / 255
