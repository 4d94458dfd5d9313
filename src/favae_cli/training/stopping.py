"""Whether an epoch, or a test after it, is to end early."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from favae_cli.common.errors import Interrupted
from favae_cli.machine.world import ALONE, World

AGREED = 16  # steps after which several processes ask each other whether to stop


def agreed(world: World, step: int, stop: Callable[[], bool]) -> bool:
    """Whether all processes stop after this step, because `stop` says so in one of them.

    Several do not ask each other after every step: they would wait for each other once more.
    """
    return (world.size == 1 or step % AGREED == 0) and world.any(stop())


def never() -> bool:
    """Nobody asks to stop."""
    return False


def add_up(
    sums: Tensor,
    parts: Iterable[slice],
    of: Callable[[slice], Tensor | None],
    world: World = ALONE,
    stop: Callable[[], bool] = never,
) -> Tensor:
    """`sums` and what `of` gives for every part of some samples, over all processes.

    Args:
        sums: changed in place.
        of: this process's sums over its share of a part; None where it has none.
        stop: asked after every part; where there are several processes, after some.

    Raises:
        Interrupted: it said so, in one of the processes.
    """
    for done, part in enumerate(parts, start=1):
        if (found := of(part)) is not None:
            sums += found
        if agreed(world, done, stop):
            raise Interrupted
    return world.add(sums)
