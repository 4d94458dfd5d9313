"""What the stored config of a run, which somebody else may have made, is not to do: run code, look things up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.views import OWN_CODE

_TARGET = "_target_"
_REFERENCE = re.compile(r"\$\{[\w.\[\]-]+\}")  # to another key of the config


def require_trusted(composed: DictConfig, folder: Path, key: str) -> None:
    """Refuse a config that names code from elsewhere, or asks resolvers, such as oc.env, that the shipped one does not.

    Args:
        composed: stored, nothing of it resolved.
        folder: of the run.
        key: the config key that named the folder, for messages.

    Raises:
        UserError: with every such place, one a line.
    """
    shipped = OmegaConf.to_container(OmegaConf.load(shipped_configs() / "run.yaml"))
    assert isinstance(shipped, dict)
    found = []
    for name, text in _texts(OmegaConf.to_container(composed), ""):
        if name.rpartition(".")[2] == _TARGET and not text.startswith(OWN_CODE):
            found.append(f"its {name}={text} runs code that does not come with favae-run")
        elif _asks_resolver(text) and text != shipped.get(name):
            found.append(f"its {name}={text} looks something up outside of the config")
    _refuse(found, folder, key)


def require_trusted_lines(lines: Sequence[str], folder: Path, key: str) -> None:
    """As `require_trusted`, of stored overrides."""
    found = [f"its {line} runs code or looks something up" for line in lines if _TARGET in line or _asks_resolver(line)]
    _refuse(found, folder, key)


def _refuse(found: Sequence[str], folder: Path, key: str) -> None:
    if found:
        raise UserError(
            "\n".join(f"{key}: {folder}: {what}; if you trust who made it, add trust=true" for what in found)
        )


def _texts(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """The key and the value of every text in a config."""
    if isinstance(node, str):
        yield path, node
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield from _texts(value, f"{path}.{key}" if path else str(key))


def _asks_resolver(text: str) -> bool:
    """Whether anything but references to other keys would be put in."""
    count = 1
    while count:
        text, count = _REFERENCE.subn("", text)
    return "${" in text
