"""JSON and YAML as they lie on disk: whatever is wrong with a file, damaged or ill meant, is one line that names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError
from yaml.loader import SafeLoader

from favae_cli.common.errors import UserError

T = TypeVar("T")
MOST = 100_000  # values of a YAML file, those that an alias repeats counted again


def read_text(path: Path) -> str:
    """The text of a file in UTF-8.

    Raises:
        UserError: it cannot be read, or is no such text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no text in UTF-8; save it as such") from error


def read_json(path: Path, shape: TypeAdapter[T]) -> T:
    """What a JSON file holds, of the shape that it has to have.

    Raises:
        UserError: it cannot be read, is no JSON, or holds something else.
    """
    return _of_shape(path, _parsed(path, read_text(path), json.loads), shape)


def read_json_lines(path: Path, shape: TypeAdapter[T]) -> list[T]:
    """What each line of a file holds, as `read_json`; a line that a kill cut short, without its brace, is no line."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [
        _of_shape(path, _parsed(path, line, json.loads, number), shape, number)
        for number, line in lines
        if line.endswith("}")
    ]


def read_yaml(path: Path, shape: TypeAdapter[T]) -> T:
    """What a YAML file holds, of the shape that it has to have; as `require_sound_yaml`, the file is a small one.

    Raises:
        UserError: it cannot be read, is no YAML, unfolds without end, or holds something else.
    """
    return _of_shape(path, _parsed(path, require_sound_yaml(path), yaml.safe_load), shape)


def read_config(path: Path) -> DictConfig:
    """The config of a YAML file, nothing of it resolved.

    Raises:
        UserError: as `read_yaml`; it holds something else than keys and values.
    """
    require_sound_yaml(path)
    config = _parsed(path, path, OmegaConf.load)
    if not isinstance(config, DictConfig):
        raise _damaged(path, "it holds no keys and values", None)
    return config


def require_sound_yaml(path: Path) -> str:
    """The text of a YAML file whose aliases do not unfold to more than anyone writes.

    Raises:
        UserError: as `read_yaml`.
    """
    text = read_text(path)
    graph = _parsed(path, text, lambda text: yaml.compose(text, SafeLoader))  # that of C dies of deep nesting
    if graph is not None and _parsed(path, graph, lambda graph: _unfolded(graph, {})) > MOST:
        raise UserError(f"{path}: its aliases (*NAME) stand for more than {MOST} values; write out what is meant")
    return text


def _parsed(path: Path, source: Any, parse: Callable[[Any], Any], line: int | None = None) -> Any:
    try:
        return parse(source)
    except (ValueError, OSError, yaml.YAMLError, OmegaConfBaseException) as error:  # OSError: OmegaConf, of a number
        raise _damaged(path, " ".join(str(error).split()), line) from error
    except RecursionError as error:
        raise _damaged(path, "it is nested too deeply", line) from error


def _of_shape(path: Path, value: Any, shape: TypeAdapter[T], line: int | None = None) -> T:
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        place = ".".join(map(str, mistake["loc"]))
        raise _damaged(path, f"{place}: {mistake['msg']}" if place else mistake["msg"], line) from error


def _damaged(path: Path, reason: str, line: int | None) -> UserError:
    where = f"{path}, line {line}" if line else str(path)
    return UserError(f"{where}: is damaged, or holds something else than it should ({reason})")


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node of YAML stands for.

    Args:
        known: of the nodes seen before; one that is still open is part of itself.
    """
    if id(node) not in known:
        known[id(node)] = MOST + 1
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            parts = node.value
        elif isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]
