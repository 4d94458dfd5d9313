"""Ordered levels: from probabilities to z and back."""

import numpy as np

from favae_cli.views import OrdinalView


def test_z_of_given_probabilities_means_the_same_level() -> None:
    rng = np.random.default_rng(0)
    levels = rng.choice(4, 500, p=[0.1, 0.2, 0.4, 0.3])
    view = OrdinalView([4])
    view.fit(np.eye(4)[levels])
    p, variance = rng.dirichlet(np.full(4, 3.0), 30), rng.uniform(0, 3, (30, 1))
    made = view.decode(view.at_logits(np.log(p), variance), variance)
    np.testing.assert_allclose(made @ np.arange(4), p @ np.arange(4), atol=0.05)
    sure = np.log(np.array([[1.0, 1e-12, 1e-12, 1e-12], [1e-12, 1e-12, 1e-12, 1.0]]))
    np.testing.assert_allclose(view.decode(view.at_logits(sure, np.zeros((2, 1))))[[0, 1], [0, 3]], 1, atol=1e-6)
