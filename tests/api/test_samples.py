"""Views given in Python: rows of pandas tables belong together by their index, not by their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from favae_cli.api.samples import names_of, views_to_fit
from favae_cli.common.errors import UserError

IDS = [f"a{i}" for i in range(12)]
DRAW = np.random.default_rng(0)
FIRST = pd.DataFrame(DRAW.normal(size=(12, 3)), index=IDS, columns=["p", "q", "r"])
SECOND = FIRST[["p"]].rename(columns={"p": "t"})
SHUFFLED = DRAW.permutation(IDS)


@pytest.mark.parametrize("second", [SECOND.loc[SHUFFLED], SECOND["t"].loc[SHUFFLED]])
def test_frames_are_joined_by_their_index(second: Any) -> None:
    views, _ = views_to_fit({"x": FIRST, "y": second}, {})
    np.testing.assert_array_equal(views["y"].values[:, 0], FIRST["p"])
    np.testing.assert_array_equal(views["x"].values, FIRST)


def test_tables_of_named_samples_need_not_have_the_same() -> None:
    other = SECOND.iloc[:9].set_axis(["b", *IDS[1:9]])
    X = {"x": FIRST, "y": other}
    views, _ = views_to_fit(X, {})
    assert names_of(X).tolist() == [*IDS, "b"]
    assert views["x"].present.tolist() == [True] * 12 + [False]
    assert views["y"].present.tolist() == [False] + [True] * 8 + [False] * 3 + [True]
    np.testing.assert_array_equal(views["y"].gather(np.array([12, 1]))[:, 0], other["t"].iloc[:2])


def test_a_row_of_nothing_is_a_view_that_is_missing() -> None:
    views, _ = views_to_fit({"x": FIRST, "y": SECOND.iloc[:9].reindex(IDS)}, {})
    assert views["y"].present.tolist() == [True] * 9 + [False] * 3


@pytest.mark.parametrize(
    ("X", "told"),
    [
        (
            {"x": FIRST.set_axis(range(12)), "y": SECOND.set_axis(range(12)).iloc[:9]},  # rows that are only counted
            r"X\['y'\]: its index names other samples than that of X\['x'\]; .*reindex",
        ),
        ({"x": FIRST, "y": SECOND.set_axis([f"b{i}" for i in range(12)])}, r"X\['y'\]: its index names other samples"),
        ({"x": FIRST.set_axis(["a"] * 12), "y": SECOND}, r"X\['y'\]: its index names other samples"),
        (
            {"x": FIRST, "y": SECOND.loc[SHUFFLED], "z": np.ones(12)},
            r"X\['z'\]: has no index, but X\['x'\] and X\['y'\]",
        ),
        ({"x": FIRST.set_axis(["TP53", "TP53", "MYC"], axis=1)}, r"X\['x'\]: has column 'TP53' more than once"),
    ],
)
def test_what_does_not_go_together_is_refused(X: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        views_to_fit(X, {})


def test_arrays_go_with_frames_in_one_order() -> None:
    views, _ = views_to_fit({"x": FIRST, "y": SECOND, "z": FIRST[["q"]].to_numpy()}, {})
    np.testing.assert_array_equal(views["z"].values[:, 0], FIRST["q"])


def test_a_sparse_matrix_is_what_it_stands_for() -> None:
    dense = np.where(DRAW.random((12, 3)) < 0.5, 0, DRAW.normal(size=(12, 3)))
    for given in (sparse.csr_matrix(dense), sparse.coo_array(dense)):
        np.testing.assert_array_equal(views_to_fit({"x": given}, {})[0]["x"].values, dense)
