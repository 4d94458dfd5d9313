"""A disk that takes no more is told in a line; what else may go wrong is not taken for that."""

from __future__ import annotations

import errno
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from favae_cli.common import log_lines
from favae_cli.common.disk import of_system, threads_told, written_to
from favae_cli.common.errors import UserError
from favae_cli.common.log_lines import logging_to
from favae_cli.training import checkpoint

FULL = "/dev/full"  # takes nothing


def failing(number: int, name: str = "/run/file") -> OSError:
    return OSError(number, os.strerror(number), name)


TAKEN = OSError(errno.EISDIR, "Is a directory", "/run/.metrics.json.part", None, "/run/metrics.json")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (failing(errno.ENOSPC), "/run/file: cannot be written (No space left on device); resume"),
        (failing(errno.EROFS), "/run/file: cannot be written (Read-only file system); resume"),
        (failing(errno.EACCES), "/run/file: cannot be written (Permission denied); resume"),
        (failing(errno.EACCES, "/new/folder"), "/new/folder: cannot be written (Permission denied); resume"),
        (OSError(errno.ENOSPC, "No space"), "/run: cannot be written (No space left on device); resume"),
        (TAKEN, "/run/metrics.json: cannot be written (Is a directory); resume"),
        (OSError("12 requested and 0 written"), "/run: cannot be written (No space left on device); resume"),
    ],
)
def test_what_cannot_be_written_is_a_line(error: OSError, told: str) -> None:
    with pytest.raises(UserError) as refused, written_to(Path("/run"), "resume"):
        raise error
    assert str(refused.value) == told


@pytest.mark.parametrize(
    "error", [failing(errno.ENOENT), failing(errno.EISDIR), failing(errno.EACCES, __file__), OSError("what else")]
)
def test_other_errors_stay_what_they_are(error: OSError) -> None:
    with pytest.raises(OSError) as raised, written_to(Path("/run"), "resume"):  # noqa: PT011  the same one
        raise error
    assert raised.value is error


def test_a_library_that_tells_it_in_words_only() -> None:
    error = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    found = of_system(error, Path("/run/tensors"))
    assert (found.errno, found.filename) == (errno.ENOSPC, "/run/tensors")


@pytest.mark.skipif(not Path(FULL).exists(), reason="there is no device that is full")
def test_a_log_that_cannot_be_written_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.log").symlink_to(FULL)
    with pytest.raises(UserError, match="No space left"), written_to(tmp_path, "resume"), logging_to(tmp_path):
        logging.getLogger(log_lines.__name__).info("a line")
    assert "Logging error" not in capsys.readouterr().err


@pytest.mark.skipif(not Path(FULL).exists(), reason="there is no device that is full")
@pytest.mark.parametrize("file", ["samples.keys.npy", "state.json"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors, tables = {"a": torch.arange(3.0)}, {"samples/keys": np.arange(4)}
    checkpoint.save(tmp_path / "last", tensors, {"epoch": 1}, tables)
    make = Path.mkdir

    def planted(path: Path, parents: bool = False, exist_ok: bool = False) -> None:
        make(path, parents=parents, exist_ok=exist_ok)
        (path / file).symlink_to(FULL)

    monkeypatch.setattr(Path, "mkdir", planted)
    with pytest.raises(UserError, match="cannot be written"), written_to(tmp_path, "resume"):
        checkpoint.save(tmp_path / "last", tensors, {"epoch": 2}, tables)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "last")[1] == {"epoch": 1}
    checkpoint.recover(tmp_path / "last")
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


@pytest.mark.parametrize(("error", "traceback"), [(failing(errno.ENOSPC), False), (ValueError("a bug"), True)])
def test_a_thread_that_a_full_disk_ends_is_a_line_and_a_bug_in_one_is_a_traceback(
    error: Exception, traceback: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda ending: shown.append(ending.exc_value))
    with threads_told():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert bool(shown) is traceback
    assert ("No space left on device" in caplog.text) is not traceback
