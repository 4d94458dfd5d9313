"""Ordered levels at the estimator's defaults."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from favae_cli import FAVAE


@pytest.mark.slow
def test_middle_levels_are_as_probable_as_they_are_frequent_and_answered_as_a_regression_answers_them() -> None:
    rng = np.random.default_rng(1)
    latent = rng.standard_normal((1200, 1))
    numbers = latent @ rng.standard_normal((1, 4)) + 0.5 * rng.standard_normal((1200, 4))
    level = np.digitize(2.5 * latent[:, 0] + rng.logistic(size=1200), [-2, 2])
    train, new = slice(600), slice(600, None)
    fitted = FAVAE(views={"level": "ordinal"}).fit(
        {"numbers": numbers[train], "level": level[train, None].astype(float)}
    )
    found = fitted.predict({"numbers": numbers[new]}, to="level")["level"]
    known = LogisticRegression().fit(numbers[train], level[train]).predict_proba(numbers[new])
    np.testing.assert_allclose(found.mean(axis=0), known.mean(axis=0), atol=0.02)
    inside = fitted.predict({"numbers": numbers[train]}, to="level")["level"].mean(axis=0)
    np.testing.assert_allclose(inside, np.bincount(level[train]) / 600, atol=0.02)
    answered, expected = (np.bincount(p.argmax(axis=1), minlength=3) / 600 for p in (found, known))
    np.testing.assert_allclose(answered, expected, atol=0.04)
    assert log_loss(level[new], found) < log_loss(level[new], known) + 0.01
