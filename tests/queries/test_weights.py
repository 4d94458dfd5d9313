"""Weights are what factors do to columns, in the columns' units, and written where scanpy and muon look for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from favae_cli import FAVAE
from favae_cli.common.errors import UserError

COUNT = 300


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    """Of two factors one is of all views: it raises "up", lowers "down" by 100 and favours red."""
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, COUNT))
    noise = rng.standard_normal((COUNT, 4))
    numbers = np.column_stack([one, 5 - 100 * one, other, one + other]) + noise * [0.3, 30, 0.3, 0.3]
    index = [f"p{number}" for number in range(COUNT)]
    more = np.column_stack([2 * one, other - one]) + 0.3 * rng.standard_normal((COUNT, 2))
    return {
        "numbers": pd.DataFrame(numbers, index, ["up", "down", "else", "both"]),
        "more": pd.DataFrame(more, index, ["double", "apart"]),
        "bits": pd.DataFrame({"bit": one + 0.5 * rng.standard_normal(COUNT) > 0}, index),
        "colour": pd.Series(np.where(one + 0.5 * rng.standard_normal(COUNT) > 0, "red", "blue"), index),
    }


@pytest.fixture(scope="module")
def model(study: dict[str, Any]) -> FAVAE:
    return FAVAE(factors=4, device="cpu", overrides=["schedule.sweeps=60"]).fit(study)


def test_weights_and_factors_make_the_columns(model: FAVAE, study: dict[str, Any]) -> None:
    weights = model.weights_["numbers"]
    assert weights.index.tolist() == ["up", "down", "else", "both"]
    made = model.transform(study) @ model.components_["numbers"]
    for column, name in enumerate(weights.index):
        truth = study["numbers"][name].to_numpy()
        residual = truth - made[:, column]
        assert 1 - residual.var() / truth.var() > 0.85
    np.testing.assert_array_equal(model.loadings_["numbers"], weights)
    assert model.factors_.index.tolist() == study["numbers"].index.tolist()
    np.testing.assert_allclose(model.factors_.filter(regex=r"\d$"), model.transform(study))
    spread = model.factors_.filter(like="_std").to_numpy()
    assert ((spread > 0) & (spread < 1.01)).all()


def test_weights_have_the_signs_and_units_of_the_data(model: FAVAE) -> None:
    table = model.weights_table_.set_index(["view", "column", "factor"])
    shared = next(number for number, use in enumerate(model.uses_) if "bits" in use)
    weight = table["weight"].unstack()[shared]
    up, down = weight["numbers", "up"], weight["numbers", "down"]
    assert -130 < down / up < -70
    assert np.sign(weight["bits", "bit"]) == np.sign(up) == np.sign(weight["colour", "colour=red"])
    assert weight["colour", "colour=blue"] == pytest.approx(-weight["colour", "colour=red"])
    standard = table["standardised"].unstack()[shared]
    assert abs(standard["numbers", "up"]) == pytest.approx(abs(standard["numbers", "down"]), abs=0.06)
    deviation = table["deviation"].unstack()[shared]
    assert 0.5 * 30 / np.sqrt(COUNT) < deviation["numbers", "down"] < 2 * 30 / np.sqrt(COUNT)


def test_what_else_is_known_is_compared_with_the_factors(model: FAVAE, study: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    known = pd.DataFrame(
        {"outcome": study["numbers"]["else"] + rng.standard_normal(COUNT), "centre": ["a", "b", None] * 100}
    )
    found = model.associations({"numbers": study["numbers"]}, known, permutations=199)
    assert set(found["column"]) == {"outcome", "centre=a", "centre=b"}
    (best,) = found[found["measure"] == "correlation"].nlargest(1, "value", keep="first").to_dict("records")
    assert best["column"] == "outcome"
    assert found.loc[found["column"] == "outcome", "p"].min() == 1 / 200
    assert (found.loc[found["measure"] == "auc", "samples"] == 200).all()
    with pytest.raises(UserError, match=r"known: has 299 rows, but X has 300 samples"):
        model.associations(study, known.iloc[1:])


def test_dates_are_compared_as_numbers(model: FAVAE, study: dict[str, Any]) -> None:
    days = (1000 * study["numbers"]["else"]).where(np.arange(COUNT) > 0)
    since = pd.Timestamp(2020, 1, 1) + pd.to_timedelta(days, unit="D")
    known = pd.DataFrame(
        {
            "days": days,
            "since": since,
            "zoned": since.dt.tz_localize("UTC"),
            "day": since.dt.date,
            "last": since - since.iloc[1],
        }
    )
    found = model.associations({"numbers": study["numbers"]}, known, permutations=9)
    assert found["column"].unique().tolist() == [*known]
    assert (found[["measure", "samples"]] == ["correlation", COUNT - 1]).all(axis=None)
    values = found.pivot(index="factor", columns="column", values="value")
    for name in ("since", "zoned", "day", "last"):
        np.testing.assert_allclose(values[name], values["days"], atol=1e-3)


class Annotated(SimpleNamespace):
    """What favae-run asks of an AnnData, or with `mod` of a MuData."""

    def __init__(self, frame: pd.DataFrame, values: Any, **more: Any) -> None:
        variables = pd.Index(frame.columns) if values is not None else pd.Index([])
        super().__init__(X=values, obs=pd.DataFrame(index=frame.index), obs_names=frame.index, var_names=variables)
        self.__dict__.update({name: {} for name in ("layers", "obsm", "varm", "uns")}, **more)


def test_annotated_data_are_views_and_get_the_results(model: FAVAE, study: dict[str, Any]) -> None:
    half = study["numbers"].iloc[::2]
    mod = {
        "numbers": Annotated(half, sparse.csr_matrix(half)),
        "more": Annotated(study["more"], study["more"].to_numpy()),
    }
    whole: Any = Annotated(study["more"], None, mod=mod)
    whole.obs["colour"] = study["colour"]
    scores = model.factor_scores(whole)
    np.testing.assert_allclose(
        scores, model.factor_scores({"numbers": half.reindex(study["more"].index), "more": study["more"]})
    )
    model.annotate(whole)
    given = {"numbers": half.reindex(study["more"].index), "more": study["more"], "colour": study["colour"]}
    np.testing.assert_allclose(whole.obsm["X_favae"], model.transform(given))
    np.testing.assert_allclose(mod["numbers"].obsm["X_favae"], whole.obsm["X_favae"][::2])
    np.testing.assert_allclose(mod["numbers"].varm["favae"], model.weights_["numbers"])
    np.testing.assert_allclose(whole.uns["favae"]["explained_variance"]["more"], model.relevance_["more"])
    mod["more"].layers["doubled"] = 2 * study["more"].to_numpy()
    views = FAVAE.views_of(whole, layers={"more": "doubled"}, obs=["colour"])
    np.testing.assert_array_equal(views["more"], 2 * study["more"])
    assert list(views) == ["numbers", "more", "colour"]
    model.annotate(whole, layers={"more": "doubled"})
    np.testing.assert_allclose(whole.obsm["X_favae"], model.transform(views))
    with pytest.raises(UserError, match=r"layers: more has no 'double'; did you mean doubled\?"):
        FAVAE.views_of(whole, layers={"more": "double"})
    with pytest.raises(UserError, match=r"X: annotate takes an AnnData or a MuData, got dict"):
        model.annotate(study)


def test_the_libraries_themselves_read_and_take_it(model: FAVAE, study: dict[str, Any], tmp_path: Path) -> None:
    mudata = pytest.importorskip("mudata", reason="there is no anndata for this Python and pandas that writes files")
    anndata = pytest.importorskip("anndata", reason="there is no anndata for this Python and pandas that writes files")
    whole = mudata.MuData({name: anndata.AnnData(study[name]) for name in ("numbers", "more")})
    model.annotate(whole)
    np.testing.assert_allclose(
        whole.obsm["X_favae"], model.transform({name: study[name] for name in ("numbers", "more")})
    )
    np.testing.assert_allclose(whole["more"].varm["favae"], model.weights_["more"])
