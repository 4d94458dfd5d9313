"""First steps: what is said, which commands are given, and one walk from the beginning to the end."""

from __future__ import annotations

import json
import re
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import pytest

from favae_cli.cli import main
from favae_cli.command_line import demo as walk
from favae_cli.command_line.demo import demo
from favae_cli.config.aside_tasks import DemoConfig

Commands = list[Sequence[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def given() -> Commands:
    return []


def pretend(given: Commands, arguments: Sequence[str]) -> None:
    """Give a command line, of which nothing comes but numbers."""
    given.append(arguments)
    found = next((line.partition("=")[2] for line in arguments if line.startswith("hydra.run.dir=")), None)
    if found is not None:
        Path(found).mkdir(parents=True)
        scores = {"predict/label/accuracy": 0.93, "predict/label/accuracy_usual": 0.08, "predict/image/r2": 0.66}
        (Path(found) / "metrics.json").write_text(json.dumps(scores))


def test_it_opens_the_page_of_the_run_that_it_trained(
    given: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    demo(DemoConfig(task="demo", open=True), lambda command: pretend(given, command))
    training, explore = given
    folder = training[-1].partition("=")[2]
    assert training[0] == "experiment=digits_views"
    assert explore == ["task=explore", f"run={folder}"]
    told = capsys.readouterr().out
    assert "93% of the labels are right (8% by guessing), and the R2 of foretold pictures is 0.66" in told
    assert f"favae-run task=explore run={folder}" in told


@pytest.mark.parametrize(("display", "asked", "opened"), [(":0", True, 1), (":0", False, 0), (None, True, 0)])
def test_without_the_page_it_opens_the_report_where_there_is_a_display(
    display: str | None, asked: bool, opened: int, given: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(walk, "find_spec", lambda name: None)
    monkeypatch.setattr(webbrowser, "open", seen.append)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    demo(DemoConfig(task="demo", open=asked), lambda command: pretend(given, command))
    assert len(given) == 1
    assert [re.fullmatch(r"file://.*/outputs/demo/.*/report\.html", address) is not None for address in seen] == (
        [True] * opened
    )


@pytest.mark.slow
def test_one_command_trains_it_and_says_where_all_lies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("schedule.alone_epochs=1", "schedule.rounds=1", "schedule.round_epochs=1", "schedule.sweeps=5")
    monkeypatch.setattr(walk, "SMALL", (*walk.SMALL[:1], *small, "trainer.threads=1", "evaluation.figures=false"))
    assert main(["task=demo", "open=false"]) == 0
    (report,) = Path("outputs/demo").glob("*/report.html")
    told = capsys.readouterr().out
    assert [line[:6] for line in told.splitlines() if " of 3" in line] == ["1 of 3", "2 of 3", "3 of 3"]
    assert str(report) in told


def test_it_takes_no_keys_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=demo", "model.factors=3"]) == 2
    assert capsys.readouterr().err.startswith("favae-run: model: unknown key")
    assert not Path("outputs").exists()
