"""A sweep over moments is a sweep over the samples, to the last digits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from favae_cli.factors import FactorModel, Moments
from favae_cli.factors.spectral_start import spectral_start
from favae_cli.factors.updates import update_latents, update_view

if TYPE_CHECKING:
    from tests.factors.conftest import Plant

SIZES = {"a": 5, "b": 4, "c": 3}
A0 = B0 = 1e-6


def plain_sweep(
    model: FactorModel, arrays: dict[str, np.ndarray], variances: dict[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """q(g), then every view's W, b, alpha and tau: the engine's updates, every sum a loop."""
    count, factors = len(arrays["a"]), model.factors
    present = {view: ~np.isnan(table).any(axis=1) for view, table in arrays.items()}
    latent, spread = np.zeros((count, factors)), np.zeros((count, factors, factors))
    for n in range(count):
        precision, pull = np.eye(factors), np.zeros(factors)
        for name, view in model.views.items():
            if present[name][n]:
                precision += view.tau * (view.weights.T @ view.weights + view.size * view.weights_cov)
                pull += view.tau * view.weights.T @ (arrays[name][n] - view.bias)
        spread[n] = np.linalg.inv(precision)
        latent[n] = spread[n] @ pull
    found = {}
    for name, view in model.views.items():
        rows = np.flatnonzero(present[name]).tolist()
        gg = sum(np.outer(latent[n], latent[n]) + spread[n] for n in rows)
        zg = sum(np.outer(arrays[name][n] - view.bias, latent[n]) for n in rows)
        covariance = np.linalg.inv(np.diag(view.ard.mean) + view.tau * gg)
        weights = view.tau * zg @ covariance
        bias_var = 1 / (1 + view.tau * len(rows))
        bias = bias_var * view.tau * sum(arrays[name][n] - weights @ latent[n] for n in rows)
        error, distance = 0.0, np.zeros(view.size)
        for n in rows:
            second = np.outer(latent[n], latent[n]) + spread[n]
            error += ((arrays[name][n] - weights @ latent[n] - bias) ** 2).sum()
            error += variances[name][n].sum() + view.size * bias_var
            distance += (arrays[name][n] - bias) ** 2 + variances[name][n]
            error += np.trace(weights @ spread[n] @ weights.T) + view.size * np.trace(covariance @ second)
        squares = (weights**2).sum(axis=0) + view.size * np.diag(covariance)
        found[name] = {
            "weights": weights,
            "weights_cov": covariance,
            "bias": bias,
            "bias_var": bias_var,
            "alpha": (A0 + view.size / 2) / (B0 + squares / 2),
            "count": len(rows),
            "usage": np.diag(gg),
            "variance": distance / len(rows),
            "tau": (A0 + view.size * len(rows) / 2) / (B0 + error / 2),
        }
    return found


def test_sweep_over_moments_equals_a_sweep_over_samples(plant: Plant, missing: float) -> None:
    arrays = plant(0, 40, SIZES, 3, missing).arrays
    spread = np.random.default_rng(1).uniform(0.1, 0.5, (40, SIZES["b"]))
    variances = {view: np.zeros_like(table) for view, table in arrays.items()} | {"b": spread}
    moments = Moments.from_arrays(arrays, {"b": spread})
    model = spectral_start(moments, 4)
    for _ in range(3):
        expected = plain_sweep(model, arrays, variances)
        latents = update_latents(model, moments)
        views = {name: update_view(name, view, latents.views[name]) for name, view in model.views.items()}
        model = replace(model, views=views)
        for name, view in model.views.items():
            for variable, value in expected[name].items():
                engine = view.ard.mean if variable == "alpha" else getattr(view, variable)
                np.testing.assert_allclose(engine, value, rtol=1e-10, atol=1e-11, err_msg=f"{variable}, {name}")
