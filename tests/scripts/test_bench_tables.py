"""Benchmarks that print one table, at tiny size: of which size, and that the numbers are what the table is for."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

Script = Callable[[str], ModuleType]


def cells(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """Of what was printed, its header first."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_networks(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    networks = script("bench.networks")
    networks.main(["--cases", "folded-400", "--seeds", "3"])
    header, row = cells(capsys)
    assert header[-2:] == ["lines", "neighbours"]
    assert row[0] == "folded, 300"
    r2, seconds, shares = np.split(np.array(row[1:], float), [4, 6])
    assert (r2 < 1).all()
    assert (r2[:2] > 0).all()
    assert (seconds > 0).all()
    view, _ = networks.pair_of("folded-400", 3, None)
    np.testing.assert_allclose(shares, networks.told(view), atol=5e-4)
