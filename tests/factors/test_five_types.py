"""Five views of five types, two fifths of them missing: the linear model finds what was planted all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from favae_cli.factors import FactorModel, fit
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.categorical import Softmax, contrasts
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.inference import LocalEmbedding
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.factors.real import RealEmbedding

SIZES = {"quiet": 15, "noisy": 12, "table": 12, "bits": 10, "kinds": 8}
NOISE = {"quiet": 0.3, "noisy": 1.0, "table": 0.5}
CATEGORIES = 4  # of each variable of `kinds`
LOCAL: dict[str, Callable[[np.ndarray], LocalEmbedding]] = {
    "table": RealEmbedding,
    "bits": binary,
    "kinds": lambda x: PseudoData(x, Softmax((CATEGORIES, CATEGORIES), np.zeros(x.shape[1]))),
}
USAGE = np.array(  # factors by views
    [
        [1, 1, 1, 1, 1],
        [1, 1, 0, 1, 0],
        [1, 0, 1, 0, 1],
        [0, 1, 1, 1, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
    ],
    dtype=bool,
)
TRAIN = 900

Arrays = dict[str, np.ndarray]


class Planted(NamedTuple):
    complete: Arrays
    incomplete: Arrays
    test: Arrays


def planted(seed: int) -> Planted:
    """Samples of one factor model; a missing view is a row of NaN, and every sample keeps one."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((TRAIN + 1000, len(USAGE)))
    arrays = {}
    for place, (view, size) in enumerate(SIZES.items()):
        signal = latent @ (rng.standard_normal((size, len(USAGE))) * USAGE[:, place]).T
        if view == "bits":
            arrays[view] = (rng.logistic(size=signal.shape) < 2 * signal).astype(float)
        elif view == "kinds":
            blocks = (2 * signal + rng.gumbel(size=signal.shape)).reshape(len(latent), -1, CATEGORIES)
            chosen = (blocks == blocks.max(axis=2, keepdims=True)).astype(float)
            arrays[view] = (chosen @ contrasts(CATEGORIES)).reshape(len(latent), -1)
        else:
            arrays[view] = signal + NOISE[view] * rng.standard_normal(signal.shape)
    complete = {view: table[:TRAIN] for view, table in arrays.items()}
    absent = rng.random((TRAIN, len(SIZES))) < 0.4
    absent[absent.all(axis=1), rng.integers(len(SIZES))] = False
    incomplete = {
        view: np.where(absent[:, [place]], np.nan, table) for place, (view, table) in enumerate(complete.items())
    }
    return Planted(complete, incomplete, {view: table[TRAIN:] for view, table in arrays.items()})


def embedded(arrays: Mapping[str, np.ndarray]) -> Embeddings:
    fixed = {view: table for view, table in arrays.items() if view not in LOCAL}
    local = {view: LOCAL[view](table) for view, table in arrays.items() if view in LOCAL}
    return Embeddings(fixed, {}, local, tuple(arrays))


def fitted(arrays: Arrays) -> FactorModel:
    evidence = embedded(arrays)
    return fit(evidence.moments(), 30, local=evidence, sweeps=120, rotate_every=5)


def structure(active: np.ndarray) -> list[tuple[bool, ...]]:
    """The views of each factor, in an order that does not depend on the factors' own."""
    return sorted(map(tuple, active.tolist()))


def aucs(model: FactorModel, test: Arrays) -> np.ndarray:
    """Of each bit, as the other four views predict it."""
    evidence = embedded({view: table for view, table in test.items() if view != "bits"})
    evidence.settle(model)
    mean, _ = evidence.predict(model, "bits")
    return np.array([roc_auc_score(*pair) for pair in zip(test["bits"].T, mean.T, strict=True)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_structure_and_attributes_are_found_though_two_fifths_of_the_views_are_missing(seed: int) -> None:
    data = planted(seed)
    complete, incomplete = fitted(data.complete), fitted(data.incomplete)
    for model in (complete, incomplete):
        assert structure(np.stack([*model.active.values()], axis=1)) == structure(USAGE)
        assert model.shared().sum() == (USAGE.sum(axis=1) > 1).sum()
    first, second = aucs(complete, data.test), aucs(incomplete, data.test)
    assert first.mean() > 0.8
    np.testing.assert_allclose(second, first, atol=0.02)
