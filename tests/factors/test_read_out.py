"""Read-outs against regressions by scikit-learn, and what they promise of shares and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge

from favae_cli.factors import read_out as module
from favae_cli.factors.read_out import read_out

PENALTY = 30.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A penalty that is given, to compare with."""
    monkeypatch.setattr(module, "_penalty", lambda *_: PENALTY)


def planted(rng: np.random.Generator, samples: int, columns: int, targets: int) -> tuple[np.ndarray, np.ndarray]:
    x = 3.0 + rng.normal(size=(samples, columns)) @ rng.normal(size=(columns, columns))
    return x, x @ rng.normal(size=(columns, targets)) / columns + rng.normal(size=(samples, targets))


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("shape", [(80, 6, 3), (20, 40, 3), (30, 50, 60)])
def test_of_whole_columns_it_is_ridge_regression(shape: tuple[int, int, int]) -> None:
    """More samples than columns, fewer, and a map that takes less room as one matrix or as two."""
    x, y = planted(np.random.default_rng(0), *shape)
    expected = Ridge(PENALTY).fit(x, y).predict(x[:7] + 1)
    np.testing.assert_allclose(
        read_out(x, y).foretold(x[:7] + 1, np.zeros((7, shape[2]))), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.usefixtures("held")
def test_missing_entries_take_no_part() -> None:
    rng = np.random.default_rng(1)
    x, y = planted(rng, 200, 5, 3)
    y[rng.random(y.shape) < 0.3 * (x[:, :1] > 3)] = np.nan  # where x is large: filling in the mean would be wrong
    made = read_out(x, y).foretold(x, np.zeros_like(y))
    for column in range(3):
        seen = ~np.isnan(y[:, column])
        expected = Ridge(PENALTY).fit(x[seen], y[seen, column]).predict(x)
        np.testing.assert_allclose(made[:, column], expected, atol=0.15 * expected.std())


def test_logits_are_those_of_logistic_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    x, score = planted(rng, 400, 4, 1)
    bit = (score[:, 0] > np.median(score)).astype(float)
    label = np.digitize(score[:, 0], np.quantile(score, [0.3, 0.8]))
    monkeypatch.setattr(module, "_penalty", lambda *_: 4.0)  # of squared errors: 1 of logits, times p (1 - p)
    found = read_out(x, np.c_[bit, np.eye(3)[label]], (1, 3))
    z = found.foretold(x, np.full((400, 4), 0.5))
    binary, several = LogisticRegression(C=1.0).fit(x, bit), LogisticRegression(C=1.0).fit(x, label)
    assert np.max(np.abs(expit(z[:, 0]) - binary.predict_proba(x)[:, 1])) < 0.01
    odds = np.exp(z[:, 1:])
    assert np.max(np.abs(odds / odds.sum(axis=1, keepdims=True) - several.predict_proba(x))) < 0.03
    np.testing.assert_array_equal(found.variance, 0)


def test_of_noise_alone_hardly_anything_is_made() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 200)), rng.normal(size=(60, 30))
    made = read_out(x, y).foretold(rng.normal(size=(500, 200)), np.zeros((500, 30)))
    truth = rng.normal(size=(500, 30))
    assert np.mean((truth - made) ** 2) < 1.05 * np.mean((truth - y.mean(axis=0)) ** 2)


def test_intervals_cover_new_samples_even_with_more_columns_than_samples() -> None:
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(150, 40)) / 10
    x, new = rng.normal(size=(100, 150)), rng.normal(size=(1000, 150))
    y, truth = (part @ weights + rng.normal(size=(len(part), 40)) for part in (x, new))
    found = read_out(x, y)
    error = np.abs(truth - found.foretold(new, np.zeros_like(truth)))
    assert 0.87 < np.mean(error < 1.6449 * np.sqrt(found.variance)) < 0.93


@pytest.mark.parametrize("groups", [(), (1, 1)])
def test_the_share_goes_to_the_side_that_is_right(groups: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    x, score = planted(rng, 300, 30, 2)
    score -= score.mean(axis=0)
    y = (score + rng.normal(size=score.shape) > 0).astype(float) if groups else score
    few, others = slice(0, 35), slice(35, 300)
    found = read_out(x[few], y[few], groups)
    assert found.share == 0
    knowing, guessing = (expit(2 * score), np.full_like(y, 0.5)) if groups else (score, rng.normal(size=y.shape))
    assert found.balanced(x[others], knowing[others], y[others]).share > 0.7
    assert found.balanced(x[others], guessing[others], y[others]).share < 0.5
