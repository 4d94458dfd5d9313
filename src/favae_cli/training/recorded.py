"""A training step as a CUDA graph: recorded once, then replayed as one launch instead of hundreds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

Inputs = dict[str, Tensor]
"""All that a step reads of one batch, by name, on the device."""

Step = Callable[[Inputs], None]
Recorder = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes work on fixed memory, and returns what does the same work again."""


class Recorded:
    """A step that reads its inputs from memory of its own, as a graph does, whose kernels know addresses alone.

    Args:
        step: without a look at a value on the device, and with the same launches for all inputs of one shape.
        example: inputs whose shapes those of every batch have; the recorder may run the step with them.
        record: `cuda_graph`; a test may give the step itself back.
    """

    def __init__(self, step: Step, example: Inputs, record: Recorder) -> None:
        self._step = step
        self._memory = {name: value.clone() for name, value in example.items()}
        self._replay = record(lambda: step(self._memory))

    def __call__(self, inputs: Inputs) -> None:
        """The step with these inputs; one by one, as it is written, where their shapes are others."""
        if inputs.keys() != self._memory.keys() or any(
            value.shape != self._memory[name].shape for name, value in inputs.items()
        ):
            self._step(inputs)
            return
        for name, value in inputs.items():
            self._memory[name].copy_(value, non_blocking=True)
        self._replay()


class Learner(NamedTuple):
    """All that a step changes: networks, their optimiser, and what it counts."""

    networks: nn.Module
    optimizer: torch.optim.Optimizer
    counted: Tensor


def recorded(
    name: str, step: Step, example: Inputs, learner: Learner, record: Recorder | None = None
) -> Recorded | None:
    """The step as a graph; or None, and a line that says why, where the networks do not allow it.

    Args:
        name: of what trains, for that line.
        example: inputs of one batch.
        learner: is afterwards what it was before.
        record: by default, `cuda_graph`.
    """
    try:
        with unchanged(learner):
            return Recorded(step, example, record or cuda_graph)
    except RuntimeError as error:  # of mistakes in the networks themselves the plain step tells once more
        told = str(error).strip().splitlines() or [type(error).__name__]
        logger.warning("%s: the training step cannot be a CUDA graph, and is slower as it is: %s", name, told[0])
        return None


def cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Record what `work` launches on the current device.

    It runs twice before that: libraries choose their kernels at the first time, and at the second a look at a value on
    the device, which no graph can do, is an error. A recording that failed midway would leave generators unusable.

    Raises:
        RuntimeError: `work` cannot be recorded.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        work()
        with _no_waiting():
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    replay: Callable[[], None] = graph.replay
    return replay


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Make it an error to wait for the device."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@contextmanager
def unchanged(learner: Learner) -> Iterator[None]:
    """Put everything back at the end, in place.

    Slots that the optimiser has made meanwhile begin at zero, as they do when it makes them itself.
    """
    tensors = [*learner.networks.state_dict().values(), learner.counted]
    kept = [(tensor, tensor.clone()) for tensor in tensors]
    slots = {id(slot): slot.clone() for slot in _slots(learner.optimizer.state)}
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in kept:
                tensor.copy_(before)
            for slot in _slots(learner.optimizer.state):
                earlier = slots.get(id(slot))
                slot.zero_() if earlier is None else slot.copy_(earlier)


def _slots(state: Mapping[Tensor, Mapping[str, object]]) -> Iterator[Tensor]:
    for slots in state.values():
        yield from (slot for slot in slots.values() if isinstance(slot, Tensor))
