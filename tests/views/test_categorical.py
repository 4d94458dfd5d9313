"""Categories and levels: what they say where the factors say nothing, and how uncertainty is averaged out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from favae_cli.factors.categorical import contrasts
from favae_cli.views import CategoricalView, OrdinalView


def one_hot(counts: tuple[int, ...]) -> np.ndarray:
    return np.eye(len(counts))[np.repeat(np.arange(len(counts)), counts)]


def test_without_factors_they_are_foretold_with_their_rates() -> None:
    table = np.concatenate([one_hot((20, 50, 30)), one_hot((5, 95))], axis=1)
    rates = [20.5 / 101.5, 50.5 / 101.5, 30.5 / 101.5, 5.5 / 101, 95.5 / 101]
    for view in (CategoricalView((3, 2)), OrdinalView((3, 2))):
        view.fit(table)
        np.testing.assert_allclose(view.decode(np.zeros((1, view.size)))[0], rates)


def test_a_variable_of_one_category_is_foretold_as_it_is() -> None:
    table = np.concatenate([one_hot((20, 20)), np.ones((40, 1))], axis=1)
    view = CategoricalView((2, 1))
    view.fit(table)
    assert view.local(table).x.shape == (40, 1)
    assert view.decode(np.zeros((1, 1)), np.ones((1, 1)))[0, 2] == 1


@pytest.mark.slow
def test_probabilities_average_over_uncertain_predictors() -> None:
    view = CategoricalView((4,))
    mean, variance = np.array([[0.5, -1.0, 2.0]]), np.array([[2.0, 0.5, 1.0]])
    rng = np.random.default_rng(0)
    draws = mean + np.sqrt(variance) * rng.standard_normal((60_000, 3))
    truth = softmax(draws @ contrasts(4).T, axis=1).mean(axis=0)
    np.testing.assert_allclose(view.decode(mean, variance)[0], truth, atol=4e-3)
    ordinal = OrdinalView((3,))
    ordinal.fit(one_hot((30, 40, 30)))
    draws = 0.7 + 1.5 * rng.standard_normal((60_000, 1))
    np.testing.assert_allclose(
        ordinal.decode(np.array([[0.7]]), np.array([[2.25]]))[0], ordinal.decode(draws).mean(axis=0), atol=4e-3
    )
