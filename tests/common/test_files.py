"""Files that are whole or not there."""

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
