"""Which views samples have together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from favae_cli.data import Dataset
from favae_cli.reporting.table_figures import COUNT


def presence_table(data: Dataset) -> pd.DataFrame:
    """A row a combination of views, the most common first: for each view whether they have it, and `COUNT`."""
    there = pd.DataFrame({name: view.present for name, view in data.views.items()})
    found = there.value_counts(sort=True).rename(COUNT).reset_index()
    return found.astype(dict.fromkeys(there, int) | {COUNT: np.int64})
