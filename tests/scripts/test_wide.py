"""The bench of wide tables: what is planted, and what the fit alone says of it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def bench(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("bench.wide")


@pytest.mark.slow
def test_the_fit_alone_finds_what_is_planted(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--alone", "--cases", "20x40", "--shares", "0.1", "--seed", "1"])
    seconds, mebibytes, r2 = (float(each.replace(",", "")) for each in capsys.readouterr().out.split())
    assert seconds >= 0 < mebibytes
    assert 0.5 < r2 <= 1


def test_a_seed_is_a_draw(bench: ModuleType) -> None:
    table, latent = bench.planted("20x40", 0.25, seed=1)
    np.testing.assert_array_equal(table, bench.planted("20x40", 0.25, seed=1)[0])
    assert not np.array_equal(latent, bench.planted("20x40", 0.25, seed=2)[1])
    assert table.shape == (20, 40)
    assert 0.1 < np.isnan(table).mean() < 0.4
