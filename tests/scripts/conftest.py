"""Scripts as modules, and a favae-run that only leaves behind what a run would."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from PIL import Image

SCRIPTS = Path(__file__).parents[2] / "scripts"


class FakeRuns:
    """Takes the place of `steps.favae_run`: every run is finished at once, or ends as `codes` says.

    Attributes:
        metrics: of every run, given its name.
        figures: of every run.
        codes: exit code by name; such a run leaves a checkpoint and no report.
        calls: the arguments of every call.
    """

    def __init__(self) -> None:
        self.metrics: Callable[[str], dict[str, float]] = lambda name: {}
        self.figures: tuple[str, ...] = ()
        self.codes: dict[str, int] = {}
        self.calls: list[list[str]] = []

    @property
    def names(self) -> list[str]:
        """Of the runs that were called, in order."""
        return [Path(call[-1].partition("=")[2]).name for call in self.calls]

    def __call__(self, arguments: list[str]) -> int:
        self.calls.append(list(arguments))
        key, _, folder = arguments[-1].partition("=")
        run = Path(folder)
        if key == "hydra.run.dir":
            self.begin(run, arguments[:-1])
        code = self.codes.get(run.name, 0)
        if not code:
            self.finish(run)
        return code

    def begin(self, run: Path, arguments: list[str]) -> None:
        """As a run that was interrupted."""
        (run / ".hydra").mkdir(parents=True)
        (run / ".hydra" / "config.yaml").touch()
        (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(arguments)))
        (run / "checkpoints" / "last").mkdir(parents=True)

    def finish(self, run: Path) -> None:
        (run / "metrics.json").write_text(json.dumps(self.metrics(run.name)))
        (run / "figures").mkdir()
        for figure in self.figures:
            Image.new("RGB", (8, 8), "teal").save(run / "figures" / f"{figure}.png")
        (run / "report.html").touch()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A script as a module, by its name."""
    for folder in (SCRIPTS, SCRIPTS / "bench", SCRIPTS / "chaos"):
        monkeypatch.syspath_prepend(folder)
    return import_module


@pytest.fixture
def runs(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> FakeRuns:
    fake = FakeRuns()
    monkeypatch.setattr(script("steps"), "favae_run", fake)
    return fake
