"""A sweep that was killed and goes on: which runs are run again, from where, and what the table says then."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from favae_cli.cli import main
from favae_cli.common.errors import UserError
from favae_cli.common.run_lock import holding, is_held
from favae_cli.config.run import Config

SWEEP = ["-m", "experiment=avatars_condition", "model.factors=10,20,30,40", "data.missing.face=0.1"]


class Killed(BaseException):
    """Nothing handles it: as if the process were gone."""


@dataclass
class Runs:
    """Stands in for the task: leaves a checkpoint behind, then dies, fails or scores a tenth of the factors."""

    factors: list[int] = field(default_factory=list)  # of each run, in the order of their beginnings
    found: list[set[str]] = field(default_factory=list)  # what lay in their folders
    killed_at: int = 0
    failing_at: int = 0

    def __call__(self, config: Config, directory: Path) -> float:
        assert is_held(directory)
        factors = config.model.factors
        self.factors.append(factors)
        self.found.append({path.name for path in directory.iterdir()} - {".hydra", ".lock", ".holder"})
        (directory / "checkpoints").mkdir(exist_ok=True)
        (directory / "run.log").touch()
        if factors == self.killed_at:
            raise Killed
        (directory / "metrics.json").write_text(json.dumps({config.score: factors / 10}))
        if factors == self.failing_at:
            raise UserError("data.root: holds nothing")
        return factors / 10


@pytest.fixture
def runs(elsewhere: None, no_sweep_figure: None, monkeypatch: pytest.MonkeyPatch) -> Runs:
    stand_in = Runs()
    monkeypatch.setattr("favae_cli.tasks.run_task", stand_in)
    return stand_in


@pytest.fixture(scope="session")
def killed(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Where a sweep of four runs was killed."""

    def sweep(place: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            patch.setattr("sys.argv", ["favae-run"])
            patch.setattr("favae_cli.sweeps.figure.draw_sweep", lambda finished, swept, name, path: None)
            patch.setattr("favae_cli.tasks.run_task", Runs(failing_at=20, killed_at=30))
            with pytest.raises(Killed):
                main(SWEEP)

    return made_once("killed_sweep", sweep)


@pytest.fixture
def folder(killed: Path, runs: Runs) -> Path:
    """Of a sweep of four runs: one finished, one failed, one was killed and one never began."""
    shutil.copytree(killed, Path.cwd(), dirs_exist_ok=True)
    (begun,) = Path("outputs/multirun/avatars_condition").iterdir()
    return begun


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def statuses(folder: Path) -> list[str]:
    return [row["status"] for row in table(folder)]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("favae-run: ")]
    return line.removeprefix("favae-run: ")


@pytest.mark.slow
def test_it_runs_what_is_missing_and_nothing_else(folder: Path, runs: Runs) -> None:
    first = table(folder)[0]
    assert statuses(folder) == ["finished", "failed", "unfinished"]
    assert main([*SWEEP, "sweep.resume=true"]) == 0
    assert runs.factors == [20, 30, 40]
    assert statuses(folder) == ["finished"] * 4
    assert table(folder)[0] == first
    assert [row["model.factors"] for row in table(folder)] == ["10", "20", "30", "40"]
    assert [float(row["score"]) for row in table(folder)] == [1, 2, 3, 4]
    assert all(not row["error"] for row in table(folder))
    assert len(list(folder.parent.iterdir())) == 1
    # The failed run began anew, the killed one from its checkpoint; nobody knows how long that one took.
    assert runs.found == [{"run.log"}, {"run.log", "checkpoints"}, set()]
    assert [bool(row["seconds"]) for row in table(folder)] == [True, True, False, True]


@pytest.mark.slow
def test_the_folder_alone_says_which_sweep_it_is(folder: Path, runs: Runs) -> None:
    assert main(["-m", f"resume={folder}", "trainer.threads=1"]) == 0
    assert runs.factors == [20, 30, 40]
    assert statuses(folder) == ["finished"] * 4
    assert main(["-m", f"resume={folder.resolve()}"]) == 0  # nothing is left to do
    assert len(runs.factors) == 3


@pytest.mark.slow
def test_the_newest_sweep_with_the_same_keys_goes_on(folder: Path, runs: Runs) -> None:
    runs.killed_at = 10
    for swept in ("model.factors=10,20,30,40", "model.factors=10,50"):
        with pytest.raises(Killed):
            main([*SWEEP[:2], swept, SWEEP[3]])
    runs.killed_at = 0
    assert main([SWEEP[0], "trainer.threads=1", "sweep.resume=true", *reversed(SWEEP[1:])]) == 0
    _, second, third = sorted(folder.parent.iterdir())
    assert statuses(folder) == ["finished", "failed", "unfinished"]
    assert statuses(second) == ["finished"] * 4
    assert statuses(third) == ["unfinished"]


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    with holding(tmp_path / "3"):
        assert is_held(tmp_path / "3")
        assert not is_held(tmp_path / "4")
    assert not is_held(tmp_path / "3")


@pytest.mark.slow
def test_a_run_that_its_sweep_works_on_is_not_resumed_beside_it(
    folder: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with holding(folder / "2"):
        assert main([f"resume={folder}/2"]) == 2
    assert told(capsys).startswith(f"{folder.resolve()}/2: this run is under way, in process {os.getpid()} on ")
    assert runs.factors == []
    assert main([f"resume={folder}/2"]) == 0
    assert runs.factors == [30]


def test_a_sweep_of_somebody_else_runs_no_code_of_theirs(
    folder: Path, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    begun = (folder / "multirun.yaml").read_text()
    theirs = "+hydra.callbacks.theirs._target_=os.getcwd"
    (folder / "multirun.yaml").write_text(begun.replace("    task:\n", f"    task:\n    - {theirs}\n"))
    assert main(["-m", f"resume={folder}"]) == 2
    assert told(capsys).startswith(f"resume: {folder}: its {theirs} runs code or looks something up; if you trust")
    assert runs.factors == []


def test_a_sweep_that_cannot_go_on_is_a_line(folder: Path, runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    absent = "sweep.resume: there is no sweep with these keys in"
    within = f"hydra.sweep.dir={folder}"
    for arguments, line in [
        ([*SWEEP, "seed=1", "sweep.resume=true"], f"{absent} outputs/multirun"),
        ([*SWEEP[:2], "sweep.resume=true", within], f"{absent} {folder}"),
        ([*SWEEP, "sweep.resume=yes"], "sweep.resume=yes: must be true or false"),
        ([*SWEEP[1:], "sweep.resume=true"], "sweep.resume: needs -m (a sweep)"),
        ([*SWEEP, within], f"hydra.sweep.dir: {folder} holds a sweep"),
        (["-m", f"resume={folder}", "seed=1,2"], "seed: a sweep that goes on keeps its keys"),
        (["-m", f"resume={folder}/0"], f"resume: {folder}/0 is not the folder of a sweep"),
    ]:
        assert main(arguments) == 2
        assert told(capsys).startswith(line)
    assert runs.factors == []
    assert statuses(folder) == ["finished", "failed", "unfinished"]


@pytest.mark.slow
def test_a_grid_that_became_another_is_not_mixed_with_the_first(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    def write(values: str) -> None:
        Path("configs/sweep").mkdir(parents=True, exist_ok=True)
        content = f"# @package _global_\nhydra:\n  sweeper:\n    params:\n      model.factors: {values}\n"
        Path("configs/sweep/mine.yaml").write_text(content)

    write("10,30")
    runs.killed_at = 30
    with pytest.raises(Killed):
        main(["-m", "sweep=mine"])
    write("10,20,30")
    runs.killed_at = 0
    capsys.readouterr()
    assert main(["-m", "sweep=mine", "sweep.resume=true"]) == 2
    assert "model.factors: run 1 of " in told(capsys)
    assert 20 not in runs.factors
