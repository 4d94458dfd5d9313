"""The model: views that are missing stay missing, and evidence comes from the views that are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from favae_cli.config.views import MlpArch
from favae_cli.config.views import VaeViewConfig as Section
from favae_cli.data import Dataset, ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.views import BernoulliView, FrozenView, VaeView

LATENT, SIDE, N = 3, 4, 10
NO_FACE, NO_ATTRIBUTES = [2, 7], [4, 7]


def section() -> Section:
    arch = MlpArch(name="mlp", hidden=[8], leak=0.1)
    return Section(
        type="vae", arch=arch, latent=LATENT, likelihood="gaussian", variance=0.01, start="random", beta=None, data=None
    )


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, SIDE, SIDE, 1), dtype=np.uint8)
    labels = rng.integers(0, 2, (N, 2)).astype(np.float32)
    labels[5, 1] = np.nan
    rows = {}
    for name, absent in (("face", NO_FACE), ("attributes", NO_ATTRIBUTES)):
        rows[name] = np.cumsum(~np.isin(np.arange(N), absent)) - 1
        rows[name][absent] = -1
    views = {
        "face": ViewData(np.delete(images, NO_FACE, axis=0), rows["face"]),
        "attributes": ViewData(
            np.delete(labels, NO_ATTRIBUTES, axis=0), rows["attributes"], ("Tall", "Old"), kind="binary"
        ),
    }
    return Dataset("toy", np.arange(N).astype(str), views, {"train": np.arange(N)})


@pytest.fixture
def model() -> FAVAE:
    face = VaeView(section(), (SIDE, SIDE, 1), Runtime(torch.device("cpu")), torch.Generator().manual_seed(0))
    return FAVAE({"face": face, "attributes": BernoulliView(2)})


def test_asking_for_the_factors_before_the_views_are_joined_is_a_bug() -> None:
    with pytest.raises(RuntimeError, match="not joined"):
        _ = FAVAE({"attributes": BernoulliView(2)}).joined


def test_only_vae_views_that_are_not_frozen_are_trainable(model: FAVAE) -> None:
    frozen = FrozenView(section(), (SIDE, SIDE, 1), Runtime(torch.device("cpu")))
    both = FAVAE({**model.views, "cartoon": frozen})
    assert list(both.trainable) == ["face"]
    assert set(both.networks) == {"of_face", "of_cartoon", "of_attributes"}  # these have rates to keep


def test_encoding_leaves_gaps_where_a_view_is_missing(model: FAVAE, data: Dataset) -> None:
    indices = np.array([9, 2, 0, 7, 3])
    encoded = model.encode(data, indices)
    assert list(encoded) == ["face"]
    mean = encoded["face"].mean
    assert mean.shape == encoded["face"].variance.shape == (5, LATENT)
    assert np.isnan(mean).all(axis=1).tolist() == [False, True, False, True, False]
    whole = model.views["face"].encode(data.views["face"].gather(indices[[0, 2, 4]]))
    assert whole is not None
    np.testing.assert_allclose(mean[[0, 2, 4]], whole.mean, rtol=1e-5)
    np.testing.assert_allclose(encoded["face"].variance[[0, 2, 4]], whole.variance, rtol=1e-5)


def test_a_table_has_gaps_for_missing_samples_and_missing_entries(data: Dataset) -> None:
    table = observed_table(data, "attributes", np.array([5, 4, 6]))
    assert np.isnan(table).tolist() == [[False, True], [True, True], [False, False]]


def test_only_the_given_views_are_evidence(model: FAVAE, data: Dataset) -> None:
    indices = np.arange(N)
    encoded = model.encode(data, indices)
    patterns = {
        given: set(model.embeddings(data, indices, encoded, given).groups)
        for given in (None, ("face",), ("attributes",))
    }
    face, attributes = ("face",), ("attributes",)
    assert patterns[None] == {(), face, attributes, ("face", "attributes")}
    assert patterns[face] == {(), face}
    assert patterns[attributes] == {(), attributes}
