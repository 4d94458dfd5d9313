"""What two processes tell each other, and batch norm over the batch that they share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import favae_cli
from favae_cli.machine.launcher_environment import find_place
from favae_cli.machine.rendezvous import is_first_to_fail, join, keep_rendezvous
from favae_cli.machine.world import ALONE, World
from favae_cli.nets.batch_norm import synchronise

SIZE = 2
ROWS = 7  # an odd number: the processes have unequal shares


def batch() -> torch.Tensor:
    """Images (B, C, H, W) whose mean is far from 0 and whose rows differ."""
    generator = torch.Generator().manual_seed(1)
    return 5 + torch.arange(float(ROWS))[:, None, None, None] * torch.randn(ROWS, 3, 4, 4, generator=generator)


def normed(momentum: float | None = 0.1) -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=momentum), nn.LeakyReLU(), nn.Flatten())
    network.extend([nn.Linear(16, 5), nn.BatchNorm1d(5, affine=False)])
    nn.init.uniform_(network.get_parameter("1.weight"))
    nn.init.uniform_(network.get_parameter("1.bias"))
    return network


def learned(world: World, momentum: float | None = 0.1) -> dict[str, torch.Tensor]:
    """Outputs, gradients and statistics after two steps on the shared batch."""
    network, x = normed(momentum), batch()
    synchronise(network, world)
    weights = torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(2))
    for _ in range(2):
        network.zero_grad()
        part = x[world.share(ROWS)].requires_grad_()
        made = network(part)
        (made * weights[world.share(ROWS)]).sum().backward()
        world.add_gradients(list(network.parameters()))
    grads = {f"grad/{name}": value.grad for name, value in network.named_parameters()}
    network.eval()
    return {"made": made.detach(), "grad of x": part.grad, "later": network(x).detach()} | grads | network.state_dict()


def half_precision(world: World) -> torch.Tensor:
    network, x = nn.Sequential(nn.BatchNorm2d(3)), batch().bfloat16()
    synchronise(network, world)
    made = network(x[world.share(ROWS)].contiguous(memory_format=torch.channels_last))
    assert made.dtype == torch.bfloat16
    return made.detach()


def refuses_objects(world: World) -> bool:
    """Whether what is neither JSON nor an array does not go from process to process, as pickles would."""
    try:
        world.gather(Path("object"))
    except TypeError:
        return True
    return False


def tried(world: World) -> dict[str, Any]:
    """Everything that takes several processes."""
    rank = world.rank
    parts = [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(2))]
    parts[0].grad = torch.full((2, 3), 1.0 + rank)
    if rank == 1:
        parts[1].grad = torch.tensor([3.0, 4.0])
    world.add_gradients(parts)
    own = torch.full((2,), float(rank))
    world.broadcast(own)
    return {
        "world": world,
        "followed": own,
        "added": world.add(torch.tensor([1.0, 10.0], dtype=torch.float64) * (rank + 1)),
        "gathered": world.gather({"rank": rank}),
        "refuses": refuses_objects(world),
        "any": [world.any(rank == 1), world.any(False)],
        "same": [world.same({"a": np.ones(2)}), world.same({"a": np.ones(2) + 1e-15 * rank})],
        "gradients": [part.grad for part in parts],
        "learned": learned(world),
        "averaged": learned(world, momentum=None),
        "half": half_precision(world),
        "threads": torch.get_num_threads(),
        "cores": len(os.sched_getaffinity(0)),
    }


def listening() -> set[str]:
    """The addresses, in hexadecimal as Linux tells them, at which this process waits for others."""
    links = [Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd")]
    own = {os.readlink(link) for link in links if link.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in (Path("/proc/self/net") / table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in own:
                found.add(local.partition(":")[0])
    return found


LOOPBACK = {"0100007F", "0" * 24 + "01000000", "0000000000000000FFFF00000100007F"}


def main() -> None:
    place = find_place(os.environ)
    assert place is not None
    store = join(place)
    world = World.here()
    found = tried(world) | {"listening": listening()}
    world.part()
    found |= {"after": World.here(), "first": is_first_to_fail(store)}
    torch.save(found, sys.argv[1])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each process found."""
    folder = tmp_path_factory.mktemp("world")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(SIZE):
        told = {"RANK": rank, "WORLD_SIZE": SIZE, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        known = {"PYTHONPATH": Path(favae_cli.__file__).parents[1], **told}
        environment = os.environ | {name: str(value) for name, value in known.items()}
        started.append(subprocess.Popen([sys.executable, __file__, str(folder / str(rank))], env=environment))
    assert [process.wait(timeout=120) for process in started] == [0] * SIZE
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(SIZE)]


@pytest.mark.slow
def test_the_processes_know_each_other_until_they_part(found: list[dict[str, Any]]) -> None:
    assert [each["world"] for each in found] == [World(rank, SIZE, rank) for rank in range(SIZE)]
    assert [each["world"].is_main for each in found] == [True, False]
    assert [each["after"] for each in found] == [ALONE] * SIZE


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="says only on Linux where it listens")
@pytest.mark.slow
def test_on_one_machine_nothing_listens_to_others(found: list[dict[str, Any]]) -> None:
    assert found[0]["listening"], "it keeps the rendezvous"
    assert all(each["listening"] <= LOOPBACK for each in found)


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="says only on Linux where it listens")
def test_the_rendezvous_of_one_machine_listens_to_nobody_else() -> None:
    before = listening()
    kept = keep_rendezvous("127.0.0.1")
    assert listening() - before <= LOOPBACK
    with socket.create_connection(("127.0.0.1", kept.port), timeout=10):
        pass


@pytest.mark.slow
def test_all_can_follow_the_one_that_leads(found: list[dict[str, Any]]) -> None:
    assert [each["followed"].tolist() for each in found] == [[0.0, 0.0]] * SIZE


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 7, 64])
def test_every_row_is_the_share_of_one_process(count: int, size: int) -> None:
    rows = np.arange(count)
    shares = [rows[World(rank, size).share(count)] for rank in range(size)]
    assert np.array_equal(np.concatenate(shares), rows)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.slow
def test_sums_and_lists_are_the_same_everywhere(found: list[dict[str, Any]]) -> None:
    for each in found:
        assert each["added"].tolist() == [3.0, 30.0]
        assert each["gathered"] == [{"rank": 0}, {"rank": 1}]
        assert each["any"] == [True, False]
        assert each["same"] == [True, False], "one bit makes a difference"


@pytest.mark.slow
def test_processes_tell_each_other_no_pickles(found: list[dict[str, Any]]) -> None:
    assert [each["refuses"] for each in found] == [True] * SIZE


@pytest.mark.slow
def test_gradients_are_summed_though_one_process_has_none(found: list[dict[str, Any]]) -> None:
    for each in found:
        whole, partial = each["gradients"]
        assert whole.tolist() == [[3.0] * 3] * 2
        assert partial.tolist() == [3.0, 4.0]


def test_alone_nothing_is_changed() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    ALONE.add_gradients([parameter])
    assert parameter.grad is None
    assert ALONE.add(torch.ones(2)).tolist() == [1.0, 1.0]
    assert ALONE.gather("a") == ["a"]
    assert ALONE.same({"a": np.ones(2)})
    assert World.here() is ALONE
    network = normed()
    synchronise(network, ALONE)
    assert type(network[1]) is nn.BatchNorm2d


@pytest.mark.slow
@pytest.mark.parametrize(("name", "momentum"), [("learned", 0.1), ("averaged", None)])
def test_batch_norm_is_that_of_the_whole_batch(found: list[dict[str, Any]], name: str, momentum: float | None) -> None:
    alone = learned(ALONE, momentum)
    assert all(list(each[name]) == list(alone) for each in found), "the names of the state are the same"
    for key, expected in alone.items():
        values = [each[name][key] for each in found]
        if key in ("made", "grad of x"):  # each has its rows
            torch.testing.assert_close(torch.cat(values), expected, rtol=1e-5, atol=1e-5)
        else:
            torch.testing.assert_close(values[0], expected, rtol=1e-5, atol=1e-5)
            assert torch.equal(values[0], values[1]), f"{key} is the same to the last bit"


@pytest.mark.slow
def test_batch_norm_keeps_the_type_of_half_precision(found: list[dict[str, Any]]) -> None:
    torch.testing.assert_close(torch.cat([each["half"] for each in found]), half_precision(ALONE))


@pytest.mark.slow
def test_the_cores_are_shared(found: list[dict[str, Any]]) -> None:
    for each in found:
        assert each["threads"] == max(1, each["cores"] // SIZE)


@pytest.mark.slow
def test_only_the_first_to_fail_is_the_cause(found: list[dict[str, Any]]) -> None:
    assert sorted(each["first"] for each in found) == [False, True]


if __name__ == "__main__":
    main()
