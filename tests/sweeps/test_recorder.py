"""Sweeps as a person meets them: which runs there are, where they lie, and what the sweep's folder says of them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from joblib import Parallel, cpu_count, delayed
from matplotlib.image import imread
from threadpoolctl import ThreadpoolController

from favae_cli.cli import main
from favae_cli.common.errors import Interrupted, UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.overrides import combinations, parse_overrides, samples
from favae_cli.config.run import Config, MachineConfig
from favae_cli.machine.runtime import prepare
from favae_cli.reporting.report import write_report
from favae_cli.sweeps.recorder import end_resumed
from favae_cli.sweeps.table import RESULTS, SweepTable

MISTAKE, BUG, STOP = 2048, 1024, 4096  # factors with which a run ends badly


@dataclass
class Runs:
    """Stands in for the task: computes nothing, scores a tenth of the factors and notes what it meets."""

    configs: list[Config] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    statuses: list[list[str]] = field(default_factory=list)  # in the table when the run begins

    def __call__(self, config: Config, directory: Path) -> float:
        self.configs.append(config)
        self.folders.append(directory)
        self.statuses.append([row["status"] for row in rows_of(directory.parent)])
        if config.resume is None and config.model.factors == STOP:
            raise Interrupted("stopped and saved")
        if config.model.factors == BUG:
            raise ZeroDivisionError("division by zero")
        if config.model.factors == MISTAKE:
            raise UserError("data.root: holds nothing")
        score = (config.model.factors or 100) / 10
        (directory / "metrics.json").write_text(json.dumps({"test/face/r2_mean": 0.5, config.score: score}))
        return score


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def column(folder: Path, name: str) -> list[str]:
    return [row[name] for row in rows_of(folder)]


def own(lines: str) -> list[str]:
    """Those that favae-run says of a mistake."""
    return [line.removeprefix("favae-run: ") for line in lines.splitlines() if line.startswith("favae-run: ")]


@contextlib.contextmanager
def standing_in(place: Path) -> Iterator[Runs]:
    """An empty folder, no task that computes, and what an entry point may change of the process given back."""
    runs = Runs()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(sys, "argv", ["favae-run"])
        patch.setenv("HYDRA_FULL_ERROR", "0")
        patch.setattr("favae_cli.tasks.run_task", runs)
        yield runs


@pytest.fixture
def runs(tmp_path: Path, no_sweep_figure: None) -> Iterator[Runs]:
    with standing_in(tmp_path) as started:
        yield started


@dataclass
class Sweep:
    code: int
    folder: Path
    stderr: str
    runs: Runs


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep of four runs: one finishes, one meets a mistake, one a bug, and the last finishes."""
    place = tmp_path_factory.mktemp("sweep")
    with standing_in(place) as started, contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(
            ["-m", "experiment=avatars_condition", f"model.factors=20,{MISTAKE},{BUG},50", "data.missing.face=0.1"]
        )
    (folder,) = (place / "outputs/multirun/avatars_condition").iterdir()
    return Sweep(code, folder, said.getvalue(), started)


def test_the_table_has_a_row_a_run(sweep: Sweep) -> None:
    rows = rows_of(sweep.folder)
    assert list(rows[0])[:7] == ["job", "model.factors", "score", "status", "seconds", "folder", "error"]
    assert set(list(rows[0])[7:]) == {"test/face/r2_mean", sweep.runs.configs[0].score}
    assert [(row["job"], row["model.factors"], row["score"]) for row in rows] == [
        ("0", "20", "2.0"),
        ("1", str(MISTAKE), ""),
        ("2", str(BUG), ""),
        ("3", "50", "5.0"),
    ]
    place = sweep.folder.parents[3]
    assert [place / folder for folder in column(sweep.folder, "folder")] == sweep.runs.folders
    assert all(float(seconds) >= 0 for seconds in column(sweep.folder, "seconds"))


def test_what_goes_wrong_in_one_run_costs_no_other_its_row(sweep: Sweep) -> None:
    assert column(sweep.folder, "status") == ["finished", "failed", "failed", "finished"]
    assert column(sweep.folder, "error")[:2] == ["", "data.root: holds nothing"]
    assert "division by zero" in column(sweep.folder, "error")[2]


def test_a_mistake_is_told_and_a_bug_keeps_its_traceback(sweep: Sweep) -> None:
    assert sweep.code == 2
    assert own(sweep.stderr) == ["data.root: holds nothing"]
    log = (sweep.folder / "run.log").read_text()
    assert log.count("Traceback") == 1
    assert "self.statuses" not in log
    assert 'raise ZeroDivisionError("division by zero")' in log


def test_the_table_is_whole_after_every_run(sweep: Sweep) -> None:
    assert sweep.runs.statuses == [
        ["unfinished"],
        ["finished", "unfinished"],
        ["finished", "failed", "unfinished"],
        ["finished", "failed", "failed", "unfinished"],
    ]


def test_the_picture_lies_beside_the_table(sweep: Sweep) -> None:
    assert imread(sweep.folder / "sweep.png").std() > 0


def test_the_end_says_where_the_table_lies_and_which_run_is_best(sweep: Sweep) -> None:
    lines = sweep.stderr.splitlines()
    where = max(i for i, line in enumerate(lines) if line.split()[:1] == ["sweep"])
    assert lines[where].split()[1] == str((sweep.folder / "sweep.csv").relative_to(sweep.folder.parents[3]))
    title = max(i for i, line in enumerate(lines) if line.startswith("Sweep"))
    assert "2 finished, 2 failed" in lines[title]
    assert [line.split()[0] for line in lines[title + 2 : title + 6]] == ["3", "0", "1", "2"]


@pytest.mark.slow
def test_an_interrupted_sweep_keeps_what_was_finished_and_takes_in_what_is_resumed(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-m", f"model.factors=20,{STOP},50"]) == 130
    assert own(capsys.readouterr().err) == ["stopped and saved"]
    folder = runs.folders[0].parent
    assert column(folder, "status") == ["finished", "unfinished"]
    assert main([f"resume={runs.folders[1]}"]) == 0
    assert column(folder, "status") == ["finished", "finished"]
    assert column(folder, "model.factors") == ["20", str(STOP)]
    assert column(folder, "score") == ["2.0", str(STOP / 10)]


@pytest.mark.slow
def test_runs_that_end_at_once_all_keep_their_rows(tmp_path: Path) -> None:
    SweepTable(["job", "seed", *RESULTS], {str(job): {"job": str(job)} for job in range(8)}).write(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: end_resumed(tmp_path / str(job), float(job), "score"), range(8)))
    assert column(tmp_path, "score") == [str(float(job)) for job in range(8)]


@pytest.mark.slow
def test_the_report_of_one_run_does_not_repeat_the_sweep(runs: Runs) -> None:
    assert main(["-m", "sweep=beta_grid", "model.beta=2", "seed=0"]) == 0
    page = write_report(runs.folders[0]).read_text()
    assert "favae-run model.beta=2 seed=0<" in page


@pytest.mark.slow
def test_a_sweep_over_experiments_has_one_folder_called_after_all(runs: Runs) -> None:
    Path("configs/experiment").mkdir(parents=True)
    for name in ("mine", "other"):
        Path(f"configs/experiment/{name}.yaml").write_text("# @package _global_\ndefaults: [avatars_condition]\n")
    assert main(["-m", "experiment=glob(*,exclude=[*_*])"]) == 0
    (folder,) = Path("outputs/multirun/mine+other").iterdir()
    assert runs.folders == [folder.resolve() / "0", folder.resolve() / "1"]
    assert column(folder, "experiment") == ["mine", "other"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-m", "model.beta=interval(1,4)"], "model.beta: interval(...) needs a sweeper that draws values"),
        (["-m", "experiment=glob(nothing*)"], "experiment=glob(nothing*): stands for no value"),
        (["-m", "hydra.sweep.dir=a,b"], "hydra.sweep.dir: a sweep goes over keys of the run"),
        (["sweep=beta_grid"], "sweep=beta_grid: needs -m (a sweep)"),
        (["-m", "sweep=beta_grid", "seed=0", "model.beta=2,-4"], "model.beta: must be greater than or equal to 0"),
    ],
)
def test_a_mistake_is_a_line_before_the_first_run(
    arguments: list[str], line: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert own(capsys.readouterr().err)[0].startswith(line)
    assert runs.configs == []
    assert not Path("outputs").exists()


@pytest.fixture
def hydra() -> Iterator[None]:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        yield


@pytest.mark.usefixtures("hydra")
@pytest.mark.parametrize(
    ("lines", "spread"),
    [
        (["a=range(1,4)"], [["a=1"], ["a=2"], ["a=3"]]),
        (["a=choice(x,y)", "b=1,2"], [["a=x", "b=1"], ["a=x", "b=2"], ["a=y", "b=1"], ["a=y", "b=2"]]),
        (["a=sort(3,1)"], [["a=1"], ["a=3"]]),
        (["task=glob(cond*)"], [["task=condition"]]),
        (["a=1,2", "b=1", "a=5"], [["a=5", "b=1"]]),
    ],
)
def test_the_grid_holds_every_combination(lines: list[str], spread: list[list[str]]) -> None:
    assert list(combinations(parse_overrides(lines))) == spread


@pytest.mark.usefixtures("hydra")
def test_samples_meet_every_value_and_the_ends_of_intervals() -> None:
    drawn = list(samples(parse_overrides(["a=interval(1,9)", "b=tag(log,interval(0.1,10))", "c=x,y,z", "d=1"])))
    assert drawn == [
        ["a=1.0", "b=0.1", "c=x", "d=1"],
        ["a=9.0", "b=10.0", "c=y", "d=1"],
        ["a=1.0", "b=0.1", "c=z", "d=1"],
    ]


@pytest.mark.slow
def test_the_shipped_grid_can_be_narrowed_on_the_command_line(runs: Runs) -> None:
    asked = yaml.safe_load((shipped_configs() / "sweep" / "beta_grid.yaml").read_text())["hydra"]["sweeper"]["params"]
    assert main(["-m", "sweep=beta_grid", "seed=7"]) == 0
    assert [config.model.beta for config in runs.configs] == [float(beta) for beta in asked["model.beta"].split(",")]
    assert {config.seed for config in runs.configs} == {7}


# Optuna


@pytest.fixture
def search(runs: Runs) -> Callable[..., int]:
    """Let Optuna search with a few runs."""
    pytest.importorskip("optuna")
    return lambda *arguments: main(["-m", "sweep=beta_optuna", "hydra.sweeper.n_trials=2", *arguments])


@pytest.mark.slow
def test_a_search_draws_what_its_seed_says_and_finds_the_highest_score(search: Callable[..., int], runs: Runs) -> None:
    for seed in (0, 0, 1):
        assert search("model.factors=choice(20,50,80,110)", f"seed={seed}") == 0
    drawn = [(config.model.beta, config.model.factors) for config in runs.configs]
    assert drawn[:2] == drawn[2:4] != drawn[4:]
    assert all(1 <= beta <= 32 for beta, _ in drawn)
    folder = runs.folders[0].parent
    assert [float(beta) for beta in column(folder, "model.beta")] == [beta for beta, _ in drawn[:2]]
    best = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    assert best["best_value"] == max(float(score) for score in column(folder, "score"))


@pytest.mark.slow
def test_a_search_stops_at_a_mistake_and_keeps_what_it_has(search: Callable[..., int], runs: Runs) -> None:
    assert search(f"model.factors={MISTAKE}") == 2
    assert column(runs.folders[0].parent, "status") == ["failed"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.beta=interval(-1,4)", "model.beta: must be greater than or equal to 0, got -1"),
        ("model.prior=choice(posterior,none)", "model.prior: must be"),
    ],
)
def test_a_search_is_checked_before_its_first_run(
    override: str, line: str, search: Callable[..., int], runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(override) == 2
    assert own(capsys.readouterr().err)[0].startswith(line)
    assert runs.configs == []


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("sweep=beta_optuna", "hydra/sweeper=optuna: optuna is not installed; pip install 'favae-run[optuna]'"),
        ("launch=ray", "hydra/launcher=ray: ray is not installed; pip install 'favae-run[ray]'"),
    ],
)
def test_without_its_package_a_line_says_how_to_get_it(
    asked: str, line: str, monkeypatch: pytest.MonkeyPatch, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("favae_cli.command_line.compose.find_spec", lambda name: None)
    assert main(["-m", asked]) == 2
    assert own(capsys.readouterr().err) == [line]
    assert runs.configs == []


@pytest.mark.parametrize(("launcher", "extra"), [("joblib", "joblib"), ("submitit_slurm", "slurm")])
def test_without_its_plugin_a_line_says_how_to_get_a_launcher(
    launcher: str, extra: str, monkeypatch: pytest.MonkeyPatch, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    Plugins.instance()  # fills the store
    monkeypatch.delitem(ConfigStore.instance().repo["hydra"]["launcher"], f"{launcher}.yaml", raising=False)
    assert main(["-m", f"launch={launcher}"]) == 2
    (told,) = own(capsys.readouterr().err)
    assert told.startswith(f"hydra/launcher={launcher}: ")
    assert told.endswith(f" is not installed; pip install 'favae-run[{extra}]'")
    assert runs.configs == []


@pytest.mark.parametrize(
    ("asked", "side_by_side"),
    [(["sweep=beta_grid"], -1), (["hydra.launcher.n_jobs=4"], 4), (["sweep=beta_optuna", "hydra.sweeper.n_jobs=3"], 3)],
)
def test_joblib_has_as_many_runs_side_by_side_as_are_drawn_together_and_leaves_their_threads_to_it(
    asked: list[str], side_by_side: int
) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        made = compose("run", ["experiment=avatars_condition", "launch=joblib", *asked], return_hydra_config=True)
    assert made.hydra.launcher.n_jobs == side_by_side
    assert made.trainer.threads is None


def threads_of_a_run() -> set[int]:
    """Of torch and of every BLAS, in a process that prepares for a run."""
    prepare(MachineConfig(device="cpu", precision="fp32", threads=None))
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return {torch.get_num_threads(), *(library.num_threads for library in libraries)}


@pytest.mark.slow
def test_runs_that_joblib_has_side_by_side_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    share = max(1, cpu_count() // 2)
    assert Parallel(n_jobs=2, backend="loky")(delayed(threads_of_a_run)() for _ in range(2)) == [{share}, {share}]
