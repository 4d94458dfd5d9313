"""The processes of one run, on one machine or several, and what they tell each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from favae_cli.machine.messages import decode, encode

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train one model together; every method but `share` must be called by all of them.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
        local: rank among those of this machine, which picks a GPU.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @classmethod
    def here(cls) -> World:
        """The processes that `launch.joined` has brought together, or this one alone."""
        if not (dist.is_available() and dist.is_initialized()):
            return ALONE
        return cls(dist.get_rank(), dist.get_world_size(), dist.get_node_local_rank())

    @property
    def is_main(self) -> bool:
        """Whether this is the main process, which writes files, evaluates and reports."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` rows are this process's; together the processes have each row once, in order."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def add(self, tensor: Tensor) -> Tensor:
        """`tensor` summed over the processes, in place; the same bits everywhere."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def broadcast(self, tensor: Tensor) -> None:
        """Make `tensor` what it is in the main process."""
        if self.size > 1:
            dist.broadcast(tensor, 0)

    def gather(self, part: T) -> list[T]:
        """What each process gives, in the order of their ranks; small, and what `messages.encode` takes.

        Tuples come back as lists, also those of this process.
        """
        if self.size == 1:
            return [part]
        own = torch.frombuffer(bytearray(encode(part)), dtype=torch.uint8)
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(sizes, torch.tensor([len(own)]))
        most = max(int(size) for size in sizes)
        parts = [torch.zeros(most, dtype=torch.uint8) for _ in range(self.size)]
        dist.all_gather(parts, torch.nn.functional.pad(own, (0, most - len(own))))
        return [decode(told[: int(size)].numpy().tobytes()) for told, size in zip(parts, sizes, strict=True)]

    def any(self, here: bool) -> bool:
        """Whether it is so in one process at least."""
        return any(self.gather(here))

    def same(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Whether every process holds the same bits under the same names."""
        if self.size == 1:
            return True
        digest = hashlib.sha256()
        for name, array in sorted(arrays.items()):
            digest.update(name.encode() + array.tobytes())
        return len(set(self.gather(digest.hexdigest()))) == 1

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()

    def part(self) -> None:
        """End the work together as soon as every process is here: what follows, each does alone."""
        if self.size > 1:
            dist.barrier()
            dist.destroy_process_group()

    def add_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Sum the gradients over the processes, in one message; a parameter that has none here counts with zeros."""
        if self.size == 1:
            return
        for value in parameters:
            if value.grad is None:  # others may have one, and every message has the same length
                value.grad = torch.zeros_like(value)
        grads = [value.grad for value in parameters if value.grad is not None]
        flat = self.add(torch.cat([grad.flatten() for grad in grads]))
        for grad, part in zip(grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True):
            grad.copy_(part.view_as(grad))


ALONE = World()
