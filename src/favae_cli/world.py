"""The processes of one run, on one machine or several, and what they tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train one model together; every method but `share` must be called by all of them.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files, evaluates and reports."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` rows are this process's; together the processes have each row once, in order."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def add(self, tensor: Tensor) -> Tensor:
        """`tensor` summed over the processes, in place; the same bits everywhere."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def gather(self, part: T) -> list[T]:
        """What each process gives, in the order of their ranks; small objects only."""
        if self.size == 1:
            return [part]
        parts: list[T] = [part] * self.size
        dist.all_gather_object(parts, part)
        return parts

    def any(self, here: bool) -> bool:
        """Whether it is so in one process at least."""
        return any(self.gather(here))

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()

    def add_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Sum the gradients over the processes, in one message."""
        if self.size == 1:
            return
        grads = [value.grad for value in parameters if value.grad is not None]
        flat = self.add(torch.cat([grad.flatten() for grad in grads]))
        for grad, part in zip(grads, flat.split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(part.view_as(grad))


ALONE = World()
