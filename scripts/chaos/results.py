"""What a run has come to, less what depends on the machine's mood: to be compared with an undisturbed one."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

TIMES = ("seconds", "images_per_second")


def results(run: Path) -> dict[str, str]:
    """By name, the final numbers, the lines of each epoch and round, and the hashes of all tensors of the run."""
    found: dict[str, str] = {}
    for file in run.glob("metrics.json"):
        found |= {f"{file.name}: {name}": repr(value) for name, value in _untimed(json.loads(file.read_text())).items()}
    for file in sorted(run.glob("**/metrics.jsonl")):
        lines = [json.dumps(_untimed(json.loads(line))) for line in file.read_text().splitlines()]
        found[file.relative_to(run).as_posix()] = "\n".join(lines)
    for file in sorted(run.glob("**/*.safetensors")):
        found[file.relative_to(run).as_posix()] = sha256(file.read_bytes()).hexdigest()
    return found


def differences(run: Path, undisturbed: Path) -> list[str]:
    """Names of the results that two runs do not share."""
    found, wanted = results(run), results(undisturbed)
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


def litter(folder: Path) -> list[str]:
    """Files and folders that only somebody who was killed leaves."""
    return [path.name for path in folder.rglob(".*") if path.name.endswith((".part", ".new", ".old"))]


def _untimed(numbers: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in numbers.items() if not {*name.split("/")} & {*TIMES}}
