"""Binary attributes as a view: what loaders of labelled data share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from favae_cli.data.dataset import ViewData
from favae_cli.errors import UserError


def attribute_view(values: np.ndarray, names: Sequence[str]) -> ViewData:
    """A binary view of N samples; one whose entries are all missing lacks the view.

    Args:
        values: (N, D) of 0, 1 and NaN (a missing entry).
        names: the D attributes.
    """
    present = ~np.isnan(values).all(axis=1)
    row = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
    return ViewData(values[present].astype(np.float32), row, tuple(names))


def require_variation(view: ViewData, train: np.ndarray, key: str) -> None:
    """Refuse attributes that tell the training samples nothing.

    Args:
        view: a binary view.
        train: indices of the training samples.
        key: config key that chose the attributes, for the message.

    Raises:
        UserError: names every attribute that is 0 or 1 throughout, or missing throughout.
    """
    values = view.gather(train[view.present[train]])
    counts = {
        name: (int(np.sum(column == 0)), int(np.sum(column == 1)))
        for name, column in zip(view.columns, values.T, strict=True)
    }
    constant = [
        f"{name} ({f'always {int(ones > 0)}' if zeros or ones else 'always missing'})"
        for name, (zeros, ones) in counts.items()
        if not (zeros and ones)
    ]
    if constant:
        raise UserError(
            f"{key}: constant over the {len(train)} training samples, so there is nothing to learn: "
            f"{', '.join(constant)}; leave out or change the split"
        )
