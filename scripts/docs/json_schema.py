"""The schema of the config as JSON schema has it, walked key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

Node = Mapping[str, Any]
"""A part of a JSON schema."""


class Schema:
    """The JSON schema of a part of the config, walked key by key."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self.root = adapter.json_schema(by_alias=True)
        self._parts = self.root.get("$defs", {})

    def resolved(self, node: Node) -> Node:
        """What a reference stands for; its own description comes first."""
        return {**self._parts[node["$ref"].rpartition("/")[2]], **node} if "$ref" in node else node

    def at(self, *path: str) -> Node:
        """The node under these keys; the name of a kind picks it of a union."""
        node = self.resolved(self.root)
        for step in path:
            kinds = node.get("discriminator", {}).get("mapping", {})
            found = {"$ref": kinds[step]} if step in kinds else node["properties"][step]
            node = self.resolved(found)
        return node

    def within(self, node: Node) -> Node:
        """What stands under every name of a mapping with names of the user's."""
        named = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
        return next((self.resolved(part) for part in named if isinstance(part, dict)), {})

    def kinds(self, node: Node) -> list[str]:
        """The names in a union of sections."""
        return list(node.get("discriminator", {}).get("mapping", {}))

    def leaves(self, node: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
        """Every key below a section. NAME stands for a name of the user's; a union of sections is a key."""
        for name, child in node["properties"].items():
            path, part = f"{prefix}{name}", self.resolved(child)
            if "properties" in part and name != "arch":  # the networks have tables of their own
                yield from self.leaves(part, f"{path}.")
                continue
            yield path, part
            if name == "arch":
                continue
            while part and "properties" not in part:
                part, path = self.within(part), f"{path}.NAME"
            if part:
                yield from self.leaves(part, f"{path}.")

    def values(self, node: Node) -> str:
        """What may stand there, in words."""
        node = self.resolved(node)
        if self.kinds(node):
            return "section: " + " or ".join(f"`{kind}`" for kind in self.kinds(node))
        for several in ("anyOf", "oneOf"):
            if several in node:
                return " or ".join(self.values(choice) for choice in node[several])
        if "const" in node or "enum" in node:
            return " or ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
        match node.get("type"):
            case "array":
                return f"list: {self.values(node['items'])}"
            case "object":
                within = self.within(node)
                return f"NAME: {self.values(within)}" if within and "properties" not in within else "section"
            case "boolean":
                return "`true` or `false`"
            case "null":
                return "`null`"
            case "string":
                return "path" if node.get("format") == "path" else "name" if "pattern" in node else "text"
            case kind:
                return " ".join(filter(None, [str(kind or "any"), _bounds(node)]))


def _bounds(node: Node) -> str:
    low = {"minimum": "from {}", "exclusiveMinimum": "above {}"}
    high = {"maximum": "to {}", "exclusiveMaximum": "below {}"}
    told = [text.format(f"{node[key]:g}") for key, text in (low | high).items() if key in node and node[key] < 1e9]
    return " ".join(told)
