"""How factors are counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from favae_cli.data import Dataset
from favae_cli.evaluation.factors import factor_metrics, factor_pictures
from favae_cli.factors import FactorModel, ViewFactors
from favae_cli.models.fa_vae import FAVAE

Known = Callable[[np.ndarray, np.ndarray, float], ViewFactors]


def model(known_factors: Known) -> FactorModel:
    """Six factors: one of all views, one of faces and cartoons, two of faces, one of cartoons, one of nobody."""
    usage = {"face": [1, 1, 1, 1, 0, 0], "cartoon": [1, 1, 0, 0, 1, 0], "attributes": [1, 0, 0, 0, 0, 0]}
    rng = np.random.default_rng(0)
    return FactorModel(
        {
            name: known_factors(rng.standard_normal((5, 6)) * np.array(used), np.zeros(5), 1.0)
            for name, used in usage.items()
        }
    )


def test_active_shared_and_private_factors_are_counted(known_factors: Known) -> None:
    assert factor_metrics(model(known_factors)) == {
        "factors/active": 5,
        "factors/shared": 2,
        "factors/private/face": 2,
        "factors/private/cartoon": 1,
        "factors/private/attributes": 0,
    }


def test_the_figure_of_their_relevance_names_the_columns_of_a_table(
    planted: FAVAE, planted_data: Callable[..., Dataset]
) -> None:
    data = planted_data()
    (figure,) = factor_pictures(planted, data).values()
    rows = dict(zip(planted.views, figure.axes, strict=False))
    named = {name: [label.get_text() for label in axes.get_yticklabels()] for name, axes in rows.items()}
    assert named["attributes"] == list(data.views["attributes"].columns)
    assert rows["face"].get_title(loc="left") == "|W| of face, a row a dimension of z"
