"""Which process this one is, read from what torchrun or SLURM put into the environment."""

from __future__ import annotations

import pytest

from favae_cli.common.errors import UserError
from favae_cli.machine.launcher_environment import Place, find_place, first_host

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_RESTART_COUNT": "2",
}
SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "4",
    "SLURM_LOCALID": "1",
}


def test_torchrun_says_it_all() -> None:
    assert find_place(TORCHRUN) == Place(5, 8, 1, "10.0.0.1", 29500, hosted=True, attempt=2)


def test_by_hand_the_main_process_keeps_the_rendezvous() -> None:
    by_hand = {name: value for name, value in TORCHRUN.items() if not name.startswith("TORCHELASTIC")}
    assert find_place(by_hand) == Place(5, 8, 1, "10.0.0.1", 29500, hosted=False)


def test_under_slurm_they_meet_on_the_first_machine_of_the_step() -> None:
    place = find_place(SLURM)
    assert place is not None
    assert (place.rank, place.size, place.local, place.address, place.hosted) == (3, 4, 1, "gpu07", False)
    assert 1024 < place.port < 32768
    assert place == find_place(SLURM | {"SLURM_NODELIST": "gpu[01-08]"})


@pytest.mark.parametrize("other", ["SLURM_JOB_ID", "SLURM_STEP_ID"])
def test_two_steps_do_not_meet(other: str) -> None:
    one, two = find_place(SLURM), find_place(SLURM | {other: "4712"})
    assert one is not None
    assert two is not None
    assert one.port != two.port


def test_the_user_can_say_where_to_meet() -> None:
    place = find_place(SLURM | {"MASTER_ADDR": "head", "MASTER_PORT": "12345"})
    assert place is not None
    assert (place.address, place.port) == ("head", 12345)


@pytest.mark.parametrize("where", [SLURM, {}])
def test_torchrun_started_by_srun_counts_by_itself(where: dict[str, str]) -> None:
    place = find_place(where | TORCHRUN)
    assert place is not None
    assert place.rank == 5


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RANK": "3"},
        TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1"},
        SLURM | {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"},
        SLURM | {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"},  # the shell of salloc
        # A batch script that will start four tasks, but is one process itself.
        {name: value for name, value in SLURM.items() if "STEP" not in name} | {"SLURM_PROCID": "0"},
    ],
)
def test_a_process_alone_has_no_place(environment: dict[str, str]) -> None:
    assert find_place(environment) is None


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu07", "gpu07"),
        ("gpu07,gpu09", "gpu07"),
        ("gpu[07-12,15]", "gpu07"),
        ("gpu[7,9],cpu1", "gpu7"),
        ("rack1-node[003-004]-ib,rack2", "rack1-node003-ib"),
        ("a.b.example", "a.b.example"),
    ],
)
def test_the_first_machine_of_a_list(nodes: str, first: str) -> None:
    assert first_host(nodes) == first


@pytest.mark.parametrize("missing", ["LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_half_of_the_variables_are_a_mistake(missing: str) -> None:
    environment = {name: value for name, value in TORCHRUN.items() if name != missing}
    with pytest.raises(UserError, match=f"^{missing}: is not set beside RANK; torchrun sets all"):
        find_place(environment)


@pytest.mark.parametrize("missing", ["SLURM_LOCALID", "SLURM_STEP_NODELIST"])
def test_half_of_slurms_variables_are_a_mistake(missing: str) -> None:
    environment = {name: value for name, value in SLURM.items() if name != missing}
    with pytest.raises(UserError, match=f"^{missing}: is not set beside SLURM_PROCID; srun sets all"):
        find_place(environment)


@pytest.mark.parametrize(
    ("environment", "key"), [(TORCHRUN, "RANK"), (TORCHRUN, "WORLD_SIZE"), (SLURM, "SLURM_NTASKS")]
)
def test_a_number_that_is_none_is_a_mistake(environment: dict[str, str], key: str) -> None:
    with pytest.raises(UserError, match=f"^{key}: must be a whole number, got 'two'"):
        find_place(environment | {key: "two"})
