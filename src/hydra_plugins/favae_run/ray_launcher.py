"""hydra/launcher=ray: every run of a sweep is a task of Ray.

hydra-ray-launcher is not used: it asks for cloudpickle<3, which knows no Python after 3.11, and for AWS's libraries.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict


class RayLauncher(Launcher):
    """Runs jobs on a Ray cluster whose machines share the folder that the sweep is started in.

    Args:
        init: arguments of `ray.init`.
        remote: arguments of `ray.remote`, what each run is given.
    """

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self.init: Any = OmegaConf.to_container(init)
        self.remote: Any = OmegaConf.to_container(remote)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives; Ray is not touched before there are jobs."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run every job as a Ray task, wait for all, and return their endings in order."""
        import ray

        ray.init(**self.init, ignore_reinit_error=True)
        run = ray.remote(**self.remote)(_run)
        state, place = Singleton.get_state(), os.getcwd()
        jobs = enumerate(job_overrides, initial_job_idx)
        endings: list[JobReturn] = ray.get([run.remote(self, list(lines), job, state, place) for job, lines in jobs])
        return endings


def _run(launcher: RayLauncher, overrides: list[str], job: int, state: dict[Any, Any], place: str) -> JobReturn:
    """One job, in a process of Ray's: as Hydra's own launcher does it."""
    os.chdir(place)  # on other machines Ray's processes stand elsewhere
    Singleton.set_state(state)
    setup_globals()
    config = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, overrides)
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = job
    return run_job(
        hydra_context=launcher.hydra_context,
        task_function=launcher.task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
