"""A checkpoint is whole or not there, wherever saving was cut off; a damaged one is refused by name."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.training import checkpoint


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program may catch it."""


def killed_at(line: int, action: Callable[[], None]) -> bool:
    """Cut `action` off before the `line`-th line that it runs of checkpoint.py or shutil; whether it came that far."""
    watched = {checkpoint.__file__, shutil.__file__}
    left = line

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in watched:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except BaseException:
        if left >= 0:
            raise
    finally:
        sys.settrace(before)
    return left < 0


def kills(folder: Path, prepare: Callable[[], None], action: Callable[[], None]) -> Iterator[int]:
    """Each place where `action` can be cut off, just after it was, `folder` having been prepared afresh."""
    for line in range(1000):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        prepare()
        if not killed_at(line, action):
            return
        yield line
    raise AssertionError("it never ended")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def put(place: Path, number: int) -> None:
    checkpoint.save(place, {"a": torch.full((3,), float(number))}, {"number": number})


def number_of(place: Path) -> int:
    """The number of the checkpoint at `place`, which must be the same in both of its files."""
    tensors, state = checkpoint.load(place)
    assert tensors["a"].tolist() == [state["number"]] * 3
    number: int = state["number"]
    return number


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    tensors = {
        "weights": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
        "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "double": torch.tensor(0.1, dtype=torch.float64),
        "count": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "strided": torch.arange(48.0).reshape(2, 4, 3, 2).contiguous(memory_format=torch.channels_last),
        "learned": torch.nn.Parameter(torch.ones(2)),
    }
    state = {"number": 0.1, "list": [1, 2], "nested": {"a b/c": None}}
    checkpoint.save(tmp_path / "deep" / "last", tensors, state)
    loaded, told = checkpoint.load(tmp_path / "deep" / "last")
    assert told == state
    assert set(loaded) == set(tensors)
    for name, value in tensors.items():
        assert loaded[name].dtype == value.dtype, name
        assert torch.equal(loaded[name], value), name


def test_there_is_a_checkpoint_only_after_one_was_saved(tmp_path: Path) -> None:
    assert not checkpoint.exists(tmp_path / "last")
    with pytest.raises(UserError, match=r"no checkpoint at .*last"):
        checkpoint.load(tmp_path / "last")
    put(tmp_path / "last", 1)
    assert checkpoint.exists(tmp_path / "last")
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_the_first_save_cut_off_anywhere_leaves_nothing_or_all(folder: Path) -> None:
    outcomes = set()
    for _ in kills(folder, lambda: None, lambda: put(folder / "last", 1)):
        outcomes.add(number_of(folder / "last") if checkpoint.exists(folder / "last") else 0)
        put(folder / "last", 2)
        assert number_of(folder / "last") == 2
    assert outcomes == {0, 1}


@pytest.mark.slow
def test_a_later_save_cut_off_anywhere_leaves_the_old_or_the_new_one(folder: Path) -> None:
    outcomes = set()
    for _ in kills(folder, lambda: put(folder / "last", 1), lambda: put(folder / "last", 2)):
        assert checkpoint.exists(folder / "last")
        outcomes.add(number_of(folder / "last"))
        put(folder / "last", 3)
        assert number_of(folder / "last") == 3
    assert outcomes == {1, 2}


@pytest.mark.slow
def test_a_save_after_one_that_was_cut_off_can_be_cut_off_as_well(folder: Path) -> None:
    place = folder / "last"
    left_over: set[frozenset[str]] = set()
    for line in kills(folder, lambda: put(place, 1), lambda: put(place, 2)):
        names = frozenset(path.name for path in folder.iterdir())
        if names in left_over:
            continue
        left_over.add(names)

        def cut_off_once(line: int = line) -> None:
            put(place, 1)
            killed_at(line, lambda: put(place, 2))

        for _ in kills(folder, cut_off_once, lambda: put(place, 3)):
            assert number_of(place) in (1, 2, 3)
    assert len(left_over) >= 3


def test_a_duplicate_is_the_same_checkpoint_and_outlives_the_first(tmp_path: Path) -> None:
    put(tmp_path / "last", 1)
    checkpoint.duplicate(tmp_path / "last", tmp_path / "best")
    put(tmp_path / "last", 2)
    assert (number_of(tmp_path / "last"), number_of(tmp_path / "best")) == (2, 1)
    checkpoint.duplicate(tmp_path / "last", tmp_path / "best")
    assert number_of(tmp_path / "best") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"last", "best"}


def test_a_duplicate_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    put(tmp_path / "last", 1)
    checkpoint.duplicate(tmp_path / "last", tmp_path / "best")
    assert number_of(tmp_path / "best") == 1


@pytest.mark.slow
def test_a_duplicate_cut_off_anywhere_leaves_the_old_or_the_new_one(folder: Path) -> None:
    def prepare() -> None:
        put(folder / "best", 1)
        put(folder / "last", 2)

    outcomes = set()
    for _ in kills(folder, prepare, lambda: checkpoint.duplicate(folder / "last", folder / "best")):
        outcomes.add(number_of(folder / "best"))
        assert number_of(folder / "last") == 2
        checkpoint.duplicate(folder / "last", folder / "best")
        assert number_of(folder / "best") == 2
    assert outcomes == {1, 2}


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
def test_a_flipped_bit_anywhere_is_noticed(name: str, tmp_path: Path) -> None:
    put(tmp_path / "last", 1)
    path = tmp_path / "last" / name
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        for bit in (0x01, 0x10, 0x80):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with pytest.raises(UserError) as refused:
                checkpoint.load(tmp_path / "last")
            assert str(tmp_path / "last") in str(refused.value)


def test_a_missing_or_truncated_file_is_named(tmp_path: Path) -> None:
    put(tmp_path / "last", 1)
    state, tensors = tmp_path / "last" / "state.json", tmp_path / "last" / "tensors.safetensors"
    whole = state.read_bytes()
    for length in range(0, len(whole), 7):
        state.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"state\.json: is damaged"):
            checkpoint.load(tmp_path / "last")
    state.write_bytes(whole[:9] + b"\xff" + whole[10:])
    with pytest.raises(UserError, match=r"state\.json: is no text"):
        checkpoint.load(tmp_path / "last")
    state.write_bytes(whole)
    tensors.unlink()
    with pytest.raises(UserError, match=r"tensors\.safetensors .*is missing"):
        checkpoint.load(tmp_path / "last")


def test_another_schema_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "last", 1)
    state = tmp_path / "last" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"schema": checkpoint.SCHEMA + 1}))
    with pytest.raises(UserError, match=f"schema {checkpoint.SCHEMA + 1}, .*reads .*{checkpoint.SCHEMA}"):
        checkpoint.load(tmp_path / "last")


def test_tables_come_back_and_are_written_once_as_long_as_they_stay_the_same(tmp_path: Path) -> None:
    folder, tables = tmp_path / "last", {"face/train": np.arange(6, dtype=np.float32).reshape(3, 2)}
    checkpoint.save(folder, {}, {"step": 1}, tables)
    first = (folder / "face.train.npy").stat().st_ino
    checkpoint.save(folder, {}, {"step": 2}, tables, same_tables=True)
    assert (folder / "face.train.npy").stat().st_ino == first
    assert checkpoint.load(folder)[1] == {"step": 2}
    np.testing.assert_array_equal(checkpoint.load_tables(folder)["face/train"], tables["face/train"])
    checkpoint.save(folder, {}, {"step": 3}, {"face/train": tables["face/train"] + 1})
    np.testing.assert_array_equal(checkpoint.load_tables(folder)["face/train"], tables["face/train"] + 1)


def test_a_table_that_changed_on_disk_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "last"
    checkpoint.save(folder, {}, {}, {"face/train": np.zeros((3, 2), np.float32)})
    with (folder / "face.train.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    with pytest.raises(UserError, match=r"face\.train\.npy"):
        checkpoint.load_tables(folder)
