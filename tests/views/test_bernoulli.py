"""The attribute view: a local embedding, and probabilities that average over it."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from favae_cli.views import BernoulliView


def test_it_has_no_networks_and_nothing_to_encode() -> None:
    view = BernoulliView(3)
    assert (view.size, view.trainable, len([*view.networks.parameters()])) == (3, False, 0)
    assert not hasattr(view, "encode")


def test_its_embedding_keeps_what_was_seen_and_what_was_not() -> None:
    values = np.array([[1.0, 0.0, np.nan]])
    local = BernoulliView(3).local(values)
    np.testing.assert_array_equal(local.x, values)
    assert local.mean[0, 0] > 0 > local.mean[0, 1]
    assert local.mean[0, 2] == 0


def test_probabilities_average_over_the_uncertain_logit() -> None:
    view = BernoulliView(2)
    mean, variance = np.array([[1.5, -3.0]]), np.array([[4.0, 0.5]])
    np.testing.assert_allclose(view.decode(mean), expit(mean))
    draws = mean + np.sqrt(variance) * np.random.default_rng(0).standard_normal((200_000, 2))
    np.testing.assert_allclose(view.decode(mean, variance)[0], expit(draws).mean(axis=0), atol=3e-3)
