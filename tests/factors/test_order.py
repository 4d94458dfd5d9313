"""Factors come by relevance and have one sign, whichever the fit ended with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from favae_cli.factors import Moments, fit
from favae_cli.factors.order import in_order


def test_order_and_signs_do_not_hang_on_the_fit() -> None:
    rng = np.random.default_rng(0)
    g = rng.standard_normal((400, 3))
    weights = {name: rng.gamma(1.0, size=(size, 3)) * [0.3, 1.0, 0.6] for name, size in {"a": 8, "b": 5}.items()}
    z = {name: g @ part.T + 0.3 * rng.standard_normal((400, len(part))) for name, part in weights.items()}
    model = fit(Moments.from_arrays(z), factors=3, sweeps=60)
    turn, sign = np.array([2, 0, 1]), np.array([1.0, -1.0, -1.0])
    other = model.select(turn)
    other = replace(
        other,
        views={
            name: replace(view, weights=view.weights * sign, weights_cov=view.weights_cov * np.outer(sign, sign))
            for name, view in other.views.items()
        },
    )
    one, two = in_order(model), in_order(other)
    for name, view in one.views.items():
        np.testing.assert_allclose(view.weights, two.views[name].weights)
        np.testing.assert_allclose(view.weights_cov, two.views[name].weights_cov)
    assert np.all(np.diff(sum(one.relevance.values())) <= 0)
    assert all((view.weights**3).sum() > 0 for view in one.views.values())  # planted with one sign
    # It is the same model: what follows for g of the samples is turned along, and what is predicted stays.
    mean, covariance = one.posterior(z)
    before, spread = model.posterior(z)
    np.testing.assert_allclose(
        one.predict("a", mean, covariance)[0], model.predict("a", before, spread)[0], rtol=1e-8, atol=1e-10
    )
