"""hydra/sweeper=optuna: a search whose study is stored, so that workers can share it and a killed one goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from favae_cli.common.files import replacing
from favae_cli.common.run_lock import is_held
from favae_cli.config.overrides import sweep_overrides
from favae_cli.sweeps.table import lock

if TYPE_CHECKING:  # Hydra loads its plugins whenever it starts
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

_MINE = "sweep"  # attribute of a trial: the folder of the sweep that runs it


class OptunaSweeper(Sweeper):
    """Draws the values of the swept keys with Optuna, a trial a run, and tells it their scores.

    A run's folder is the number of its trial. A trial that has no score, its run being killed or failed, stays open in
    the study, and the next process that works in the same folder takes it up before it draws new ones.

    Args:
        sampler: makes a sampler from a seed.
        seed: of all draws; each trial has its own from it, so that it does not matter which process draws it.
        storage: URL of a database, or the path of a file that is made where there is none.
        study_name: under which workers with other sweep folders share the study; None takes the folder's name.
        direction: "maximize" or "minimize" the score.
        n_trials: runs of the whole study.
        n_jobs: runs whose values are drawn together, and that the launcher may run side by side.
        max_failure_rate: share of failed runs among these above which the search ends.
        params: swept keys and what they may be; Hydra's config of the sweep holds them as well.
    """

    def __init__(
        self,
        sampler: Callable[..., BaseSampler],
        seed: int,
        storage: str,
        study_name: str | None,
        direction: Literal["maximize", "minimize"],
        n_trials: int,
        n_jobs: int,
        max_failure_rate: float,
        params: DictConfig | None,
    ) -> None:
        self.sampler, self.seed, self.direction = sampler, seed, direction
        self.storage, self.study_name = storage, study_name
        self.n_trials, self.n_jobs, self.max_failure_rate = n_trials, n_jobs, max_failure_rate

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives; the launcher is the one that the config names."""
        self.swept: DictConfig = config.hydra.sweeper
        self.folder = Path(config.hydra.sweep.dir)
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Launch `n_jobs` trials at a time, those an interrupted sweep left unfinished first, until all are done."""
        overrides = sweep_overrides(self.swept, arguments).values()
        swept = [override for override in overrides if override.is_sweep_override()]
        fixed = [str(override.input_line) for override in overrides if not override.is_sweep_override()]
        study = self._study()
        left = self._left(study)
        while trials := left[: self.n_jobs] or self._drawn(study, swept):
            left = left[len(trials) :]
            lines = [[*fixed, *_lines(trial.params), f"hydra.sweep.subdir={trial.number}"] for trial in trials]
            endings = self.launcher.launch(lines, initial_job_idx=trials[0].number)
            self._tell(study, trials, endings)
            self._write_best(study)

    def _study(self) -> Study:
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalStorage

        optuna.logging.set_verbosity(optuna.logging.WARNING)  # the sweep's table tells the rest
        is_url = "://" in self.storage
        storage = self.storage if is_url else JournalStorage(JournalFileBackend(self.storage))
        name = self.study_name or self.folder.name
        return optuna.create_study(storage=storage, study_name=name, direction=self.direction, load_if_exists=True)

    def _left(self, study: Study) -> list[FrozenTrial]:
        """The trials whose runs began in this folder, have no score, and nobody works on."""
        mine = [trial for trial in study.get_trials() if trial.user_attrs.get(_MINE) == self.folder.name]
        return [t for t in mine if not t.state.is_finished() and not is_held(self.folder / str(t.number))]

    def _drawn(self, study: Study, swept: Sequence[Override]) -> list[Trial]:
        """New trials, as many as go together; none where the study has all its trials."""
        with lock(self.folder):  # or workers that begin at the same time draw more than there are to be
            missing = self.n_trials - len(study.get_trials(deepcopy=False))
            return [self._draw(study, swept) for _ in range(min(self.n_jobs, missing))]

    def _draw(self, study: Study, swept: Sequence[Override]) -> Trial:
        from favae_cli.common.random_streams import numpy_generator  # loads torch

        trial = study.ask()
        generator = numpy_generator(self.seed, "trial", trial.number)
        study.sampler = self.sampler(seed=int(generator.integers(2**31)))
        for override in swept:
            _suggest(trial, override)
        trial.set_user_attr(_MINE, self.folder.name)  # last: whoever takes the trial up finds all its values
        return trial

    def _tell(self, study: Study, trials: Sequence[Trial | FrozenTrial], endings: Sequence[JobReturn]) -> None:
        """Tell the study the scores; raise what ended a run where too many failed."""
        failed = [ending for ending in endings if ending.status != JobStatus.COMPLETED]
        for trial, ending in zip(trials, endings, strict=True):
            if ending.status == JobStatus.COMPLETED:
                study.tell(trial.number, ending.return_value, skip_if_finished=True)
        if len(failed) > self.max_failure_rate * len(endings):
            _ = failed[0].return_value

    def _write_best(self, study: Study) -> None:
        if any(trial.value is not None for trial in study.get_trials(deepcopy=False)):
            best = {
                "best_number": study.best_trial.number,
                "best_params": study.best_params,
                "best_value": study.best_value,
            }
            with lock(self.folder), replacing(self.folder / "optimization_results.yaml") as path:
                path.write_text(yaml.safe_dump(best))


def _lines(params: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in params.items()]


def _suggest(trial: Trial, override: Override) -> None:
    """Have the trial draw a value of a swept key: from an interval, from a range, or one of several."""
    key, value = override.get_key_element(), override.value()
    if isinstance(value, IntervalSweep):
        _suggest_number(trial, key, [value.start, value.end], log="log" in value.tags)
    elif isinstance(value, RangeSweep) and not value.shuffle:
        _suggest_number(trial, key, list(override.sweep_iterator()), step=abs(value.step))
    else:
        choices: list[Any] = [*override.sweep_iterator(transformer=Transformer.encode)]
        trial.suggest_categorical(key, choices)


def _suggest_number(trial: Trial, key: str, values: Sequence[Any], **how: Any) -> None:
    draw = trial.suggest_int if all(isinstance(value, int) for value in values) else trial.suggest_float
    draw(key, min(values), max(values), **how)
