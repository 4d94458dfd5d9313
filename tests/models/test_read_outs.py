"""A table that samples lack: foretold by read-outs, of every kind, and the same wherever it is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from favae_cli import FAVAE
from favae_cli.models import read_outs
from favae_cli.queries.given import Given

RNG = np.random.default_rng(0)
COUNT, TRAIN = 500, slice(0, 400)
TEST = slice(400, COUNT)
G = RNG.normal(size=(COUNT, 6))


def table(columns: int) -> np.ndarray:
    return G @ RNG.normal(size=(6, columns)) + 0.8 * RNG.normal(size=(COUNT, columns))


A, B, C = table(12), table(10), table(8)
LABEL = np.where(G[:, 0] > 0.7, "red", np.where(G[:, 0] < -0.7, "blue", "green")).astype(object)
LEVEL = np.where(G[:, 1] > 0.7, "high", np.where(G[:, 1] < -0.7, "low", "middle")).astype(object)
BITS = G[:, :3] + 0.5 * RNG.normal(size=(COUNT, 3)) > 0.5
B[::5] = np.nan  # a view that every fifth lacks


@pytest.fixture(scope="module")
def fitted() -> FAVAE:
    """One factor, where six are true: W alone cannot tell much."""
    given = {"a": A[TRAIN], "b": B[TRAIN], "c": C[TRAIN], "label": LABEL[TRAIN]}
    return FAVAE(factors=1, device="cpu", overrides=["schedule.sweeps=60"]).fit(given)


def r2(truth: np.ndarray, made: np.ndarray) -> float:
    return float(1 - np.mean(np.mean((truth - made) ** 2, axis=0) / truth.var(axis=0)))


def test_what_the_factors_leave_out_is_foretold_all_the_same(fitted: FAVAE) -> None:
    model = fitted._model
    assert {given for target, given in model.read_outs if target == "c"} == {
        ("a",), ("b",), ("label",), ("a", "b"), ("a", "label"), ("b", "label"), ("a", "b", "label")
    }  # fmt: skip
    by_two = r2(C[TEST], fitted.predict({"a": A[TEST], "b": B[TEST]}, to="c")["c"])
    by_one = r2(C[TEST], fitted.predict({"a": A[TEST]}, to="c")["c"])
    ridge = RidgeCV(np.logspace(-1, 5, 7)).fit(A[TRAIN], C[TRAIN]).predict(A[TEST])
    assert by_one > r2(C[TEST], ridge) - 0.02
    assert by_two > by_one - 0.01


def test_intervals_of_whole_views_cover(fitted: FAVAE) -> None:
    values, deviations = fitted.predict({"a": A[TEST], "b": B[TEST]}, to="c", return_std=True)
    covered = np.mean(np.abs(values["c"] - C[TEST]) < 1.6449 * deviations["c"])
    assert 0.86 < covered < 0.94


def test_categories_are_foretold_with_probabilities_that_fit(fitted: FAVAE) -> None:
    probability = fitted.predict({"a": A[TEST], "b": B[TEST], "c": C[TEST]}, to="label")["label"]
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    names = fitted.categories_["label"][0]
    assert np.mean(names[probability.argmax(axis=1)] == LABEL[TEST]) > 0.75
    for name, column in zip(names, probability.T, strict=True):
        assert column.mean() == pytest.approx(np.mean(LABEL[TEST] == name), abs=0.1)


@pytest.mark.slow
def test_ordered_levels_are_foretold_too() -> None:
    given = {"a": A[TRAIN], "c": C[TRAIN], "level": LEVEL[TRAIN]}
    model = FAVAE(factors=1, device="cpu", overrides=["schedule.sweeps=30"]).fit(given)
    names = model.categories_["level"][0]
    assert names.tolist() == ["low", "middle", "high"]
    probability = model.predict({"a": A[TEST], "c": C[TEST]}, to="level")["level"]
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert np.mean(names[probability.argmax(axis=1)] == LEVEL[TEST]) > 0.7


def test_a_loaded_run_foretells_the_same(fitted: FAVAE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    loaded = FAVAE.load(tmp_path / "run", device="cpu")
    assert loaded._model.read_outs.keys() == fitted._model.read_outs.keys()
    X = {"a": A[TEST], "b": B[TEST]}
    for name, values in fitted.predict(X, to=["c", "label"]).items():
        np.testing.assert_array_equal(values, loaded.predict(X, to=name)[name])


def test_entries_missing_in_a_given_view_stay_with_the_posterior(fitted: FAVAE) -> None:
    holes = A[TEST].copy()
    holes[:, 0] = np.nan
    X = {"a": holes, "b": B[TEST]}
    made = fitted.predict(X, to="a")["a"]
    _, given = fitted._given(X)
    exact = fitted._model.views["a"].decode(given.evidence.predict(fitted._model.joined, "a")[0])
    np.testing.assert_allclose(made[:, 0], exact[:, 0])
    assert not np.allclose(fitted.predict({"b": B[TEST]}, to="a")["a"][:, 0], exact[:, 0])


def test_without_read_outs_as_in_older_runs_the_factors_answer(fitted: FAVAE, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted._model
    _, given = fitted._given({"a": A[TEST]})
    monkeypatch.setattr(model, "read_outs", {})
    np.testing.assert_array_equal(given.predicted("c").mean, given.evidence.predict(model.joined, "c")[0])
    assert isinstance(given, Given)


@pytest.mark.slow
def test_of_many_views_the_sets_that_samples_have_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_outs, "SETS", 7)
    views = {f"v{i}": table(3) for i in range(5)}
    views["v3"][10:60] = views["v4"][10:60] = np.nan
    model = FAVAE(factors=3, device="cpu", overrides=["schedule.sweeps=20"]).fit(views)._model
    sets = [given for target, given in model.read_outs if target == "v0"]
    assert set(sets) == {("v1", "v2", "v3", "v4"), ("v1",), ("v2",), ("v3",), ("v4",), ("v1", "v2")}
