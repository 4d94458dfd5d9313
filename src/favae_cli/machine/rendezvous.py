"""How the processes of one run find each other."""

from __future__ import annotations

import os
import platform
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from favae_cli.common.errors import UserError
from favae_cli.machine.launcher_environment import Place
from favae_cli.machine.runtime import use_threads
from favae_cli.machine.world import World

JOINING = timedelta(minutes=10)  # for all processes to be there
WORKING = timedelta(days=1)  # for one that evaluates while the others wait; whoever started it sees if it dies


def join(place: Place) -> Store:
    """Become one of several processes, with a fair share of the machine's cores.

    Returns:
        What all of them can read and write.

    Raises:
        UserError: the processes do not find each other.
    """
    os.environ["LOCAL_RANK"] = str(place.local)  # as torchrun sets it
    try:
        store = _rendezvous(place)
    except dist.DistError as error:
        raise UserError(
            f"MASTER_ADDR={place.address} MASTER_PORT={place.port}: process {place.rank} does not find the other "
            f"{place.size - 1} there ({str(error).splitlines()[0]})"
        ) from error
    # The arrays of the factor engine are on the CPU, networks on the GPU if there is one.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=place.rank, world_size=place.size, timeout=WORKING)
    use_threads(_share_of_cores(World.here()))
    return store


def is_first_to_fail(store: Store) -> bool:
    """Whether no other process has failed yet: that one is the cause, others only lose touch with it."""
    try:
        return bool(store.add("failed", 1) == 1)
    except dist.DistError:  # its keeper is gone
        return False


def keep_rendezvous(address: str) -> TCPStore:
    """A rendezvous of processes on this machine, for as long as the result lives; `port` says where."""
    return TCPStore(address, 0, is_master=True, timeout=JOINING, wait_for_workers=False)


def _rendezvous(place: Place) -> Store:
    """Wait until every process is there."""
    keeps = place.rank == 0 and not place.hosted
    meeting = TCPStore(place.address, place.port, is_master=keeps, timeout=JOINING, wait_for_workers=False)
    store = PrefixStore(f"favae-run/{place.attempt}", meeting)
    if store.add("there", 1) == place.size:
        store.set("complete", "")
    store.wait(["complete"], JOINING)
    return store


def _share_of_cores(world: World) -> int:
    """Cores for this process: those of one machine that may use the same ones divide them."""
    own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    here = platform.node()
    sharing = sum(machine == here and bool(cores & own) for machine, cores in world.gather((here, own)))
    return max(1, len(own) // sharing)
