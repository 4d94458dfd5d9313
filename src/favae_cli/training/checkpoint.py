"""Checkpoints: one folder each, whole or not there at all, and loaded without running anything."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import AfterValidator, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from favae_cli.common.disk import of_system
from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_json

SCHEMA = 5
# Schema 2 had its tables among the tensors, 3 nothing that says which run it is of, and 4 another likelihood of binary
# and categorical views: runs with such views are refused where they are unpacked.
READABLE = (2, 3, 4, 5)
_TENSORS, _STATE = "tensors.safetensors", "state.json"
_TABLES = "tables"  # in the state: the hash of each


def save(
    folder: Path,
    tensors: dict[str, torch.Tensor],
    state: dict[str, Any],
    tables: Mapping[str, np.ndarray] | None = None,
    same_tables: bool = False,
) -> None:
    """Write a checkpoint beside `folder` and put it in its place by renaming.

    Args:
        folder: where it will stand; what stood there before stays until the new one is complete.
        tensors: by name.
        state: anything JSON can hold.
        tables: large arrays by name, which are written without a copy in memory; names may have slashes.
        same_tables: they are those of the checkpoint that stands there now, whose files are taken over.

    Raises:
        OSError: the disk does not take it; what stood there still stands.
    """
    fresh = _beside(folder, "new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, fresh / _TENSORS)
    except SafetensorError as error:
        raise of_system(error, fresh / _TENSORS) from error
    state = {**state, _TABLES: _taken_over(folder, fresh) if same_tables else _written(tables or {}, fresh)}
    envelope = {"schema": SCHEMA, "sha256": _digest(fresh / _TENSORS, state), "state": state}
    (fresh / _STATE).write_text(json.dumps(envelope))
    for path in fresh.iterdir():
        _flush(path)
    _put(fresh, folder)


def duplicate(folder: Path, other: Path) -> None:
    """Make `other` the same checkpoint as `folder`, without a second copy of its bytes where links are to be had."""
    fresh = _beside(other, "new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(folder, fresh, copy_function=_link)
    _put(fresh, other)


def recover(folder: Path) -> None:
    """Put right what a save that was killed left: the checkpoint stands in its place, and nothing lies beside it."""
    if exists(folder) and not folder.is_dir():
        _standing(folder).rename(folder)
    for suffix in ("new", "old"):
        shutil.rmtree(_beside(folder, suffix), ignore_errors=True)


def exists(folder: Path) -> bool:
    """Whether a checkpoint stands at `folder`, or stood there when the process was killed in the middle of saving."""
    return folder.is_dir() or _beside(folder, "old").is_dir()


def load(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and state of a checkpoint.

    Raises:
        UserError: there is none, it is damaged, or another version of the program wrote it.
    """
    folder = _standing(folder)
    envelope = _envelope(folder)
    path = folder / _TENSORS
    if not path.is_file() or _digest(path, envelope["state"]) != envelope["sha256"]:
        raise _damaged(path)
    state = {name: value for name, value in envelope["state"].items() if name != _TABLES}
    try:
        return load_file(path), state
    except SafetensorError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def load_finished(run: Path, key: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The last checkpoint of a run that has nothing left to train, as `load`.

    Raises:
        UserError: there is something left, which begins with the config's `key` for the run; or as `load`.
    """
    last = RunFolder(run).last
    if exists(last):
        tensors, state = load(last)
        if state["finished"]:
            return tensors, state
    raise UserError(f"{key}: {run} is not finished; favae-run resume={run} goes on with it")


def load_alone(run: Path, key: str) -> dict[str, torch.Tensor]:
    """The tensors of a run's VAEs before they were joined; the run need not be finished.

    Raises:
        UserError: they are still alone, which begins with the config's `key` for the run; or as `load`.
    """
    alone = RunFolder(run).alone
    if not exists(alone):
        raise UserError(f"{key}: there is no checkpoint at {alone}")
    return load(alone)[0]


def load_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint that `load` is yet to look at: whether it is whole shows only beside the tensors.

    Raises:
        UserError: as `load`.
    """
    state: dict[str, Any] = _envelope(_standing(folder))["state"]
    return state


def load_tables(folder: Path, prefix: str = "") -> dict[str, np.ndarray]:
    """The tables of a checkpoint by name, mapped into memory; those whose names begin with `prefix`.

    Raises:
        UserError: as `load`.
    """
    folder = _standing(folder)
    tables = {}
    for name, expected in _envelope(folder)["state"].get(_TABLES, {}).items():
        if not name.startswith(prefix):
            continue
        path = folder / _file(name)
        if not path.is_file() or _hash(path) != expected:
            raise _damaged(path)
        tables[name] = np.load(path, mmap_mode="c")
    return tables


def _written(tables: Mapping[str, np.ndarray], fresh: Path) -> dict[str, str]:
    """Save the tables; returns the hash of each."""
    for name, table in tables.items():
        np.save(fresh / _file(name), table)
    return {name: _hash(fresh / _file(name)) for name in tables}


def _taken_over(folder: Path, fresh: Path) -> dict[str, str]:
    """Have the tables of the checkpoint that stands in the new one as well; returns the hash of each."""
    standing = _standing(folder)
    hashes: dict[str, str] = _envelope(standing)["state"][_TABLES]
    for name in hashes:
        _link(str(standing / _file(name)), str(fresh / _file(name)))
    return hashes


def _standing(folder: Path) -> Path:
    """Where the checkpoint is, should a save have been interrupted."""
    return folder if folder.is_dir() or not _beside(folder, "old").is_dir() else _beside(folder, "old")


def _envelope(folder: Path) -> dict[str, Any]:
    path = folder / _STATE
    if not path.exists():
        raise UserError(f"no checkpoint at {folder}")
    envelope = read_json(path, _ENVELOPE)
    if envelope["schema"] not in READABLE:
        told = ", ".join(map(str, READABLE))
        raise UserError(f"{folder}: checkpoint schema {envelope['schema']}, this version of favae-run reads {told}")
    return envelope


def _whole(envelope: dict[str, Any]) -> dict[str, Any]:
    if not {"schema", "sha256", "state"} <= set(envelope) or not isinstance(envelope["state"], dict):
        raise ValueError("it is no checkpoint's")
    return envelope


_ENVELOPE = TypeAdapter(Annotated[dict[str, Any], AfterValidator(_whole)])


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} or {_STATE} beside it is missing or damaged: the hash is not the one that was saved")


def _file(table: str) -> str:
    return f"{table.replace('/', '.')}.npy"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(fresh: Path, folder: Path) -> None:
    """Rename `fresh` to `folder`; at every moment there is a whole checkpoint at `folder` or at its `.old`."""
    old = _beside(folder, "old")
    if folder.exists():  # if not, `old` may be all that an interrupted save left
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name}.{suffix}")


def _digest(path: Path, state: dict[str, Any]) -> str:
    """One hash over the tensors' file and the state."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(state, sort_keys=True).encode())
    return digest.hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)
    return target
