"""The numbers that a run has left: metrics.json, and the lines of metrics.jsonl."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter

from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_json, read_json_lines


def final_numbers(directory: Path) -> dict[str, float]:
    """What metrics.json holds; nothing where there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = RunFolder(directory).metrics
    return read_json(path, _NUMBERS) if path.is_file() else {}


def _as_recorded(line: dict[str, Any]) -> dict[str, Any]:
    kind = str(line.get("kind"))
    needed = _NEEDED.get(kind, {})
    if not needed or any(not isinstance(line.get(name), of) for name, of in needed.items()):
        raise ValueError("must be the record of an epoch or of a round")
    return line


_NEEDED: dict[str, dict[str, Any]] = {  # what readers of a record count on
    "epoch": {"epoch": int, "view": str, "phase": str},
    "round": {"round": int, "bound": int | float, "factors/active": int},
}
_NUMBERS = TypeAdapter(dict[str, int | float])
_RECORD = TypeAdapter(Annotated[dict[str, int | float | str | None], AfterValidator(_as_recorded)])


def read_records(directory: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, those of one kind or all.

    Raises:
        UserError: the file is damaged.
    """
    path = RunFolder(directory).records
    records = read_json_lines(path, _RECORD) if path.is_file() else []
    return [record for record in records if kind in (None, record["kind"])]
