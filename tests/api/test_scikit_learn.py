"""The estimator in scikit-learn's hands: parameters, copies, tables out, pipelines and cross-validation."""

from __future__ import annotations

from copy import copy

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from favae_cli import FAVAE

COUNT = 60
COLUMNS = {"body": ["height", "weight", "waist"], "blood": ["iron", "fat"]}


def views(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {name: frame[columns] for name, columns in COLUMNS.items()}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Two hidden numbers behind the columns of two views, of people with names."""
    rng = np.random.default_rng(0)
    names = [f"p{number}" for number in range(COUNT)]
    values = rng.normal(size=(COUNT, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(COUNT, 5))
    return pd.DataFrame(values, index=names, columns=[*COLUMNS["body"], *COLUMNS["blood"]])


def estimator() -> FAVAE:
    return FAVAE(factors=2, device="cpu", overrides=["schedule.sweeps=20"])


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> FAVAE:
    return estimator().fit(views(frame))


def test_parameters_are_read_set_and_cloned() -> None:
    model = FAVAE({"a": "counts"}, factors=3, overrides=["seed=1"]).set_output(transform="pandas")
    other = clone(model).set_params(beta=2.0)
    assert other.get_params() == model.get_params() | {"beta": 2.0}
    assert other.get_params()["views"] == {"a": "counts"}


def test_factors_come_as_a_table_if_that_is_asked_for(fitted: FAVAE, frame: pd.DataFrame) -> None:
    plain = fitted.transform(views(frame))
    assert isinstance(plain, np.ndarray)
    table = copy(fitted).set_output(transform="pandas").transform(views(frame))
    assert table.index.equals(frame.index)
    assert table.columns.tolist() == fitted.get_feature_names_out().tolist() == ["factor_0", "factor_1"]
    np.testing.assert_array_equal(table, plain)
    with config_context(transform_output="pandas"):
        pd.testing.assert_frame_equal(pd.DataFrame(fitted.transform(views(frame))), table)
    assert clone(fitted).set_output(transform="pandas").fit_transform(views(frame)).index.equals(frame.index)


@pytest.mark.slow
def test_a_pipeline_takes_one_table_apart_and_is_cross_validated(frame: pd.DataFrame) -> None:
    split = FunctionTransformer(views)
    assert (cross_val_score(make_pipeline(split, estimator()), frame, cv=2) > 0.5).all()
    tall = frame["height"] > 0
    chained = make_pipeline(split, estimator(), LogisticRegression())
    assert cross_val_score(chained, frame, tall, cv=2).mean() > 0.8
