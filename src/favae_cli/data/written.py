"""How a user's file writes the variables of a view, so that what is made of them can be written alike."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from favae_cli.data.dates import Dates

Written = np.dtype | tuple[str, str] | Dates
"""The dtype of a variable in a user's file; of a binary one the words for 0 and 1, if it has words; or its dates."""


def as_json(way: Written) -> Any:
    """What `of_json` takes."""
    if isinstance(way, Dates):
        return asdict(way)
    return way.str if isinstance(way, np.dtype) else [*way]


def of_json(said: Any) -> Written:
    """The way that `as_json` says."""
    if isinstance(said, dict):
        return Dates(**{**said, "parts": tuple(said["parts"])})
    return np.dtype(said) if isinstance(said, str) else (said[0], said[1])
