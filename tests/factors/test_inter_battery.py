"""Factor analysis of tables beside Bayesian inter-battery factor analysis, written anew from its updates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from favae_cli.factors import FactorModel, Moments, fit

WITHIN = {"a": 3.0, "b": 1.5}  # noise precisions
A0 = 1e-14


class Battery(NamedTuple):
    """One set of variables: its mean, and the expected loadings (D, K), their squares (K, K) and noise precision."""

    mean: np.ndarray
    loadings: np.ndarray
    squares: np.ndarray
    precision: float


def inter_battery(tables: dict[str, np.ndarray], factors: int, seed: int, sweeps: int) -> dict[str, Battery]:
    """Group-wise ARD over centred tables, a fully factorised q, from random factors (Klami et al., 2013, section 4)."""
    rng = np.random.default_rng(seed)
    x = {name: table - table.mean(0) for name, table in tables.items()}
    count = len(next(iter(x.values())))
    z = rng.standard_normal((count, factors))
    zz = z.T @ z + count * np.eye(factors)
    alpha, tau = {name: np.ones(factors) for name in x}, dict.fromkeys(x, 1.0)
    w, ww = {}, {}
    for _ in range(sweeps):
        for name, table in x.items():
            size = table.shape[1]
            covariance = np.linalg.inv(np.diag(alpha[name]) + tau[name] * zz)
            w[name] = tau[name] * table.T @ z @ covariance
            ww[name] = w[name].T @ w[name] + size * covariance
            alpha[name] = (A0 + size / 2) / (A0 + np.diag(ww[name]) / 2)
            left = (table**2).sum() - 2 * (w[name] * (table.T @ z)).sum() + (ww[name] * zz).sum()
            tau[name] = float((A0 + count * size / 2) / (A0 + left / 2))
        spread = np.linalg.inv(np.eye(factors) + sum(tau[name] * ww[name] for name in x))
        z = sum(tau[name] * x[name] @ w[name] for name in x) @ spread
        zz = z.T @ z + count * spread
    return {name: Battery(tables[name].mean(0), w[name], ww[name], tau[name]) for name in x}


def regression(source: Battery, target: Battery) -> np.ndarray:
    """(D_target, D_source) of E[target | source]."""
    spread = np.linalg.inv(np.eye(len(source.squares)) + source.precision * source.squares)
    return source.precision * target.loadings @ spread @ source.loadings.T


def told(model: FactorModel, source: str, target: str, values: np.ndarray) -> np.ndarray:
    return model.predict(target, *model.posterior({source: values}))[0]


def planted(seed: int, count: int) -> dict[str, np.ndarray]:
    """Two factors that both share, one of each view's own."""
    weights = {name: np.random.default_rng(7).standard_normal((size, 4)) for name, size in (("a", 12), ("b", 9))}
    weights["a"][:, 3] = weights["b"][:, 2] = 0
    rng = np.random.default_rng(seed)
    g = rng.standard_normal((count, 4))
    return {
        name: 3 + g @ w.T + rng.standard_normal((count, len(w))) / np.sqrt(WITHIN[name]) for name, w in weights.items()
    }


@pytest.fixture(scope="module")
def both() -> tuple[FactorModel, dict[str, Battery]]:
    tables = planted(0, 400)
    return fit(Moments.from_arrays(tables), 8, sweeps=200), inter_battery(tables, 8, 0, 3000)


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("b", "a")])
def test_either_foretells_one_view_from_the_other_alike(
    source: str, target: str, both: tuple[FactorModel, dict[str, Battery]]
) -> None:
    model, batteries = both
    new = planted(1, 1000)
    ours = told(model, source, target, new[source])
    centred = new[source] - batteries[source].mean
    theirs = batteries[target].mean + centred @ regression(batteries[source], batteries[target]).T
    explained = [1 - ((new[target] - made) ** 2).sum() / ((new[target] - 3) ** 2).sum() for made in (ours, theirs)]
    assert explained[0] == pytest.approx(explained[1], abs=0.002)
    assert explained[0] > 0.3
    assert ((ours - theirs) ** 2).sum() < 0.01 * ((theirs - theirs.mean(0)) ** 2).sum()


def test_either_finds_the_same_shared_subspace_and_noise(both: tuple[FactorModel, dict[str, Battery]]) -> None:
    model, batteries = both
    shared = model.shared()
    assert (shared.sum(), model.private("a").sum(), model.private("b").sum()) == (2, 1, 1)
    for source, target in (("a", "b"), ("b", "a")):
        # What of `target` goes with `source` is spanned by the columns of the regression on it.
        theirs = np.linalg.svd(regression(batteries[source], batteries[target]))[0][:, :2]
        ours = np.linalg.qr(model.weights[target][:, shared])[0]
        cosines = np.linalg.svd(ours.T @ theirs, compute_uv=False)
        assert (cosines > 0.999).all()
    for name, battery in batteries.items():
        assert model.noise_precision[name] == pytest.approx(battery.precision, rel=0.01)
