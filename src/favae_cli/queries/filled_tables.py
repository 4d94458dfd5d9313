"""Tables and texts of some samples with their holes filled by a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd

from favae_cli.data import ViewData
from favae_cli.data.dataset import OneHot
from favae_cli.data.dates import Dates
from favae_cli.data.written import Written
from favae_cli.queries.impute import Made


@dataclass(frozen=True)
class Variable:
    """One variable, its holes filled.

    Attributes:
        view, name: of the view, and of the variable in it.
        missing: bool (R,).
        said: columns (R,) of what the model says where it is missing.
        filled: (R,) what is known, as the user's file has it, and the model's best guess elsewhere.
        beside: columns (R,) that say how sure each value of `filled` is, by what their names end in: "_std" is 0 and
            "_probability" 1 where it is known. None of texts.
    """

    view: str
    name: str
    missing: np.ndarray
    said: dict[str, np.ndarray]
    filled: np.ndarray
    beside: dict[str, np.ndarray]


def variables(made: Made, data: ViewData, level: float | None = None) -> Iterator[Variable]:
    """The variables of a table, or the one of texts.

    Real columns are filled with their mean, binary and categorical ones with the most probable value.

    Args:
        made: of the view.
        data: the view of the samples; its values are not looked at.
        level: also say the interval that holds a number with this probability, from 0 to 1, and the probability of
            every category; None: not.
    """
    if data.is_text:
        filled = np.where(made.missing, made.value, made.known)
        yield Variable(made.view, made.view, made.missing, {"text": made.value}, filled, {})
    elif data.groups:
        for variable in data.variables:
            yield _category(made, variable, level is not None)
    else:
        ways = data.written or (None,) * len(data.columns)
        bounds = None if level is None or data.kind == "binary" else made.interval(level)
        for column, (name, way) in enumerate(zip(data.columns, ways, strict=True)):
            if data.kind == "binary":
                yield _bit(made, name, column, way)
            else:
                yield _number(made, name, column, way, bounds)


def _category(made: Made, variable: OneHot, each: bool) -> Variable:
    name, block = variable.name, variable.block
    categories = np.array(variable.categories, dtype=object)
    missing = np.any(made.missing[:, block], axis=1)
    probability = np.where(missing[:, None], made.value[:, block], made.known[:, block])
    chosen, sure = categories[probability.argmax(axis=1)], probability.max(axis=1)
    said = {"category": chosen, "probability": sure}
    beside = {"_probability": sure}
    if each:
        beside |= {f"={category}": probability[:, place] for place, category in enumerate(categories)}
    filled = np.where(missing, chosen, made.labels.get(name, chosen))
    return Variable(made.view, name, missing, said, filled, beside)


def _bit(made: Made, name: str, column: int, way: Written | None) -> Variable:
    missing, value = made.missing[:, column], made.value[:, column]
    bits = np.where(missing, value > 0.5, made.known[:, column] == 1)
    filled = (
        np.array(way, object)[bits.astype(int)]
        if isinstance(way, tuple)
        else bits.astype(way if isinstance(way, np.dtype) else np.int8)
    )
    said = {"value": value}
    if made.logit is not None:
        mean, variance = made.logit
        said |= {"logit_mean": mean[:, column], "logit_std": np.sqrt(variance[:, column])}
    sure = np.where(missing, np.maximum(value, 1 - value), 1)
    return Variable(made.view, name, missing, said, filled, {"_probability": sure})


def _number(
    made: Made, name: str, column: int, way: Written | None, bounds: tuple[np.ndarray, np.ndarray] | None
) -> Variable:
    missing, value = made.missing[:, column], made.value[:, column]
    deviation = np.full(len(value), np.nan) if made.deviation is None else made.deviation[:, column]
    filled = np.where(missing, value, made.known[:, column])
    beside = {"_std": np.where(missing, deviation, 0)}
    if bounds is not None:
        low, high = bounds
        beside |= {"_lower": np.where(missing, low[:, column], filled)}
        beside |= {"_upper": np.where(missing, high[:, column], filled)}
    said = {"value": value, "std": deviation}
    if isinstance(way, Dates):
        said["value"], filled = way.texts(value), way.texts(filled)
        beside |= {end: way.texts(values) for end, values in beside.items() if end != "_std"}
    elif isinstance(way, np.dtype) and (way.kind == "f" or (filled == np.round(filled)).all()):  # a guess is not whole
        filled = filled.astype(way)
    return Variable(made.view, name, missing, said, filled, beside)


def missing_entries(found: Sequence[Variable], keys: Sequence[str]) -> pd.DataFrame:
    """A row for each missing entry, view by view: key, view, column, and what `Variable.said` has of it."""
    parts = []
    for view, members in groupby(found, lambda variable: variable.view):
        own = [
            pd.DataFrame(
                {"view": view, "column": one.name, **{name: values[one.missing] for name, values in one.said.items()}},
                index=np.flatnonzero(one.missing),
            )
            for one in members
        ]
        parts.append(pd.concat(own).sort_index(kind="stable"))
    table = pd.concat(parts)
    table.insert(0, "key", np.array(keys, dtype=object)[table.index])
    return table


def filled_table(found: Sequence[Variable], keys: Sequence[str], key: str = "key") -> pd.DataFrame:
    """A row for each sample: its key in the column `key`, and each variable with the columns that stand beside it.

    A name that several views have stands with its view, as view/name, and so does what stands beside a variable but is
    called like another.
    """
    shared = Counter([key, *(part.name for part in found)])
    names = [part.name if shared[part.name] == 1 else f"{part.view}/{part.name}" for part in found]
    columns: dict[str, np.ndarray] = {key: np.array(keys, dtype=object)}
    for name, part in zip(names, found, strict=True):
        columns[name] = part.filled
        for end, values in part.beside.items():
            title = f"{name}{end}"
            while title in names or title in columns:
                title = f"{part.view}/{title}"
            columns[title] = values
    return pd.DataFrame(columns)
