"""Who uses a factor: chance as shuffled rows have it, and a share that means something."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.factors.use import LEAST_SHARE, chance, used


def drawn(seed: int, count: int = 60, size: int = 12, factors: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A table whose columns hang together, and latents that it has nothing to do with."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((count, 3)) @ rng.standard_normal((3, size)) + rng.standard_normal((count, size))
    return table, rng.standard_normal((count, factors)) @ rng.standard_normal((factors, factors))


def explained(table: np.ndarray, latent: np.ndarray) -> float:
    """The squares that a regression of the table on one latent explains."""
    centred = latent - latent.mean()
    return float(np.sum(np.square(centred @ (table - table.mean(axis=0)))) / (centred @ centred))


@pytest.mark.parametrize(("seed", "strength"), [(0, 0.0), (1, 0.2), (2, 0.35), (3, 0.35)])
def test_chance_is_the_share_of_shuffled_tables_that_agree_as_well(seed: int, strength: float) -> None:
    table, latent = drawn(seed, factors=1)
    table = table + strength * np.outer(latent[:, 0], np.ones(table.shape[1]))
    rng, here = np.random.default_rng(7), explained(table, latent[:, 0])
    shuffled = [explained(table[rng.permutation(len(table))], latent[:, 0]) for _ in range(4000)]
    share = np.mean(np.array(shuffled) >= here)
    assert chance(table, latent)[0] == pytest.approx(share, abs=0.03, rel=0.3)


def test_of_what_is_unrelated_one_in_twenty_is_below_one_in_twenty() -> None:
    found = np.concatenate([chance(*drawn(seed)) for seed in range(300)])
    assert 0.02 < np.mean(found < 0.05) < 0.09
    assert np.mean(found < 0.5) == pytest.approx(0.5, abs=0.08)


def test_a_factor_is_not_taken_for_another_that_it_hangs_together_with() -> None:
    table, _ = drawn(1, count=400)
    latent = np.random.default_rng(2).standard_normal((400, 3))
    latent[:, 1] += latent[:, 0]
    table += np.outer(latent[:, 0], np.linspace(0.5, 1, table.shape[1]))
    one, other, _ = chance(table, latent)
    assert one < 1e-6
    assert other > 0.01
    assert chance(table, latent[:, 1:])[0] < 1e-6  # alone it stands for the first


def test_missing_entries_make_no_agreement() -> None:
    table, latent = drawn(0, count=100)
    table[np.random.default_rng(0).random(table.shape) < 0.5] = np.nan
    assert chance(table, latent).min() > 0.01
    np.testing.assert_array_equal(chance(table, np.zeros_like(latent)), 1.0)
    np.testing.assert_array_equal(chance(np.full_like(table, np.nan), latent), 1.0)


def test_a_view_needs_a_share_and_no_chance_but_for_its_own_factors() -> None:
    stands_out = np.array([[True, True, True, False, False], [True, True, True, True, False]])
    share = np.array([[0.78, 0.3, 0.2, 0.0, 0.0], [LEAST_SHARE / 2, 0.1, 0.1, 0.001, 0.0]])
    by_chance = np.zeros(share.shape)
    by_chance[1, 2] = 0.02  # of ten tests, one has as much
    assert used(stands_out, share, by_chance).tolist() == [
        [True, True, True, False, False],
        [False, True, False, True, False],
    ]


def test_where_many_factors_share_a_view_less_of_it_is_a_share() -> None:
    stands_out = np.ones((2, 200), bool)
    share = np.stack([np.full(200, 0.0035), np.full(200, 0.004)])
    assert used(stands_out, share, np.zeros(share.shape)).all()
