"""Columns that are modelled by their logarithms or ranks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from favae_cli.common.errors import UserError
from favae_cli.views.real import RealView
from favae_cli.views.transforms import Transforms

COLUMNS = ("income", "rent", "score", "age")


def values(rows: int = 2000) -> np.ndarray:
    draw = np.random.default_rng(0).normal(size=(rows, 4))
    made = np.stack(
        [np.exp(2 * draw[:, 0]), np.expm1(np.abs(draw[:, 1])), draw[:, 2] ** 3, 50 + 9 * draw[:, 3]], axis=1
    )
    made[3, 0] = np.nan
    return made


def view(**transform: list[str]) -> RealView:
    made = RealView(4, Transforms.of(transform, COLUMNS))
    made.fit(values())
    return made


def test_what_is_seen_has_the_shape_of_a_normal() -> None:
    seen = view(log=["income"], log1p=["rent"], rank=["score"]).local(values()).x
    assert np.isnan(seen[3, 0])
    for column in (0, 2, 3):
        assert stats.kstest(seen[~np.isnan(seen[:, column]), column], "norm").statistic < 0.04


def test_what_is_said_is_in_the_units_of_the_data() -> None:
    x, made = values(), view(log=["income"], log1p=["rent"], rank=["sc*"])
    z = made.local(x).mean.astype(float)
    back = made.decode(np.nan_to_num(z))
    there = ~np.isnan(x)
    np.testing.assert_allclose(back[:, [0, 1, 3]][there[:, [0, 1, 3]]], x[:, [0, 1, 3]][there[:, [0, 1, 3]]], rtol=1e-3)
    inside = np.abs(x[:, 2]) < np.quantile(np.abs(x[:, 2]), 0.98)  # of ranks, what lies between the quantiles
    np.testing.assert_allclose(back[inside, 2], x[inside, 2], atol=0.12)


def test_intervals_hold_as_much_as_they_say_and_deviations_are_those_of_the_columns() -> None:
    x, made = values(), view(log=["income"], rank=["score"])
    mean, variance = np.zeros((1, 4)), np.ones((1, 4))
    low, high = made.interval(mean, variance, 0.9)
    inside = np.nanmean((x[:, [0, 2, 3]] > low[:, [0, 2, 3]]) & (x[:, [0, 2, 3]] < high[:, [0, 2, 3]]), axis=0)
    np.testing.assert_allclose(inside, 0.9, atol=0.02)
    small = made.deviation(mean, variance / 100)
    np.testing.assert_allclose(small[0, 0], np.exp(0.0) * 0.2, rtol=0.15)  # a lognormal of sigma 2 / 10, median about 1
    np.testing.assert_allclose(made.deviation(mean, variance)[0, 2], x[:, 2].std(), rtol=0.25)


def test_a_figure_says_what_it_shows() -> None:
    assert view(log=["income"], rank=["score"]).titles(COLUMNS) == ("log income", "rent", "rank score", "age")


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match=r"transform.log: no column 'incme'; did you mean income"):
        Transforms.of({"log": ["incme"]}, COLUMNS)
    with pytest.raises(UserError, match=r"transform.rank: 'age' is also under log; leave one"):
        Transforms.of({"log": ["a*"], "rank": ["age"]}, COLUMNS)
    with pytest.raises(
        UserError, match=r"transform.log: column 'score' holds -?[0-9.e-]+, which has none; leave it out"
    ):
        view(log=["score"])
