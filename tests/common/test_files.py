"""Files that are whole or not there."""

import os
from pathlib import Path

import pytest

from favae_cli.common.errors import Interrupted
from favae_cli.common.files import replacing


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
