"""Wherever among its file operations a training is killed, it can be gone on with and ends the same."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from favae_cli.training.schedule import Training

End = tuple[dict[str, torch.Tensor], list[dict[str, Any]], dict[str, Any]]
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SHORT = ("schedule.alone_epochs=1", "schedule.rounds=1")

_watching: Callable[[], None] | None = None  # an audit hook stays for good, so there is one for all


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
    if _watching is not None and changes and threading.current_thread() is threading.main_thread():
        _watching()


@pytest.fixture(scope="module")
def hooked() -> None:
    sys.addaudithook(_hook)


@contextmanager
def kept_before_each_operation(folder: Path, states: Path) -> Iterator[None]:
    """Copy `folder` into `states` before each file operation of the context: what a kill there would leave on disk."""
    global _watching

    def copy() -> None:
        global _watching
        _watching = None
        shutil.copytree(folder, states / f"{len(os.listdir(states)):04}", ignore=shutil.ignore_patterns("tensorboard"))
        _watching = copy

    states.mkdir()
    _watching = copy
    try:
        yield
    finally:
        _watching = None


def names(state: Path) -> frozenset[str]:
    return frozenset(path.relative_to(state).as_posix() for path in state.rglob("*"))


def checkpoints(state: Path) -> frozenset[str]:
    return frozenset(name for name in names(state) if name.count("/") == 1)


def contents(state: Path) -> frozenset[tuple[str, str]]:
    files = [path for path in state.rglob("*") if path.is_file()]
    hashes = {(path.relative_to(state).as_posix(), sha256(path.read_bytes()).hexdigest()) for path in files}
    return frozenset(hashes | {(name, "") for name in names(state)})


@pytest.mark.slow
@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("kind", [checkpoints, contents])
def test_killed_before_any_file_operation_the_end_is_the_same(
    kind: Callable[[Path], frozenset[Any]],
    start: Callable[..., Training],
    identical: Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool],
    finish: Callable[[Training], End],
    tmp_path: Path,
) -> None:
    """One state of each kind: those in which the same checkpoints are there, or those that are the same to the byte."""
    (tmp_path / "run").mkdir()
    with kept_before_each_operation(tmp_path / "run", tmp_path / "states"):
        tensors, records, state = finish(start("run", *SHORT))
    kinds = {kind(place): place for place in sorted((tmp_path / "states").iterdir())}
    between = [place for place in kinds.values() if names(place) >= {"checkpoints/.last.old", "checkpoints/.last.new"}]
    assert any("checkpoints/last" not in names(place) for place in between), "no state between the two renames"
    for place in kinds.values():
        its_tensors, its_records, its_state = finish(start(f"states/{place.name}", *SHORT))
        assert identical(its_tensors, tensors), place.name
        assert its_records == records, place.name
        assert its_state == state, place.name
        assert not [name for name in names(place) if "/." in name], place.name
