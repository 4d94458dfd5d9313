"""Tables with gaps as views, and columns that tell the training samples nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.dataset import ViewData
from favae_cli.data.written import Written

SHOWN = 20  # names in a message


def masked_view(
    values: np.ndarray, columns: Sequence[str], groups: Sequence[int] = (), written: Sequence[Written] = ()
) -> ViewData:
    """A view of N samples; one whose entries are all missing lacks the view.

    Args:
        values: (N, D), or sequences (N, T, C); NaN is a missing entry.
        columns: names of the D columns or C channels.
        groups: of categories, as `ViewData` has them.
        written: of the variables, as `ViewData` has it.
    """
    present = ~np.isnan(values).all(axis=tuple(range(1, values.ndim)))
    row = np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)
    return ViewData(_small(values[present]), row, tuple(columns), tuple(groups), written=tuple(written))


def _small(values: np.ndarray) -> np.ndarray:
    """In float32 if that holds each of them to the last digit, else in float64."""
    small = values.astype(np.float32, copy=False)
    return small if np.array_equal(small, values, equal_nan=True) else values.astype(np.float64, copy=False)


def require_categories(view: ViewData, train: np.ndarray, key: str) -> tuple[str, ...]:
    """Refuse variables that cannot be learned at all; note constant ones, and categories that no training sample has.

    Raises:
        UserError: names every variable that is missing throughout, or all if they are all constant.
    """
    _, high = _ranges(view, train)
    names = [variable.name for variable in view.variables]
    occurring = [
        [column for column, top in zip(view.columns[block], high[block], strict=True) if top == 1]
        for _, _, block in view.variables
    ]
    constant = {
        name: f"always {found[0]}" if found else "always missing"
        for name, found in zip(names, occurring, strict=True)
        if len(found) < 2
    }
    missing = {name: why for name, why in constant.items() if why == "always missing"}
    _refuse(constant if len(constant) == len(names) else missing, train, key)
    never = [name for name, top in zip(view.columns, high, strict=True) if top == 0]
    return (
        *((f"constant over the {len(train)} training samples: {listed(constant)}",) if constant else ()),
        *((f"no training sample has {listed(never)}",) if never else ()),
    )


def require_columns(view: ViewData, train: np.ndarray, key: str) -> tuple[str, ...]:
    """Refuse numbers, 0 and 1 or sequences of which a column cannot be learned at all; note constant columns.

    A column without a training value has no scale. A constant one may stay: it is predicted as it is.

    Args:
        view: with a name for each column.
        train: indices of the training samples.
        key: config key that chose the columns, for the message.

    Raises:
        UserError: names columns that are missing throughout, or all if they are all constant.
    """
    low, high = _ranges(view, train)
    constant = {name: _always(low[i]) for i, name in enumerate(view.columns) if not low[i] < high[i]}
    missing = {name: why for i, (name, why) in enumerate(constant.items()) if why == "always missing"}
    _refuse(constant if len(constant) == len(view.columns) else missing, train, key)
    return (f"constant over the {len(train)} training samples: {listed(constant)}",) if constant else ()


def listed(names: Iterable[str]) -> str:
    """The first of the names, and that there are more."""
    shown = [*names]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")


def _ranges(view: ViewData, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of each column over the training samples; NaN for one that they all lack."""
    seen = view.gather(train[view.present[train]]).reshape(-1, len(view.columns))
    gap = np.full((1, len(view.columns)), np.nan)
    seen = np.concatenate([gap, seen])
    return np.fmin.reduce(seen), np.fmax.reduce(seen)


def _always(value: float) -> str:
    return "always missing" if np.isnan(value) else f"always {value:g}"


def _refuse(constant: dict[str, str], train: np.ndarray, key: str) -> None:
    if constant:
        raise UserError(
            f"{key}: constant over the {len(train)} training samples, so there is nothing to learn: "
            f"{listed(f'{name} ({why})' for name, why in constant.items())}; leave out or change the split"
        )
