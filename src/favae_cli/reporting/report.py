"""report.html: one page that holds everything a run has to show, and needs nothing else to be read."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, TypeAdapter

from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_json, read_text, read_yaml
from favae_cli.config.stored import CHANGES
from favae_cli.reporting.result_tables import result_tables
from favae_cli.reporting.sections import sections
from favae_cli.reporting.tables import headline, tables
from favae_cli.training.records import final_numbers, read_records

AILMENTS = TypeAdapter(list[dict[Literal["kind", "view", "told", "advice"], str | None]])  # health.json
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FOLDER_TIME = "%Y-%m-%d_%H-%M-%S-%f"


def write_report(directory: Path) -> Path:
    """Write `directory`/report.html from what lies in the folder of a run, and return its path.

    It reads .hydra/*.yaml, metrics.json, metrics.jsonl, health.json, results/*.csv and figures/*; whatever is
    missing is left out. The page loads nothing from elsewhere.
    """
    directory = directory.resolve()
    folder = RunFolder(directory)
    metrics = final_numbers(directory)
    time, trained = _time(directory.name), _progress(directory)
    choices = _choices(folder.settings)
    experiment = choices.get("experiment") or (directory.parent.name if time else directory.name)
    overrides = read_yaml(folder.overrides, TypeAdapter(list[str])) if folder.overrides.is_file() else []

    page = TEMPLATES.get_template("report.html.j2").render(
        experiment=experiment,
        facts=[fact for fact in (time, *trained) if fact],
        headline=headline(metrics),
        sections=sections([*tables(metrics), *result_tables(folder)], folder.figures),
        metrics=metrics,
        health=read_json(folder.health, AILMENTS) if folder.health.is_file() else None,
        config=_text(folder.config),
        changes=read_yaml(folder.changes, CHANGES) if folder.changes.is_file() else [],
        again=shlex.join(["favae-run", *(line for line in overrides if not line.startswith("sweep="))]),
        resume=shlex.join(["favae-run", f"resume={_from_outputs(directory)}"]) if trained else "",
    )
    path = folder.report
    with replacing(path) as file:
        file.write_text(page, encoding="utf-8")
    return path


def _text(path: Path) -> str:
    """What the file holds; nothing where there is no file."""
    return read_text(path) if path.is_file() else ""


class _Runtime(BaseModel):
    choices: dict[str, str | None] = {}


class _Own(BaseModel):
    runtime: _Runtime = _Runtime()


class _Settings(BaseModel):
    """As much of what Hydra says of itself as a report tells."""

    hydra: _Own = _Own()


def _choices(settings: Path) -> dict[str, str | None]:
    """The options that were chosen of each config group."""
    if not settings.is_file():
        return {}
    return read_yaml(settings, TypeAdapter(_Settings)).hydra.runtime.choices


def _time(name: str) -> str | None:
    """When a run began, told by the name of its folder."""
    try:
        return f"{datetime.strptime(name, _FOLDER_TIME):%d %B %Y, %H:%M}"
    except ValueError:
        return None


def _from_outputs(directory: Path) -> str:
    """The folder as the user would type it: from outputs/ on, where it lies there."""
    parts = directory.parts
    return str(Path(*parts[len(parts) - 1 - parts[::-1].index("outputs") :])) if "outputs" in parts else str(directory)


def _progress(directory: Path) -> list[str]:
    """How far training went, by the lines of metrics.jsonl."""
    records = read_records(directory)
    facts = []
    for kind in ("epoch", "round"):
        last = max((record[kind] for record in records if record["kind"] == kind), default=0)
        if last:
            facts.append(f"{last} {kind}{'s' if last > 1 else ''}")
    return facts
