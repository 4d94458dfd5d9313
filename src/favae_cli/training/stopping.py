"""Whether an epoch, or a test after it, is to end early."""

from __future__ import annotations

from collections.abc import Callable

from favae_cli.machine.world import World

AGREED = 16  # steps after which several processes ask each other whether to stop


def agreed(world: World, step: int, stop: Callable[[], bool]) -> bool:
    """Whether all processes stop after this step, because `stop` says so in one of them.

    Several do not ask each other after every step: they would wait for each other once more.
    """
    return (world.size == 1 or step % AGREED == 0) and world.any(stop())


def never() -> bool:
    """Nobody asks to stop."""
    return False
