"""The way of the samples to the device: kept there whole, or sent ahead of the step that needs them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from favae_cli.machine.runtime import send

AHEAD = 2  # batches on their way to a GPU while it computes
SHARE = 0.5  # of a GPU's free memory, at most, for the rows of one array
CHUNK = 4096  # rows that are moved at a time

T = TypeVar("T")
R = TypeVar("R")


class Rows:
    """Some rows of an array, gathered in any order, over and over.

    Args:
        values: (R, ...); may be mapped from a file.
        chosen: int64 (N,), which of its rows, by position.
        device: where they are wanted. A GPU keeps all of them if they fit into `SHARE` of its free memory.
    """

    def __init__(self, values: np.ndarray, chosen: np.ndarray, device: torch.device) -> None:
        self._values, self._chosen, self._device = values, chosen, device
        self._resident = self._moved() if _fits(values, len(chosen), device) else None

    def gather(self, positions: np.ndarray) -> np.ndarray | Tensor:
        """The rows at `positions` of `chosen`, in that order: on the device if they are there, else as stored."""
        if self._resident is None:
            return self._values[self._chosen[positions]]
        return self._resident[send(positions, self._device)]

    @torch.inference_mode(False)  # whoever asks first: training will use them too
    def _moved(self) -> Tensor:
        shape = (len(self._chosen), *self._values.shape[1:])
        resident = torch.empty(shape, dtype=torch.from_numpy(self._values[:0].copy()).dtype, device=self._device)
        for start in range(0, len(self._chosen), CHUNK):
            part = slice(start, start + CHUNK)
            resident[part] = torch.from_numpy(self._values[self._chosen[part]]).to(self._device)
        return resident


def _fits(values: np.ndarray, count: int, device: torch.device) -> bool:
    """Whether a GPU has room for `count` rows; a CPU has them where they are, and texts are not for GPUs."""
    if device.type != "cuda" or values.dtype == object:
        return False
    free, _ = torch.cuda.mem_get_info(device)
    row = values.dtype.itemsize * int(np.prod(values.shape[1:]))
    return count * row <= SHARE * free


def delivered(make: Callable[[T], R], asked: Iterable[T], device: torch.device) -> Iterator[R]:
    """`make` of everything that is asked for, in that order; `ahead` of what is taken where that helps."""
    # A CPU gains nothing by a thread: it would gather while it is to compute.
    return ahead(make, asked, device) if device.type == "cuda" else map(make, asked)


def ahead(make: Callable[[T], R], asked: Iterable[T], device: torch.device) -> Iterator[R]:
    """`make` of everything that is asked for, in that order, by a thread that is `AHEAD` of what is taken.

    Args:
        make: for example, reads samples and sends them to the device.
        device: that the thread works for.
    """
    # A new thread begins with the first GPU, whichever its process has chosen.
    choose = partial(torch.cuda.set_device, device) if device.type == "cuda" else None
    under_way: deque[Future[R]] = deque()
    with ThreadPoolExecutor(1, initializer=choose) as thread:
        for one in asked:
            under_way.append(thread.submit(make, one))
            if len(under_way) > AHEAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
