"""Which of several processes this one is, as those who started it say in the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from favae_cli.common.errors import UserError

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_SLURM = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_JOB_ID", "SLURM_STEP_NODELIST")
_PORTS = range(10_000, 30_000)  # below those that systems hand out by themselves


@dataclass(frozen=True)
class Place:
    """One process among those of a run.

    Attributes:
        rank: among all, from 0.
        size: number of processes.
        local: rank among those of this machine.
        address, port: of the rendezvous.
        hosted: whether who started them keeps the rendezvous; otherwise the process of rank 0 does.
        attempt: counts on where torchrun starts all of them again.
    """

    rank: int
    size: int
    local: int
    address: str
    port: int
    hosted: bool
    attempt: int = 0

    @property
    def is_main(self) -> bool:
        """As `World.is_main`."""
        return self.rank == 0


def find_place(environment: Mapping[str, str]) -> Place | None:
    """The place that torchrun or SLURM's srun gave this process; None for one that was started alone.

    The variables are those of "torchrun" in PyTorch's documentation and of srun's manual page.

    Raises:
        UserError: one of the variables is missing, or no number where it should be.
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return _of_torchrun(environment)
    # A batch script has a SLURM_PROCID as well, but is one process: only what srun starts is a step.
    if "SLURM_STEP_ID" in environment and "SLURM_PROCID" in environment:
        return _of_slurm(environment)
    return None


def first_host(nodes: str) -> str:
    """The first machine of a list as SLURM writes it: `node[07-12,15]-a,other` begins with node07-a."""
    found = re.match(r"([^,\[]*)(?:\[([^-,\]]+)[^\]]*\]([^,\[]*))?", nodes)
    assert found is not None  # the empty string matches
    return "".join(part or "" for part in found.groups())


def _of_torchrun(environment: Mapping[str, str]) -> Place | None:
    if _number(environment, "WORLD_SIZE") < 2:
        return None
    _require(environment, _TORCHRUN, "torchrun")
    return Place(
        _number(environment, "RANK"),
        _number(environment, "WORLD_SIZE"),
        _number(environment, "LOCAL_RANK"),
        environment["MASTER_ADDR"],
        _number(environment, "MASTER_PORT"),
        environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")),
    )


def _of_slurm(environment: Mapping[str, str]) -> Place | None:
    # salloc's own shell is a step of one task, with the SLURM_NTASKS of the whole job.
    tasks = "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in environment else "SLURM_NTASKS"
    if tasks not in environment or _number(environment, tasks) < 2:
        return None
    _require(environment, _SLURM, "srun")
    # The same for all tasks of a step, another for the next step or job.
    port = _PORTS[(31 * _number(environment, "SLURM_JOB_ID") + _number(environment, "SLURM_STEP_ID")) % len(_PORTS)]
    return Place(
        _number(environment, "SLURM_PROCID"),
        _number(environment, tasks),
        _number(environment, "SLURM_LOCALID"),
        environment.get("MASTER_ADDR") or first_host(environment["SLURM_STEP_NODELIST"]),
        _number(environment, "MASTER_PORT") if "MASTER_PORT" in environment else port,
        hosted=False,
    )


def _require(environment: Mapping[str, str], names: tuple[str, ...], starter: str) -> None:
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise UserError(f"{missing[0]}: is not set beside {names[0]}; {starter} sets all of {', '.join(names)}")


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment[name])
    except ValueError as error:
        raise UserError(f"{name}: must be a whole number, got {environment[name]!r}") from error
