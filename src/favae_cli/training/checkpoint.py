"""Checkpoints: one folder each, whole or not there at all, and loaded without running anything."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from favae_cli.errors import UserError

SCHEMA = 2
_TENSORS, _STATE = "tensors.safetensors", "state.json"


def save(folder: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Write a checkpoint beside `folder` and put it in its place by renaming.

    Args:
        folder: where it will stand; what stood there before stays until the new one is complete.
        tensors: by name.
        state: anything JSON can hold.
    """
    fresh = _beside(folder, "new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, fresh / _TENSORS)
    envelope = {"schema": SCHEMA, "sha256": _digest(fresh / _TENSORS, state), "state": state}
    (fresh / _STATE).write_text(json.dumps(envelope))
    for path in (fresh / _TENSORS, fresh / _STATE):
        _flush(path)
    _put(fresh, folder)


def duplicate(folder: Path, other: Path) -> None:
    """Make `other` the same checkpoint as `folder`, without a second copy of its bytes where links are to be had."""
    fresh = _beside(other, "new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(folder, fresh, copy_function=_link)
    _put(fresh, other)


def exists(folder: Path) -> bool:
    """Whether a checkpoint stands at `folder`, or stood there when the process was killed in the middle of saving."""
    return folder.is_dir() or _beside(folder, "old").is_dir()


def load(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and state of a checkpoint.

    Raises:
        UserError: there is none, it is damaged, or another version of the program wrote it.
    """
    if not folder.is_dir() and _beside(folder, "old").is_dir():
        folder = _beside(folder, "old")
    try:
        envelope = json.loads((folder / _STATE).read_text())
    except FileNotFoundError as error:
        raise UserError(f"no checkpoint at {folder}") from error
    except ValueError as error:  # no JSON, or not even text
        raise UserError(f"{folder / _STATE} is damaged: {error}") from error
    if not isinstance(envelope, dict) or not {"schema", "sha256", "state"} <= set(envelope):
        raise UserError(f"{folder / _STATE} is damaged: it is no checkpoint's")
    if envelope["schema"] != SCHEMA:
        raise UserError(f"{folder}: checkpoint schema {envelope['schema']}, this version of favae-run reads {SCHEMA}")
    path = folder / _TENSORS
    if not path.is_file() or _digest(path, envelope["state"]) != envelope["sha256"]:
        raise UserError(f"{path} or {_STATE} beside it is missing or damaged: the hash is not the one that was saved")
    try:
        return load_file(path), envelope["state"]
    except SafetensorError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


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
