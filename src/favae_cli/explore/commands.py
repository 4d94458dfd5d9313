"""The command line that makes what the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

Value = str | bool | int | float | Sequence[str]

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*", re.ASCII)  # what Hydra takes as a text without quotes
_NO_TEXT = {"null", "true", "false", "nan", "inf"}


def command(run: Path, task: str, keys: Mapping[str, Value | None]) -> str:
    """`favae-run task=... run=...` with these keys, for a POSIX shell; those that are None are left out."""
    words = ["favae-run", f"task={task}", f"run={_text(str(run))}"]
    words += [f"{key}={_value(value)}" for key, value in keys.items() if value is not None]
    return shlex.join(words)


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    return f"{value:g}" if isinstance(value, int | float) else f"[{','.join(map(_text, value))}]"


def _text(text: str) -> str:
    """A text as Hydra's grammar reads it back."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped).replace("${", r"\${")
    return f'"{escaped}"'
