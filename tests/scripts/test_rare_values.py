"""The benchmark of rare values: a small one, whose numbers are what the table is for."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.mark.slow
def test_rare_values_are_foretold_at_their_rate(
    script: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    script("bench.rare_values").main(["--samples", "80", "--seeds", "1"])
    row = capsys.readouterr().out.splitlines()[-1].strip("| ").split(" | ")
    drugs, _, ridge, _, rate, chance, brier, brier_of_rates = map(float, row[1:])
    assert drugs > ridge
    assert chance == pytest.approx(rate, abs=0.01)
    assert brier < 0.9 * brier_of_rates
