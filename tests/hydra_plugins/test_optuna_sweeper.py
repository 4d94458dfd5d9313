"""A search whose study is stored: killed, failed, shared by several processes."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from favae_cli.cli import main
from favae_cli.common.run_lock import holding
from favae_cli.config.run import Config

optuna = pytest.importorskip("optuna")

SEARCH = ["-m", "sweep=beta_optuna", "hydra.sweeper.n_trials=4"]
Row = dict[str, str]


class Killed(BaseException):
    """Nothing handles it: as if the process were gone."""


@dataclass
class Runs:
    """Stands in for the task: scores how near the beta is to 4."""

    betas: list[float] = field(default_factory=list)
    ending: BaseException | None = None  # of the third run

    def __call__(self, config: Config, directory: Path) -> float:
        beta: float = config.model.beta
        self.betas.append(beta)
        if len(self.betas) == 3 and self.ending is not None:
            raise self.ending
        return -abs(beta - 4)


@pytest.fixture
def runs(elsewhere: None, no_sweep_figure: None, monkeypatch: pytest.MonkeyPatch) -> Runs:
    stand_in = Runs()
    monkeypatch.setattr("favae_cli.tasks.run_task", stand_in)
    return stand_in


def rows(folder: Path) -> list[Row]:
    with (folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def whole(folder: Path, runs: Runs) -> list[Row]:
    """The rows of a search in `folder` that nothing disturbed, less what tells the time or the place."""
    runs.betas.clear()
    assert main([*SEARCH, f"hydra.sweep.dir={folder}"]) == 0
    return drawn(folder)


def drawn(folder: Path) -> list[Row]:
    return [{key: row[key] for key in ("job", "model.beta", "score", "status")} for row in rows(folder)]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [Killed(), ZeroDivisionError()], ids=["killed", "failed"])
def test_a_search_that_broke_off_goes_on_as_if_it_never_had(runs: Runs, ending: BaseException) -> None:
    runs.ending = ending
    with pytest.raises(type(ending)):
        main([*SEARCH, "hydra.sweep.dir=broken"])
    assert [row["status"] for row in rows(Path("broken"))][:2] == ["finished", "finished"]
    runs.ending = None
    assert main([*SEARCH, "hydra.sweep.dir=broken", "sweep.resume=true"]) == 0
    assert len(runs.betas) == 5  # the third twice
    assert runs.betas[2] == runs.betas[3]
    assert drawn(Path("broken")) == whole(Path("whole"), runs)


@pytest.mark.slow
def test_more_trials_can_be_asked_for(runs: Runs) -> None:
    assert main([*SEARCH, "hydra.sweep.dir=more"]) == 0
    assert main(["-m", "resume=more", "hydra.sweeper.n_trials=6"]) == 0
    assert main(["-m", "resume=more"]) == 0  # it has them
    assert [row["job"] for row in rows(Path("more"))] == ["0", "1", "2", "3", "4", "5"]
    assert len(runs.betas) == len(set(runs.betas)) == 6


@pytest.mark.slow
def test_workers_with_their_own_folders_share_a_study_in_a_database(runs: Runs) -> None:
    shared = ["hydra.sweeper.storage=sqlite:///study.db", "hydra.sweeper.study_name=both"]
    assert main([*SEARCH[:2], "hydra.sweeper.n_trials=2", *shared, "hydra.sweep.dir=first"]) == 0
    assert main([*SEARCH, *shared, "hydra.sweep.dir=second"]) == 0
    assert [row["job"] for row in rows(Path("first"))] == ["0", "1"]
    assert [row["job"] for row in rows(Path("second"))] == ["2", "3"]
    study = optuna.load_study(study_name="both", storage="sqlite:///study.db")
    assert [trial.value for trial in study.trials] == [-abs(beta - 4) for beta in runs.betas]


@pytest.mark.slow
def test_a_worker_leaves_alone_what_another_one_runs(runs: Runs) -> None:
    runs.ending = Killed()
    with pytest.raises(Killed):
        main([*SEARCH, "hydra.sweep.dir=shared"])
    with holding(Path("shared/2")):  # it lives after all
        assert main([*SEARCH, "hydra.sweep.dir=shared", "sweep.resume=true"]) == 0
    assert [row["status"] for row in rows(Path("shared"))] == ["finished", "finished", "unfinished", "finished"]


@pytest.mark.slow
def test_every_kind_of_space_is_searched_within_its_bounds(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Config] = []

    def run(config: Config, directory: Path) -> float:
        seen.append(config)
        return 0.0

    monkeypatch.setattr("favae_cli.tasks.run_task", run)
    space = [
        "hydra/sweeper=optuna",
        "model.beta=interval(1.0,2.0)",
        "model.factors=int(tag(log,interval(2,64)))",
        "schedule.sweeps=range(10,40,10)",
        "model.prior=choice(posterior,predictive)",
        "trainer.learning_rate=0.001",
    ]
    assert (
        main(["-m", *space, "hydra.sweeper.n_trials=6", "hydra.sweeper.sampler._target_=optuna.samplers.RandomSampler"])
        == 0
    )
    assert len({config.model.beta for config in seen}) == 6
    assert all(1 <= config.model.beta <= 2 and 2 <= config.model.factors <= 64 for config in seen)
    assert {config.schedule.sweeps for config in seen} <= {10, 20, 30}
    assert {config.model.prior for config in seen} == {"posterior", "predictive"}
