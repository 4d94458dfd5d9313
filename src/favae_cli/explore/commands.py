"""The command line that makes what the page shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from favae_cli.config.trained_run_tasks import USES

Value = str | bool | int | float | Sequence[str] | Mapping[str, float]

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*", re.ASCII)  # what Hydra takes as a text without quotes
_NO_TEXT = {"null", "true", "false", "nan", "inf"}
_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)  # what Hydra takes as a part of a key
_WORDS = re.compile(r"[A-Za-z_]\w*( [A-Za-z_]\w*)*", re.ASCII)  # what it takes as a key in a mapping
_GROUND = re.compile(r"[+~]*(data|trust|cache)\b")  # overrides that say what a run is looked at with


def command(run: Path, task: str, keys: Mapping[str, Value | None], overrides: Sequence[str] = ()) -> str:
    """`favae-run task=... run=...` with these keys, for a POSIX shell; those that are None are left out.

    Of the overrides, those of the data, the trust and the cache go along where the task has these keys.
    """
    words = ["favae-run", f"task={task}", f"run={_text(str(run))}"]
    words += [word for word in overrides if (key := _GROUND.match(word)) and key[1] in USES[task].model_fields]
    words += [word for key, value in keys.items() if value is not None for word in _words(key, value)]
    return shlex.join(words)


def _words(key: str, value: Value) -> list[str]:
    """One argument; of a mapping one for each of its names, unless they are no keys for Hydra."""
    if not isinstance(value, Mapping):
        return [f"{key}={_value(value)}"]
    texts = all(name.lower() not in _NO_TEXT for name in value)
    if texts and all(map(_KEY.fullmatch, value)):
        return [f"{key}.{name}={_value(value[name])}" for name in value]
    if texts and all(map(_WORDS.fullmatch, value)):
        return [f"{key}={{{', '.join(f'{name}: {_value(value[name])}' for name in value)}}}"]
    # As JSON; nothing in it that would be more than a letter to OmegaConf.
    told = ", ".join(f"{json.dumps(name).replace('$', chr(92) + 'u0024')}: {_value(value[name])}" for name in value)
    return [f"{key}={_text(f'{{{told}}}')}"]


def _value(value: str | bool | int | float | Sequence[str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else f"[{','.join(map(_text, value))}]"


def _text(text: str) -> str:
    """A text as Hydra's grammar reads it back."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped).replace("${", r"\${")
    return f'"{escaped}"'
