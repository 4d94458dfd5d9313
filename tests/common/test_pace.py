"""How often long work says that it goes on."""

from __future__ import annotations

import time

import pytest

from favae_cli.common.pace import SECONDS, Pace


def test_a_line_is_due_once_an_interval_and_none_of_what_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    pace, told = Pace(), []
    for _ in range(30):
        clock[0] += SECONDS / 4
        told.append(pace.due())
    assert not any(told[:3])
    assert sum(told) == 7
