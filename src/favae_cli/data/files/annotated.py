"""AnnData (.h5ad) and MuData (.h5mu) files: tables of observations, and matrices left where they lie.

They are read with h5py by their published layout, so that a matrix that is sparse on disk is spread out only in the
columns that a view has, and so that any version of pandas will do.
Source: anndata.readthedocs.io, on-disk format; mudata.readthedocs.io, specification of the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from favae_cli.common.errors import UserError
from favae_cli.data.files.each_once import each_once
from favae_cli.data.files.hdf5_frames import (
    NOTHING,
    as_text,
    frame_of,
    inside,
    is_group,
    require_room_for,
    values_of,
)
from favae_cli.data.files.packed import first_line

if TYPE_CHECKING:
    import h5py

OBS_NAMES = "obs_names"  # what the names of observations are called where their index has no name
UNNAMED = ("_index", "index", "")
EXTRA = "pip install 'favae-run[omics]'"
CELLS = 1 << 24  # of a sparse matrix that are spread out at a time
# What h5py raises where a file is damaged, or is no such file.
DAMAGED = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, OverflowError)


@dataclass(frozen=True)
class Matrix:
    """Numbers of N samples, a column for each variable, which are read when they are asked for.

    Attributes:
        path: of the file.
        place: where in it the matrix is.
        columns: (D,) names of the variables, each once.
        rows: int64 (N,), its row for each row of the table, -1 for a sample that it lacks.
        marks: columns of bool (D,) on the variables, such as highly_variable, by name.
    """

    path: Path
    place: str
    columns: tuple[str, ...]
    rows: np.ndarray
    marks: dict[str, np.ndarray]

    @property
    def present(self) -> np.ndarray:
        """bool (N,): which samples have it."""
        return self.rows >= 0

    def read(self, columns: Sequence[int] | np.ndarray | None = None, most: int | None = None) -> np.ndarray:
        """(R, D) of the samples that have it, in their order: float32, or float64 of numbers that it cannot hold.

        Args:
            columns: places of some of the variables, in the order that is wanted; None: all.
            most: rows at most, the first ones.

        Raises:
            UserError: the file is damaged, or the matrix holds no numbers.
        """
        rows = self.rows[self.present][:most]
        wanted = np.arange(len(self.columns)) if columns is None else np.asarray(columns, np.int64)
        with opened(self.path) as file:
            held = inside(file, self.place)
            return _sparse(held, rows, wanted) if is_group(held) else _dense(held, rows, wanted)


@contextmanager
def opened(path: Path, mode: str = "r") -> Iterator[h5py.File]:
    """The file, to read or to change it, and what goes wrong with it in one line.

    Raises:
        UserError: it cannot be read or changed, or h5py is not installed.
    """
    h5py = _package(path)
    try:
        with h5py.File(path, mode, locking=False) as file:  # an output is locked already
            yield file
    except DAMAGED as error:
        raise UserError(f"{path}: cannot be used as AnnData or MuData: {first_line(error)}") from error


@contextmanager
def made(path: Path, front: bytes = b"") -> Iterator[h5py.File]:
    """A new HDF5 file, made in memory and then written as a whole: on a full disk, HDF5 itself may end the process.

    Args:
        path: of the file.
        front: at most 512 bytes that it is to begin with.

    Raises:
        UserError: h5py is not installed.
        OSError: it cannot be written.
    """
    h5py, held = _package(path), io.BytesIO()
    with h5py.File(held, "w", userblock_size=512 if front else None) as file:
        yield file
    held.seek(0)
    held.write(front)
    path.write_bytes(held.getbuffer())


def _package(path: Path) -> Any:
    try:
        import h5py  # of the extra
    except ImportError as error:
        raise UserError(f"{path}: to read and write HDF5 files, as AnnData's, {EXTRA} ({error})") from error
    return h5py


def read_annotated(path: Path, key: str | None) -> tuple[pd.DataFrame, dict[str, Matrix], dict[str, str], str]:
    """The observations of a file, and its matrices.

    Args:
        path: of the file.
        key: what the names of the observations are to be called, unless one of their columns is; None: as in the file.

    Returns:
        The frame of the observations, their names among its columns; of a MuData file those of a modality are called as
        "rna:cluster". Matrices by name: X and layers/NAME, of a MuData file after the name of the modality and a slash.
        Columns that hold something else, and what. What the names are called.

    Raises:
        UserError: the file is damaged or no such file, or names come twice.
    """
    with opened(path) as file:
        title, names, columns, odd = _observations(file, "obs", path)
        parts = {"": ("", names)}
        if "mod" in file:
            parts = {}
            for name in modalities_of(inside(file, "mod")):
                _, own, more, lacking = _observations(file, f"mod/{name}/obs", path)
                parts[f"{name}/"] = f"mod/{name}/", own
                at = pd.Index(own).get_indexer(pd.Index(names))
                columns |= {
                    f"{name}:{column}": _taken(cells, at)
                    for column, cells in more.items()
                    if f"{name}:{column}" not in columns
                }
                odd |= {f"{name}:{column}": what for column, what in lacking.items()}
        matrices: dict[str, Matrix] = {}
        for shown, (place, own) in parts.items():
            rows = pd.Index(own).get_indexer(pd.Index(names)).astype(np.int64)
            matrices |= _matrices(file, path, place, shown, rows, len(own))
    if key is not None and key not in columns:
        title = key
    frame = pd.DataFrame({title: names} | {name: cells for name, cells in columns.items() if name != title})
    if frame.empty:
        raise UserError(f"{path}: holds no observation")
    return frame, matrices, odd, title


def _observations(file: Any, place: str, path: Path) -> tuple[str, np.ndarray, dict[str, Any], dict[str, str]]:
    """What the names are called, the names (N,), the columns, and what those hold that are none."""
    title, names, columns, odd = frame_of(inside(file, place))
    for name in pd.Series(names)[pd.Series(names).duplicated()].tolist()[:1]:
        raise UserError(f"{path}: {place} has {name!r} more than once; make the names of observations unique first")
    return (OBS_NAMES if title in UNNAMED else title), names, columns, odd


def _matrices(file: Any, path: Path, place: str, shown: str, rows: np.ndarray, count: int) -> dict[str, Matrix]:
    part = file[place] if place else file
    _, names, columns, _ = frame_of(inside(part, "var"))
    marks = {name: cells for name, cells in columns.items() if cells.dtype.kind == "b"}
    variables = tuple(each_once(names.tolist(), "-"))  # as anndata's var_names_make_unique has them
    found = {}
    layers = [f"layers/{name}" for name in part.get("layers", {})]
    for name in [*(["X"] if "X" in part else []), *layers]:
        held = inside(part, name)
        shape = _shape(held)
        if shape is None:  # as anndata writes a matrix that is not there
            continue
        if shape != (count, len(variables)):
            raise UserError(f"{path}: {place}{name} has shape {shape}, but obs and var are {count} x {len(variables)}")
        found[f"{shown}{name}"] = Matrix(path, f"{place}{name}", variables, rows, marks)
    return found


def modalities_of(group: Any) -> list[str]:
    """Names of the modalities, as the file orders them."""
    return [as_text(name) for name in group.attrs.get("mod-order", [*group])]


def _shape(held: Any) -> tuple[int, ...] | None:
    """Of a matrix; None of what is none."""
    if not is_group(held):
        return tuple(held.shape) if held.shape else None
    shape = held.attrs.get("shape", held.attrs.get("h5sparse_shape"))
    return None if shape is None else tuple(int(size) for size in shape)


def _taken(cells: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cells of other rows, None where there is no such row."""
    return cells[at] if (at >= 0).all() else np.append(cells.astype(object), NOTHING)[at]


def _dense(held: Any, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    require_room_for(held)
    found = np.empty((len(rows), len(columns)), _number(held.dtype))
    step = max(1, CELLS // max(held.shape[1], 1))
    for begin, some in _blocks(rows, step):
        first, last = (some.min(), some.max() + 1) if len(some) else (0, 0)
        # In one piece where the rows lie together, which is how samples of one study lie.
        block = held[first:last] if last - first <= 2 * len(some) else held[np.unique(some)]
        place = some - first if last - first <= 2 * len(some) else np.unique(some, return_inverse=True)[1]
        found[begin : begin + len(some)] = block[place][:, columns]
    return found


def _sparse(held: Any, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What is not stored is 0."""
    kind = as_text(held.attrs.get("encoding-type", held.attrs.get("h5sparse_format", "")))
    make: dict[str, Callable[..., Any]] = {
        "csr_matrix": sparse.csr_matrix,
        "csr": sparse.csr_matrix,
        "csc_matrix": sparse.csc_matrix,
        "csc": sparse.csc_matrix,
    }
    if kind not in make:
        raise ValueError(f"{held.name} is {kind or 'no matrix'}; a matrix is dense, csr_matrix or csc_matrix")
    parts = tuple(values_of(held, part) for part in ("data", "indices", "indptr"))
    matrix = make[kind](parts, shape=_shape(held))
    matrix.check_format(full_check=True)
    found = np.empty((len(rows), len(columns)), _number(matrix.dtype))
    matrix = matrix.tocsc()[:, columns].tocsr()
    for begin, some in _blocks(rows, max(1, CELLS // max(len(columns), 1))):
        found[begin : begin + len(some)] = matrix[some].toarray()
    return found


def _blocks(rows: np.ndarray, step: int) -> Iterator[tuple[int, np.ndarray]]:
    for begin in range(0, len(rows), step):
        yield begin, rows[begin : begin + step]


def _number(dtype: np.dtype) -> type[np.floating]:
    if dtype.kind not in "biuf":
        raise ValueError(f"the matrix holds {dtype}, no numbers")
    small = dtype.itemsize <= 2 or dtype == np.float32 or dtype.kind == "b"
    return np.float32 if small else np.float64
