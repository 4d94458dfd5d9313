"""Parts of an HDF5 file as anndata lays out data frames in it, with nothing that leads out of the file.

Source: anndata.readthedocs.io, on-disk format.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from favae_cli.data.files.packed import RATIO, ROOM

NOTHING = np.array([None], object)  # a cell without a value


def inside(group: Any, name: str) -> Any:
    """A part of the file that lies in the file itself: links could lead to any other.

    Raises:
        KeyError: there is none.
        ValueError: it lies elsewhere.
    """
    import h5py

    at = group
    for part in name.split("/"):
        if not isinstance(at.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link to another place")
        at = at[part]
    if isinstance(at, h5py.Dataset) and (at.external or at.is_virtual):
        raise ValueError(f"the numbers of {name} are in other files")
    return at


def is_group(held: Any) -> bool:
    """Whether it is a group of datasets, and no dataset."""
    return not hasattr(held, "dtype")


def values_of(group: Any, name: str) -> np.ndarray:
    """All of a dataset, text as str.

    Raises:
        ValueError: it unfolds to far more than its size in the file.
    """
    held = inside(group, name)
    require_room_for(held)
    if held.dtype.kind in "OS":
        return np.asarray(held.asstr()[()], object)
    return np.asarray(held[()])


def require_room_for(held: Any) -> None:
    """Refuse numbers that take far more memory than their file: a few bytes can stand for any number of zeros."""
    stored = held.id.get_storage_size()
    if held.nbytes > max(ROOM, RATIO * stored):
        raise ValueError(f"{held.name}: {stored} bytes unfold to {held.nbytes / (1 << 30):.1f} GiB")


def as_text(name: Any) -> str:
    """A name as h5py gives it."""
    return name.decode() if isinstance(name, bytes) else str(name)


def frame_of(group: Any) -> tuple[str, np.ndarray, dict[str, Any], dict[str, str]]:
    """What the index is called, the index as str, columns by name, and what others hold."""
    if not is_group(group):
        raise ValueError(f"{group.name} is as anndata wrote it before 0.7; write the file anew with a later one")
    title = as_text(group.attrs["_index"])
    columns: dict[str, Any] = {}
    odd: dict[str, str] = {}
    for name in map(as_text, group.attrs["column-order"]):
        cells = _column(group, name)
        if cells is None:
            odd[name] = as_text(inside(group, name).attrs.get("encoding-type", "something else"))
        else:
            columns[name] = cells
    return title, values_of(group, title).astype(str).astype(object), columns, odd


def _column(group: Any, name: str) -> Any:
    """Its cells, (N,); None of a column that is neither numbers nor texts."""
    held = inside(group, name)
    if not is_group(held):
        cells = values_of(group, name)
        if "categories" in held.attrs:  # as anndata wrote them before 0.8
            return _labels(cells, np.asarray(held.file[held.attrs["categories"]].asstr()[()], object))
        return cells if cells.ndim == 1 and cells.dtype.kind in "biufO" else None
    kind = as_text(held.attrs.get("encoding-type", ""))
    if kind == "categorical":
        return _labels(values_of(held, "codes"), values_of(held, "categories"))
    if kind.startswith("nullable-"):
        cells, mask = values_of(held, "values"), values_of(held, "mask").astype(bool)
        return np.where(mask, NOTHING, cells.astype(object)) if mask.any() else cells
    return None


def _labels(codes: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """The category of each sample, None of one that has none."""
    return np.append(categories.astype(object), NOTHING)[codes.astype(np.int64)]
