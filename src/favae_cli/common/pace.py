"""How often long work tells that it goes on."""

from __future__ import annotations

import time

SECONDS = 5.0  # between two lines


class Pace:
    """When the next line is due: none of what takes no time, and then one every `SECONDS`."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for a line, which is then taken for told."""
        now = time.monotonic()
        if now - self._told < SECONDS:
            return False
        self._told = now
        return True
