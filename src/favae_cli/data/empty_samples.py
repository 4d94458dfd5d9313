"""Samples that turn out to have nothing to show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from favae_cli.data.dataset import Dataset


def without_empty(dataset: Dataset) -> Dataset:
    """Leave out samples that have none of the loaded views, with a note; the others stay in their split."""
    keep = np.any([view.present for view in dataset.views.values()], axis=0)
    if keep.all():
        return dataset
    position = np.cumsum(keep) - 1
    note = f"{np.sum(~keep)} of {len(keep)} samples left out, which lack {' and '.join(dataset.views)}"
    split = {name: position[indices[keep[indices]]] for name, indices in dataset.split.items()}
    return replace(dataset.taken(np.flatnonzero(keep), split), notes=(*dataset.notes, note))
