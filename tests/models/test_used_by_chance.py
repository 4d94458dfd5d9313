"""Tables of few samples agree by chance in what their columns have in common; a run does not call that shared."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli import FAVAE

COUNT = 80


def tables(shared: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Two tables of columns that hang together, with one factor in common that is so strong."""
    rng = np.random.default_rng(seed)
    common, found = rng.standard_normal((COUNT, 1)), {}
    for name, size in (("a", 40), ("b", 60)):
        own = rng.standard_normal((COUNT, 3)) @ rng.standard_normal((3, size))
        found[name] = own + shared * common @ rng.standard_normal((1, size)) + 0.5 * rng.standard_normal((COUNT, size))
    return found


def uses(X: dict[str, np.ndarray]) -> list[str]:
    return [use.split()[0] for use in FAVAE(factors=6, device="cpu").fit(X).uses_]


def test_what_two_tables_have_in_common_is_shared() -> None:
    assert uses(tables(1.0)).count("shared") == 1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_what_they_have_in_common_by_chance_is_not(seed: int) -> None:
    assert "shared" not in uses(tables(0.0, seed))
