"""Which views samples have together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from favae_cli.data import Dataset


def presence_table(data: Dataset) -> pd.DataFrame:
    """A row a combination of views, the most common first: for each view whether they have it, and `samples`."""
    there = pd.DataFrame({name: view.present for name, view in data.views.items()})
    found = there.value_counts(sort=True).rename("samples").reset_index()
    return found.astype(dict.fromkeys(there, int) | {"samples": np.int64})
