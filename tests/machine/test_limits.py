"""What the machine lacks is said in a line; what is a bug keeps its traceback."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import torch

from favae_cli.common.errors import UserError
from favae_cli.machine.limits import memory_told

HUGE = 1 << 50


@pytest.mark.parametrize("ask", [lambda: np.empty(HUGE), lambda: torch.empty(HUGE), lambda: bytearray(HUGE)])
def test_a_lack_of_memory_is_a_line(ask: object) -> None:
    with pytest.raises(UserError, match="not enough memory"), memory_told():
        ask()  # type: ignore[operator]


def test_a_lack_of_memory_that_another_error_tells_of_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="not enough memory"), memory_told():
        raise ValueError("no image") from MemoryError()
    with pytest.raises(SystemError), memory_told():
        raise SystemError("error return without exception set")
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1 << 30, 1 << 30))
    with pytest.raises(UserError, match="not enough memory"), memory_told():
        raise SystemError("error return without exception set")


def test_a_bug_stays_one() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_told():
        raise RuntimeError("shapes do not match")
