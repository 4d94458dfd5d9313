"""The files of configs/ with their comments, key by key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from favae_cli.config.folders import shipped_configs


@dataclass(frozen=True)
class Key:
    """What a YAML file says of a key."""

    value: str
    comment: str


@dataclass
class Option:
    """One file of a config group, with what it takes over from others.

    Attributes:
        name: of the file.
        about: the comment at its head: a line or two.
        calls: the commands in that comment.
        keys: by dotted path.
    """

    name: str
    about: str = ""
    calls: list[str] = field(default_factory=list)
    keys: dict[str, Key] = field(default_factory=dict)


def option(path: Path, folder: Path | None = None) -> Option:
    """A file of configs/, the keys of those in its `defaults` under its own."""
    folder = folder or shipped_configs()
    text = path.read_text(encoding="utf-8")
    found = Option(path.stem)
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words = line.lstrip("# ")
        if words.startswith("favae-run"):
            found.calls.append(words)
        elif words and not words.startswith("@"):
            found.about = f"{found.about} {words}".strip()
    root = yaml.compose(text)
    for entry in (yaml.safe_load(text) or {}).get("defaults", []):
        source = entry if isinstance(entry, str) else ""
        if isinstance(entry, dict):
            ((group, choice),) = entry.items()
            if group.startswith("/") and "@" in group:  # one of its sections is an option of another group
                found.keys[group.split("@")[1]] = Key(str(choice), "")
        elif source != "_self_":
            name = source.removesuffix("@_here_")
            base = folder / name.lstrip("/") if name.startswith("/") else path.parent / name
            found.keys |= option(base.with_suffix(".yaml"), folder).keys
    if isinstance(root, yaml.MappingNode):
        found.keys |= dict(_commented(root, text.splitlines()))
    return found


def options(group: str) -> list[Option]:
    """All files of a config group, by name."""
    files = (shipped_configs() / group).glob("*.yaml")
    return [option(path) for path in sorted(files, key=lambda path: re.sub(r"\d+", lambda n: n[0].zfill(4), path.stem))]


def _commented(node: yaml.MappingNode, lines: list[str], prefix: str = "") -> Iterator[tuple[str, Key]]:
    """Every key below a node, sections too, with the comment that stands behind it or right above it."""
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        if path == "defaults":
            continue
        block = isinstance(value, yaml.MappingNode) and not value.flow_style
        end = key.end_mark if block else value.end_mark
        written = "" if block else "\n".join(lines)[_place(lines, value.start_mark) : _place(lines, value.end_mark)]
        yield path, Key(written, _comment(lines, key.start_mark.line, end.line, end.column))
        if block:
            yield from _commented(value, lines, f"{path}.")


def _place(lines: list[str], mark: yaml.Mark) -> int:
    return sum(len(line) + 1 for line in lines[: mark.line]) + int(mark.column)


def _comment(lines: list[str], first: int, last: int, column: int) -> str:
    above: list[str] = []
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
        above.insert(0, lines[first].lstrip("# "))
    if first == 0:
        above = []  # the head of the file is about all of it
    behind = lines[last][column:].partition("#")[2].strip()
    where = lines[last].find("#", column)
    for line in lines[last + 1 :] if behind else ():
        if line.find("#") != where or line.strip()[:1] != "#":
            break
        behind += " " + line.strip("# ")
    return ". ".join(filter(None, [behind, " ".join(above)]))
