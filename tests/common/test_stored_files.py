"""Whatever is wrong with a file of JSON or YAML, one line names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError, printable
from favae_cli.common.stored_files import read_config, read_json, read_json_lines, read_yaml

Read = Callable[[Path], Any]
NUMBERS = TypeAdapter(dict[str, float])
# Just beyond what is read: where nobody counted, it would be read in seconds.
WIDE = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 6))


def lines(path: Path) -> Any:
    return read_json_lines(path, NUMBERS)


def json(path: Path) -> Any:
    return read_json(path, NUMBERS)


def yaml(path: Path) -> Any:
    return read_yaml(path, NUMBERS)


@pytest.mark.parametrize(
    ("read", "held"),
    [
        *((read, held) for read in (json, yaml, read_config) for held in (b"[1, 2]", b"3", b"\xff\xfe{}", b"{{")),
        *((read, b'{"a": "x"}') for read in (json, yaml, lines)),
        *((json, held) for held in (b"[" * 100_000, b'{"a": ' + b"1" * 5000 + b"}", b'{"a": 1')),
        *((lines, held) for held in (b"[1]}\n", b"{}\n{'a': 1}\n", b"\xff}\n")),
        *((read, held) for read in (yaml, read_config) for held in (b"a: [1", b"a: \0", b"a: &x [*x]")),
        *((read, f"a0: &a0 [1]\n{WIDE}".encode()) for read in (yaml, read_config)),
        (json, b""),
        pytest.param(yaml, b"[" * 5000, marks=pytest.mark.slow),
        (yaml, b""),
        (read_config, b"a: ${"),
        (read_config, "a: 1".encode("utf-16")),
    ],
)
def test_one_line_names_the_file(read: Read, held: bytes, tmp_path: Path) -> None:
    path = tmp_path / "held"
    path.write_bytes(held)
    with pytest.raises(UserError) as refused:
        read(path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(str(path))


@pytest.mark.parametrize("read", [json, yaml, lines, read_config])
def test_a_folder_and_nothing_are_no_files(read: Read, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UserError, match="cannot be read"):
            read(path)


def test_what_is_whole_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "held"
    path.write_text('{"a": 1.5}\n{"b": 2}\n{"c": ')
    assert lines(path) == [{"a": 1.5}, {"b": 2.0}]  # what a kill cut short is no line
    path.write_text("a: &x {b: 1}\nc: *x\nd: ${c.b}\n")
    assert read_config(path) == {"a": {"b": 1}, "c": {"b": 1}, "d": 1}


def test_names_do_not_steer_the_terminal() -> None:
    assert printable("a\x1b[31m.csv\tis\r\nné") == "a\\x1b[31m.csv\tis\\r\nné"
