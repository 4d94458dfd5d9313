"""Files that are whole or not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import favae_cli
from favae_cli.common.errors import Interrupted
from favae_cli.common.files import replacing, take_room
from favae_cli.common.run_lock import holding


def test_what_was_begun_when_a_stop_came_is_gone_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    with replacing(path) as file:
        file.write_text("whole")
    with pytest.raises(Interrupted), replacing(path) as file:  # noqa: PT012
        file.write_text("ha")
        raise Interrupted
    assert path.read_text() == "whole"
    assert [*tmp_path.iterdir()] == [path]


def test_nothing_that_lies_beside_it_is_written_through_or_taken_away(tmp_path: Path) -> None:
    path, other = tmp_path / "folder" / "numbers.json", tmp_path / "other"
    path.parent.mkdir()
    other.write_text("somebody's")
    planted = path.parent / ".numbers.json.part"
    planted.symlink_to(other)
    with replacing(path) as file, replacing(path) as second:
        assert file != second
        second.write_text("second")
        file.write_text("whole")
    assert (path.read_text(), other.read_text()) == ("whole", "somebody's")
    assert {*path.parent.iterdir()} == {path, planted}


def test_it_can_be_read_by_whom_any_new_file_can(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "numbers.json") as file:
            file.write_text("whole")
    finally:
        os.umask(before)
    assert (tmp_path / "numbers.json").stat().st_mode & 0o777 == 0o640


KILLED = """
import os, signal
from pathlib import Path
from favae_cli.common.files import replacing, take_room
with replacing(Path("numbers.json")) as file, replacing(Path("other.json")):
    file.write_text("ha")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_taken_away_by_the_next_and_nobody_elses(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(favae_cli.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", KILLED], env=environment, cwd=tmp_path, check=False)
    assert len([*tmp_path.glob(".*.part")]) == 2
    path = tmp_path / "numbers.json"
    with replacing(path) as file:
        with replacing(path) as second:  # while the first still writes
            second.write_text("second")
        assert file.exists()
        file.write_text("whole")
    assert path.read_text() == "whole"
    (left,) = tmp_path.glob(".*.part")
    assert left.name.startswith(".other.json.")
    with holding(tmp_path):
        assert not left.exists()


def on_disk(path: Path) -> int:
    """Bytes that are taken for a file, which may be fewer than it seems to have."""
    return 512 * path.stat().st_blocks


@pytest.mark.parametrize("preallocating", [True, False])
def test_room_is_taken_before_anything_is_written(
    preallocating: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, size = tmp_path / "table", 1 << 20
    path.touch()
    os.truncate(path, size)
    if on_disk(path) >= size:
        pytest.skip("this file system knows no holes")
    if not preallocating:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    take_room(path, size)
    assert on_disk(path) >= size
    assert path.stat().st_size == size


def test_what_is_no_open_file_is_not_kept_on_the_disk(tmp_path: Path) -> None:
    """In tests too, where nothing waits for the disk."""
    with (tmp_path / "file").open("w") as file:
        descriptor = file.fileno()
        os.fsync(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fsync(descriptor)
