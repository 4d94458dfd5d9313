"""Arrays in memory as views: NumPy arrays, lists and pandas tables, where NaN, None or a mask says what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, assert_never

import numpy as np

from favae_cli.common.errors import UserError
from favae_cli.data.align_to_run import aligned
from favae_cli.data.cells import Cells
from favae_cli.data.dataset import ViewData, parted
from favae_cli.data.dates import Dates
from favae_cli.data.files.table import is_number
from favae_cli.data.kinds.binary import BINARY
from favae_cli.data.kinds.categorical import MOST, one_hot
from favae_cli.data.kinds.numbers import COUNTS
from favae_cli.data.masked_tables import listed, masked_view

if TYPE_CHECKING:
    from favae_cli.config.data_base import Kind
    from favae_cli.config.data_sets import ArraysConfig


def load(config: ArraysConfig, cache: Path, seed: int) -> NoReturn:
    """Arrays are not kept with a run.

    Raises:
        UserError: always; says so.
    """
    raise UserError("data: this run was fitted on arrays in memory; name others, as data=manifest ...")


def as_view(name: str, cells: Cells, kind: Kind, like: ViewData | None = None, *, merges: bool = True) -> ViewData:
    """The view that a model can be fitted on, or one of the same form as that of a model.

    Args:
        name: of the view.
        cells: of N samples: images (N, H, W) or (N, H, W, C), sequences (N, T) or (N, T, C), texts (N,), and of other
            kinds (N,) or (N, D).
        kind: what they are.
        like: the view of a model, whose shape, columns and categories these must have.
        merges: whether that view may have made one category of rare ones, called other, which an unknown one is then.

    Raises:
        UserError: values that are not of this kind, or not like those.
    """
    match kind:
        case "image":
            view = _images(cells)
        case "text":
            view = _texts(cells)
        case "categorical" | "ordinal":
            view = _categories(name, cells, kind, like, merges)
        case "sequence":
            view = _sequences(name, cells)
        case "real" | "vector" | "counts" | "binary":
            view = _table(name, cells, kind, like)
        case _:
            assert_never(kind)
    view = replace(view, kind=kind)
    if like is None:
        return view
    view = aligned(view, like, cells.key)
    if view.shape != like.shape:
        raise UserError(f"{cells.key}: a sample has shape {view.shape}; the model was fitted on {like.shape}")
    return view


def _images(cells: Cells) -> ViewData:
    shapes = "(N, H, W) or (N, H, W, C) with 1 to 4 channels"
    values, missing = cells.of_dimensions(shapes, 3, 4).values, cells.missing.reshape(len(cells), -1)
    channels = 1 if values.ndim == 3 else values.shape[3]
    if not 1 <= channels <= 4:
        raise UserError(f"{cells.key}: has shape {values.shape}; it must be {shapes}")
    absent = np.all(missing, axis=1)
    for sample in np.flatnonzero(np.any(missing, axis=1) & ~absent)[:1]:
        raise UserError(f"{cells.key}: pixels of sample {sample} are missing; an image is there as a whole or not")
    pixels = values[~absent] if absent.any() else values
    if values.dtype != np.uint8:
        if values.dtype.kind != "f":
            raise UserError(f"{cells.key}: holds {values.dtype}; images are uint8, 0 to 255, or float, 0 to 1")
        cells.refuse((values < 0) | (values > 1), "uint8 images, 0 to 255, or float ones, 0 to 1")
        pixels = np.round(255 * pixels).astype(np.uint8)
    return ViewData(pixels.reshape(*pixels.shape[:3], channels), _rows(absent))


def _texts(cells: Cells) -> ViewData:
    cells.of_dimensions("(N,)", 1)
    cells.refuse(
        np.array([not (isinstance(value, str) or gap) for value, gap in zip(cells.values, cells.missing, strict=True)]),
        "texts, or None for missing",
    )
    return ViewData(cells.seen.astype(object), _rows(cells.missing))


def _rows(absent: np.ndarray) -> np.ndarray:
    present = ~absent
    return np.where(present, np.cumsum(present) - 1, -1).astype(np.int64)


def _table(name: str, cells: Cells, kind: Kind, like: ViewData | None) -> ViewData:
    cells = _ordered(cells.two_dimensional(), like.columns if like is not None else ())
    if kind == "binary":
        cells = _bits(cells)
    if like is not None and like.written:
        cells = _in_days(cells, like)
    values = cells.numbers()
    if kind == "binary":
        cells.refuse(~(np.isnan(values) | np.isin(values, (0, 1))), "0 and 1, or False and True")
    if kind == "counts":
        cells.refuse((values < 0) | (np.round(values) != values) & ~np.isnan(values), COUNTS)
    return masked_view(values, cells.names(name) if like is None else like.columns)


def _in_days(cells: Cells, like: ViewData) -> Cells:
    """With days as the model counts them in place of dates, of pandas or as its files wrote them."""
    values = cells.values
    for place, way in enumerate(like.written):
        if not isinstance(way, Dates):
            continue
        values = values.astype(object)
        if cells.dated and cells.dated[place]:
            values[:, place] = values[:, place].astype(float) - way.first_day
        else:
            texts = np.array([isinstance(value, str) for value in values[:, place]])
            said = values[texts, place]
            values[texts, place] = days = way.days(said)
            wrong = np.zeros(values.shape, bool)
            wrong[texts, place] = np.isnan(days) & (said != "")
            cells.refuse(wrong, f"dates written as {way.format}, or None for missing")
    return replace(cells, values=values)


def _bits(cells: Cells) -> Cells:
    """With 0 and 1 in place of words for no and yes."""
    if cells.values.dtype.kind not in "OUS":
        return cells
    said = np.array([BINARY.get(str(value).lower(), value) for value in cells.values.ravel().tolist()], object)
    return replace(cells, values=said.reshape(cells.values.shape))


def _sequences(name: str, cells: Cells) -> ViewData:
    cells = cells.of_dimensions("(N, T) or (N, T, C)", 2, 3)
    values = cells.numbers().reshape(*cells.values.shape[:2], -1)
    channels = values.shape[2]
    return masked_view(values, [name] if channels == 1 else [f"{name}_{index}" for index in range(channels)])


def _categories(name: str, cells: Cells, kind: Kind, like: ViewData | None, merges: bool) -> ViewData:
    """One-hot; of a model's view its variables, with the categories that are there."""
    variables = like and dict.fromkeys(parted(column)[0] for column in like.columns)
    levels = [[_word(level) for level in own] for own in cells.levels] if kind == "ordinal" and like is None else []
    cells = _ordered(cells.two_dimensional(), tuple(variables or ()))
    words = np.vectorize(_word, otypes=[object])(cells.values)
    words[cells.missing] = ""
    names = tuple(variables or cells.names(name))
    found = one_hot(dict(zip(names, words.T, strict=True)), dict(zip(names, levels, strict=False)))
    if kind == "ordinal" and like is None and not levels:
        for word in sorted(word for word in set(words.ravel()) - {""} if not is_number(word))[:1]:
            raise UserError(
                f"{cells.key}: {word!r} is no number, and its place in the order is not known: give a pandas Series or "
                "DataFrame of ordered Categoricals"
            )
    if like is None:
        for variable, size in zip(names, found.groups, strict=True):
            if size > MOST:
                raise UserError(
                    f"{cells.key}: {variable} has {size} categories, and {MOST} is the most; is it real, or text?"
                )
    elif kind == "categorical" and merges:
        return replace(
            found, labels={variable: part[found.present] for variable, part in zip(names, words.T, strict=True)}
        )
    return found


def _word(value: Any) -> str:
    """A category as text; whole numbers alike whether they come as integers or as floats, beside NaN."""
    return str(int(value)) if isinstance(value, float | np.floating) and value.is_integer() else str(value)


def _ordered(cells: Cells, wanted: tuple[str, ...]) -> Cells:
    """A table with the columns that a model was fitted on, by name where they have names.

    Raises:
        UserError: it has other columns.
    """
    if not wanted:
        return cells
    if cells.columns is None:
        if cells.values.shape[1] != len(wanted):
            raise UserError(
                f"{cells.key}: has {cells.values.shape[1]} columns; the model was fitted on {len(wanted)} "
                f"({listed(wanted)})"
            )
        return cells
    if sorted(cells.columns) != sorted(wanted):
        raise UserError(f"{cells.key}: has columns {listed(cells.columns)}; the model was fitted on {listed(wanted)}")
    order = [cells.columns.index(column) for column in wanted]
    dated = tuple(cells.dated[place] for place in order) if cells.dated else ()
    return replace(cells, values=cells.values[:, order], missing=cells.missing[:, order], columns=wanted, dated=dated)
