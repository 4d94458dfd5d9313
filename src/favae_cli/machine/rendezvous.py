"""How the processes of one run find each other."""

from __future__ import annotations

import ipaddress
import os
import platform
import socket
from datetime import timedelta
from typing import Any

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
    if _stays_here(place.address):
        _keep_to_this_machine()
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
    return _store(address, 0, keeps=True)


def _store(address: str, port: int, keeps: bool) -> TCPStore:
    """Where processes meet; who keeps it at an address of this machine alone listens nowhere else."""
    told: dict[str, Any] = {"is_master": keeps, "timeout": JOINING, "wait_for_workers": False}
    if keeps and _stays_here(address):
        with socket.create_server((address, port)) as listener:  # torch itself would listen on every interface
            port = listener.getsockname()[1]
            told["master_listen_fd"] = listener.detach()
    return TCPStore(address, port, **told)


def _stays_here(address: str) -> bool:
    """Whether no other machine can reach the address."""
    try:
        return ipaddress.ip_address(socket.gethostbyname(address)).is_loopback
    except (OSError, ValueError):
        return False


def _keep_to_this_machine() -> None:
    """Have gloo and NCCL, which listen too, do so on the loopback interface, unless the user names one."""
    for _, name in socket.if_nameindex():
        if name.startswith("lo"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
            os.environ.setdefault("NCCL_SOCKET_IFNAME", name)
            return


def _rendezvous(place: Place) -> Store:
    """Wait until every process is there."""
    keeps = place.rank == 0 and not place.hosted
    meeting = _store(place.address, place.port, keeps)
    store = PrefixStore(f"favae-run/{place.attempt}", meeting)
    if store.add("there", 1) == place.size:
        store.set("complete", "")
    store.wait(["complete"], JOINING)
    return store


def _share_of_cores(world: World) -> int:
    """Cores for this process: those of one machine that may use the same ones divide them."""
    own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    here = platform.node()
    told = world.gather({"machine": here, "cores": sorted(own)})
    sharing = sum(other["machine"] == here and bool(own & {*other["cores"]}) for other in told)
    return max(1, len(own) // sharing)
