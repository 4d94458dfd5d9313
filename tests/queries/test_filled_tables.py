"""Tables with their holes filled, and how sure that is."""

from __future__ import annotations

import numpy as np

from favae_cli.data.masked_tables import masked_view
from favae_cli.queries.filled_tables import variables
from favae_cli.queries.impute import Made


def test_each_column_has_its_interval_and_all_are_computed_at_once() -> None:
    known, value = np.array([[1, np.nan, 3], [np.nan, 5, 6]]), np.arange(6.0).reshape(2, 3)
    asked: list[float] = []

    def interval(level: float) -> tuple[np.ndarray, np.ndarray]:
        asked.append(level)
        return value - level, value + level

    made = Made("numbers", known, np.isnan(known), value, np.ones((2, 3)), None, interval)
    found = {part.name: part.beside for part in variables(made, masked_view(known, ["a", "b", "c"]), 0.5)}
    assert found["a"]["_lower"].tolist() == [1, 2.5]
    assert found["b"]["_upper"].tolist() == [1.5, 5]
    assert found["c"]["_lower"].tolist() == [3, 6]
    assert asked == [0.5]
