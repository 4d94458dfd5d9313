"""Counts of unequal depth, half of them lost, foretell another table once their zeros are seen for what they are."""

import numpy as np
import pytest

from favae_cli import FAVAE

TRAIN, GENES = 120, 20


@pytest.mark.slow
def test_zeros_that_are_lost_counts_are_no_evidence() -> None:
    rng = np.random.default_rng(0)
    state = rng.normal(size=(TRAIN + 40, 2))
    depth = rng.normal(4, 0.6, size=(len(state), 1))
    counts = rng.poisson(np.exp(depth + state @ rng.normal(size=(2, GENES)) * 0.5))
    counts = np.where(rng.random(counts.shape) < 0.5, 0, counts).astype(float)
    other = state @ rng.normal(size=(2, 4)) + 0.1 * rng.normal(size=(len(state), 4))
    train = {"genes": counts[:TRAIN], "other": other[:TRAIN]}

    def r2(transform: str) -> float:
        genes = {"type": "real", "transform": {transform: ["*"]}}
        found = (
            FAVAE(views={"genes": genes, "other": "real"}, factors=6)
            .fit(train)
            .predict({"genes": counts[TRAIN:]}, to="other")["other"]
        )
        return 1 - float(np.square(found - other[TRAIN:]).sum() / np.square(other[TRAIN:]).sum())

    assert r2("counts") > 0.8
    assert r2("log1p") < 0.5
