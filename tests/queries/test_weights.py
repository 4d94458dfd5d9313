"""How far a column moves with a factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from favae_cli.data import Dataset, ViewData
from favae_cli.factors import ViewFactors
from favae_cli.factors.categorical import contrasts
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.weights import logit_weights, weight_table, weighted


def test_bits_have_the_weights_of_their_logits(planted: FAVAE, planted_data: Callable[..., Dataset]) -> None:
    table = weight_table(planted, planted_data())
    assert set(table["view"]) == {"attributes"}  # pixels have no names
    factors = planted.joined.views["attributes"]
    rows = table["column"].map({"Top": 0, "Bottom": 1}).to_numpy()
    own = table["factor"].to_numpy()
    np.testing.assert_allclose(table["weight"], factors.weights[rows, own])
    np.testing.assert_allclose(table["deviation"] ** 2, factors.weights_cov[own, own])
    assert set(table["factor"]) == set(np.flatnonzero(factors.active))


def test_categories_have_logits_and_levels_a_scale_for_each_variable(known_factors: Callable[..., ViewFactors]) -> None:
    columns = ("ward=a", "ward=b", "ward=c")
    wards = ViewData(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), columns, (3,), "categorical")
    weights = np.array([[1.0, 0.0], [0.0, 2.0]])
    mean, deviation = logit_weights(wards, known_factors(weights, np.zeros(2), 1.0))
    np.testing.assert_allclose(mean, contrasts(3) @ weights)
    np.testing.assert_allclose(mean.sum(axis=0), 0, atol=1e-12)  # of what all categories gain nothing is seen
    assert deviation.shape == (3, 2)
    assert weighted(wards) == list(columns)
    assert weighted(ViewData(wards.values, wards.row, columns, (3,), "ordinal")) == ["ward"]
