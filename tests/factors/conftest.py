"""Planted factor models: small data whose structure is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from favae_cli.factors import embeddings, second_moment


@dataclass(frozen=True)
class Planted:
    """Embeddings drawn from a factor model.

    Attributes:
        arrays: by view, (N, D); a missing view is a row of NaN.
        usage: (K, views) bool, whether the view's weights on the factor are other than zero.
        latent: (N, K) the factors themselves.
    """

    arrays: dict[str, np.ndarray]
    usage: np.ndarray
    latent: np.ndarray


def plant(
    seed: int,
    count: int,
    sizes: dict[str, int],
    factors: int,
    missing: float = 0.0,
    precision: dict[str, float] | None = None,
) -> Planted:
    """Each factor is used by a random set of views, with N(0, 1) weights; every sample has some view."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(1, 2 ** len(sizes), size=factors)
    usage = kinds[:, None] >> np.arange(len(sizes)) & 1 > 0
    latent = rng.standard_normal((count, factors))
    absent = rng.random((count, len(sizes))) < missing
    absent[absent.all(axis=1), 0] = False
    arrays = {}
    for place, (view, size) in enumerate(sizes.items()):
        weights = rng.standard_normal((size, factors)) * usage[:, place]
        noise = rng.standard_normal((count, size)) / np.sqrt((precision or {}).get(view, 1.0))
        arrays[view] = latent @ weights.T + rng.standard_normal(size) + noise
        arrays[view][absent[:, place]] = np.nan
    return Planted(arrays, usage, latent)


Plant = Callable[..., Planted]


@pytest.fixture(name="plant", scope="session")
def plant_fixture() -> Plant:
    return plant


@pytest.fixture(params=[0.0, 0.3], ids=["complete", "incomplete"], scope="session")
def missing(request: pytest.FixtureRequest) -> float:
    """Share of views that samples lack."""
    share: float = request.param
    return share


Hold = Callable[[bool], None]


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Have second moments be held as rows, or as squares, whatever is smaller."""

    def chosen(rows: bool) -> None:
        for module in (second_moment, embeddings):
            monkeypatch.setattr(module, "fewer", lambda samples, dimensions: rows)

    return chosen
