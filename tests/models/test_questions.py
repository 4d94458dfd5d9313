"""What is practised: every question that samples can be asked, and none that they cannot."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from favae_cli.models.questions import SLOTS, Questions

PRESENT = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1]], bool)


def asked(questions: Questions, sample: int, target: int) -> list[tuple[bool, ...]]:
    """The sets given to a sample for a target, for chances that are spread evenly."""
    chance = (np.arange(SLOTS)[:, None] + 0.5) / SLOTS * np.ones(len(questions.slots))
    chosen = questions.drawn(np.full(SLOTS, sample), chance)[:, target]
    return [tuple(row) for row in questions.given[chosen].tolist()]


def test_every_set_of_other_views_that_a_sample_has_is_given_and_no_view_that_it_lacks() -> None:
    questions = Questions.about(PRESENT)
    for sample, target in product(range(len(PRESENT)), range(3)):
        others = [view for view in range(3) if view != target and PRESENT[sample, view]]
        possible = {
            tuple(view in others and bool(bits[others.index(view)]) for view in range(3))
            for bits in product([0, 1], repeat=len(others))
        }
        if others:
            possible.remove((False,) * 3)
        assert set(asked(questions, sample, target)) == possible


@pytest.mark.parametrize("views", [3, 4, 6])
def test_few_given_views_are_asked_about_as_often_as_many(views: int) -> None:
    questions = Questions.about(np.ones((1, views), bool))
    sizes = np.bincount([sum(chosen) for chosen in asked(questions, 0, 0)], minlength=views)
    assert sizes[0] == 0
    assert np.ptp(sizes[1:]) <= 2
    single = [chosen.index(True) for chosen in asked(questions, 0, 0) if sum(chosen) == 1]
    assert np.ptp(np.bincount(single, minlength=views)[1:]) <= 1


@pytest.mark.slow
def test_of_very_many_sets_some_are_chosen_the_same_ones_each_time() -> None:
    present = np.ones((2, 40), bool)
    one, other = Questions.about(present), Questions.about(present)
    assert np.array_equal(one.given, other.given)
    assert not one.given[one.slots[7]][..., 7].any()
    assert len(one.given) <= 40 * SLOTS


def test_the_whole_is_all_that_a_sample_has_but_the_target() -> None:
    questions = Questions.about(PRESENT)
    given = questions.given[questions.whole(np.arange(5))]
    for sample, target in product(range(5), range(3)):
        assert given[sample, target].tolist() == [bool(PRESENT[sample, v]) and v != target for v in range(3)]
