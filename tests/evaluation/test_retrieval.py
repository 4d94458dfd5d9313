"""Ranks of partners against brute force, and what models that know everything or nothing come to."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from favae_cli.evaluation.translation import partner_ranks, retrieval


def ranks_by_hand(expected: np.ndarray, actual: np.ndarray) -> list[Fraction]:
    """In whole numbers: cos^2 with its sign, which is 0 for a row of zeros."""

    def nearness(one: np.ndarray, other: np.ndarray) -> Fraction:
        dot, square = int(one @ other), int(other @ other)
        return Fraction(dot * abs(dot), square or 1)

    ranks = []
    for i, row in enumerate(expected):
        near = [nearness(row, other) for other in actual]
        ties = sum(value == near[i] for value in near) - 1
        ranks.append(sum(value > near[i] for value in near) + Fraction(ties, 2))
    return ranks


def embeddings(count: int) -> st.SearchStrategy[np.ndarray]:
    # Of three entries each -1, 0 or 1: many ties, rows of zeros, and no rounding.
    return arrays(int, (count, 3), elements=st.integers(-1, 1))


pairs_of_embeddings = st.integers(1, 8).flatmap(lambda count: st.tuples(embeddings(count), embeddings(count)))


@settings(max_examples=60, deadline=None)
@given(pair=pairs_of_embeddings)
def test_ranks_are_those_of_brute_force_ties_and_zeros_included(pair: tuple[np.ndarray, np.ndarray]) -> None:
    expected, actual = (part.astype(float) for part in pair)
    found = partner_ranks(expected, actual)
    assert found.tolist() == [float(rank) for rank in ranks_by_hand(*pair)]
    assert ((found >= 0) & (found <= len(found) - 1)).all()


@settings(max_examples=50, deadline=None)
@given(pair=pairs_of_embeddings, data=st.data())
def test_ranks_know_neither_the_order_of_the_pairs_nor_the_length_of_what_is_expected(
    pair: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    expected, actual = (part.astype(float) for part in pair)
    found, order = partner_ranks(expected, actual), data.draw(st.permutations(range(len(expected))))
    assert partner_ranks(expected[order], actual[order]).tolist() == found[order].tolist()
    assert partner_ranks(expected / 8, actual).tolist() == found.tolist()


def test_perfect_embeddings_find_every_partner() -> None:
    actual = np.random.default_rng(0).standard_normal((40, 6))
    found = retrieval(partner_ranks(0.3 * actual, actual))
    assert (found["top1"], found["top5"], found["median_rank"]) == (1.0, 1.0, 0.0)
    assert partner_ranks(-actual, actual).min() > 20


@pytest.mark.parametrize("constant", ["expected", "actual", "both"])
def test_embeddings_all_in_one_place_are_no_better_than_chance(constant: str) -> None:
    rng = np.random.default_rng(0)
    expected, actual = rng.standard_normal((2, 101, 6))
    if constant != "actual":
        expected[:] = 1
    if constant != "expected":
        actual[:] = 1
    found = retrieval(partner_ranks(expected, actual))
    assert found["top1"] <= found["chance_top1"]
    assert found["top5"] <= found["chance_top5"]
    assert found["median_rank"] == pytest.approx(found["chance_median_rank"], abs=1)


def test_random_embeddings_are_as_good_as_chance() -> None:
    expected, actual = np.random.default_rng(0).standard_normal((2, 1000, 6))
    found = retrieval(partner_ranks(expected, actual))
    assert found["median_rank"] == pytest.approx(found["chance_median_rank"], rel=0.1)
    assert found["top5"] == pytest.approx(found["chance_top5"], abs=0.01)


def test_retrieval_counts_ranks_from_0_and_tells_chance() -> None:
    found = retrieval(np.array([0.0, 0.5, 4.0, 4.5, 9.0, 1.0, 20.0]))
    assert found == pytest.approx(
        {
            "top1": 1 / 7,
            "top5": 4 / 7,
            "median_rank": 4.0,
            "chance_top1": 1 / 7,
            "chance_top5": 5 / 7,
            "chance_median_rank": 3.0,
            "partners": 7,
        }
    )
    assert retrieval(np.zeros(2))["chance_top5"] == 1
