"""outputs/paper/index.html: every figure and table of the paper, the published numbers beside those of the runs."""

from __future__ import annotations

import base64
import io
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import steps
from compare_models import compared
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from paper_items import SECTIONS, Item, Row
from paper_plan import PLAN, Roots, Step, why_not
from PIL import Image

from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.reporting.sections import CAPTIONS
from favae_cli.reporting.table import Metrics, Table, number, unique
from favae_cli.reporting.tables import tables

TEMPLATES = Environment(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("favae_cli.reporting", "")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
COLOURS = 256  # of an embedded figure, to keep the page small


@dataclass(frozen=True)
class Outcome:
    """A step and what came of it.

    Attributes:
        step: of the plan.
        folder: of its run, there or not.
        state: in words.
        arguments: of favae-run, as the run was begun with or would be.
        metrics: of a finished run; empty otherwise.
    """

    step: Step
    folder: Path
    state: str
    arguments: list[str]
    metrics: Metrics

    @classmethod
    def of(cls, step: Step, out: Path, roots: Roots, quick: bool, failures: Mapping[Path, int]) -> Outcome:
        """As the files below `out` tell; `failures`: exit codes of the runs that have just failed."""
        folder, excuse = out / step.name, why_not(step, roots)
        done = steps.finished(folder)
        if folder in failures:
            state = f"failed (exit code {failures[folder]})"
        elif done:
            state = "finished"
        elif excuse:
            state = f"not run: {excuse}"
        else:
            state = "begun" if folder.is_dir() else "not run yet"
        metrics = json.loads(RunFolder(folder).metrics.read_text()) if done else {}
        return cls(step, folder, state, steps.recorded(folder) or step.arguments(roots, quick), metrics)

    @property
    def command(self) -> str:
        """As a person would type it."""
        return shlex.join(["favae-run", *self.arguments])

    def figures(self, patterns: Iterable[str]) -> list[dict[str, str]]:
        """Data and caption of the figures that fit."""
        found = [path for pattern in patterns for path in sorted(RunFolder(self.folder).figures.glob(f"{pattern}.png"))]
        return [{"name": path.stem, "caption": caption(path.stem), "data": embedded(path)} for path in found]

    def tables(self, titles: Iterable[str]) -> list[Table]:
        """The run's own tables that fit."""
        return [table for table in tables(self.metrics) if any(fnmatchcase(table.title, title) for title in titles)]


def write_page(out: Path, roots: Roots, quick: bool, failures: Mapping[Path, int]) -> Path:
    """Write `out`/index.html from the runs in `out`, and return its path.

    Args:
        roots: the folders of data that are given.
        quick: whether these are the runs of `make paper-quick`.
        failures: runs that failed, and their exit codes.
    """
    outcomes = [Outcome.of(step, out, roots, quick, failures) for step in PLAN]
    page = TEMPLATES.get_template("paper.html.j2").render(
        quick=quick,
        outcomes=outcomes,
        sections={
            title: [
                shown(item, [outcome for part in item.parts for outcome in outcomes if outcome.step.part == part])
                for item in items
            ]
            for title, items in SECTIONS.items()
        },
    )
    path = out / "index.html"
    with replacing(path) as file:
        file.write_text(page, encoding="utf-8")
    return path


def shown(item: Item, outcomes: list[Outcome]) -> dict[str, object]:
    """What the template shows of an item."""
    return {
        "item": item,
        "beside": beside_published(item, outcomes) if item.rows else None,
        "compared": side_by_side(outcomes) if item.compared else [],
        "runs": [
            {"outcome": outcome, "figures": outcome.figures(item.figures), "tables": outcome.tables(item.tables)}
            for outcome in outcomes
            if outcome.metrics
        ],
        "missing": [outcome for outcome in outcomes if not outcome.metrics],
    }


def beside_published(item: Item, outcomes: list[Outcome]) -> Table:
    """A row for each number, a column for the paper and for every data set that has a run."""
    ran = [outcome for outcome in outcomes if outcome.metrics]
    data = unique(outcome.step.data.title for outcome in ran)

    def ours(row: Row, title: str) -> str:
        part = row.part or item.parts[0]
        found = [run.metrics for run in ran if (run.step.data.title, run.step.part) == (title, part)]
        return value(found[0], row) if found else "-"

    rows = [[row.label, row.published, *(ours(row, title) for title in data)] for row in item.rows]
    return Table("Published and ours", "", ["", "published (CelebA)", *(f"ours ({title})" for title in data)], rows)


def value(metrics: Metrics, row: Row) -> str:
    """The first number that the row's key fits."""
    return next((number(metrics[key]) for key in metrics if fnmatchcase(key, row.key)), row.absent)


def side_by_side(outcomes: list[Outcome]) -> list[Table]:
    """For every data set the models that were trained on it, a column each."""
    made = []
    for title in unique(outcome.step.data.title for outcome in outcomes):
        runs = {
            run.step.suffix.removeprefix("_") or "FA-VAE": run.folder
            for run in outcomes
            if run.metrics and run.step.data.title == title
        }
        if runs:
            table = compared(runs)
            rows = [[str(measure), *map(number, table[measure])] for measure in table]
            made.append(Table(title, "", ["measure", *table.index], rows))
    return made


def caption(name: str) -> str:
    """Of a figure of a run, as in its report."""
    return next((text for kind, text in CAPTIONS.items() if name == kind or name.startswith(f"{kind}_")), "")


@cache
def embedded(path: Path) -> str:
    """A figure of a finished run as data for the page, in few colours."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
