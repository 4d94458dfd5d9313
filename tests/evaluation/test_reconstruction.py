"""What is reported of views that come back from their own embedding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from favae_cli.common.pixels import unit
from favae_cli.config.views import MlpArch
from favae_cli.config.views import VaeViewConfig as Section
from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.images import r2_per_image
from favae_cli.evaluation.reconstruction import reconstruction_metrics, reconstruction_pictures
from favae_cli.evaluation.scores import score
from favae_cli.machine.runtime import Runtime
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.epoch_state import Prior
from favae_cli.views import BernoulliView, VaeView

SHAPE = (6, 5, 3)
LATENT = 2


def vae(shape: tuple[int, ...]) -> VaeView:
    arch = MlpArch(name="mlp", hidden=[8], leak=0.1)
    section = Section(
        type="vae", arch=arch, latent=LATENT, likelihood="gaussian", variance=0.1, start="random", beta=None, data=None
    )
    return VaeView(section, shape, Runtime(torch.device("cpu")), torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> FAVAE:
    return FAVAE({"face": vae(SHAPE)})


@pytest.fixture
def data() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (9, *SHAPE), dtype=np.uint8)
    row = np.array([0, 1, -1, 2, 3, 4, -1, 5, 6, 7, 8])
    split = {"train": np.arange(3), "validation": np.array([], int), "test": np.arange(3, 11)}
    return Dataset("toy", np.arange(11).astype(str), {"face": ViewData(images, row)}, split)


def test_a_view_is_scored_on_the_samples_that_have_it(model: FAVAE, data: Dataset) -> None:
    metrics = reconstruction_metrics(model, data, "test", {"face": Prior()}, 0)
    assert set(metrics) == {f"test/face/{key}" for key in ("r2_mean", "r2_std", "r2", "log_likelihood", "kl")}
    stored = data.views["face"].values[2:]
    encoded = model.trainable["face"].encode(stored)
    decoded = model.trainable["face"].decode(encoded.mean)
    assert metrics["test/face/r2_mean"] == pytest.approx(r2_per_image(unit(stored), decoded).mean(), rel=1e-5)
    assert metrics["test/face/r2_std"] == pytest.approx(r2_per_image(unit(stored), decoded).std(), rel=1e-5)
    kl = 0.5 * (encoded.mean**2 + encoded.variance - 1 - np.log(encoded.variance)).sum(axis=1)
    assert metrics["test/face/kl"] == pytest.approx(kl.mean(), rel=1e-4)
    assert metrics == reconstruction_metrics(model, data, "test", {"face": Prior()}, 0)


def test_the_kl_is_to_the_prior_of_each_sample(model: FAVAE, data: Dataset) -> None:
    encoded = model.trainable["face"].encode(data.views["face"].values[2:])
    own = Prior(encoded.mean, 3.0)
    metrics = reconstruction_metrics(model, data, "test", {"face": own}, 0)
    kl = 0.5 * (3 * encoded.variance - 1 - np.log(encoded.variance) - np.log(3)).sum(axis=1)
    assert metrics["test/face/kl"] == pytest.approx(kl.mean(), rel=1e-4)


def test_every_image_view_is_scored_but_only_a_vae_with_a_prior_has_a_likelihood(
    model: FAVAE, paired: FAVAE, paired_data: Dataset
) -> None:
    both = FAVAE({**paired.views, "face": model.views["face"]}, paired.factors)
    count = len(paired_data.keys)
    images = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    face = ViewData(images, np.arange(count))
    known = replace(paired_data, views={**paired_data.views, "face": face})
    priors = {"face": Prior(), "photo": Prior()}
    r2 = [f"test/{name}/{key}" for name in ("photo", "sketch", "face") for key in ("r2_mean", "r2_std", "r2")]
    metrics = reconstruction_metrics(both, known, "test", priors, 0)
    assert set(metrics) == {*r2, "test/face/log_likelihood", "test/face/kl"}
    assert set(reconstruction_metrics(both, known, "test", {}, 0)) == set(r2)
    # Views that lose nothing on the way come back as they were.
    assert metrics["test/photo/r2"] == metrics["test/sketch/r2_mean"] == pytest.approx(1)
    assert list(reconstruction_pictures(both, known, "test", 2)) == [
        f"reconstructions_{name}" for name in ("photo", "sketch", "face")
    ]


def test_a_split_without_images_has_no_scores_and_no_figure(model: FAVAE, data: Dataset) -> None:
    assert reconstruction_metrics(model, data, "validation", {"face": Prior()}, 0) == {}
    assert reconstruction_pictures(model, data, "validation", 4) == {}
    assert list(reconstruction_pictures(model, data, "test", 4)) == ["reconstructions_face"]


def test_a_vae_of_a_table_is_scored_as_a_table_and_what_has_no_embedding_of_its_own_is_not(data: Dataset) -> None:
    model = FAVAE({"spectrum": vae((4,)), "label": BernoulliView(1)})
    everyone = np.arange(len(data.keys))
    values = np.random.default_rng(0).normal(size=(len(everyone), 4)).astype(np.float32)
    views = {
        "spectrum": ViewData(values, everyone, tuple("abcd")),
        "label": ViewData((values[:, :1] > 0).astype(np.float32), everyone, ("a",)),
    }
    metrics = reconstruction_metrics(model, replace(data, views=views), "test", {"spectrum": Prior()}, 0)
    assert set(metrics) == {f"test/spectrum/{key}" for key in ("r2", "rmse", "mae", "log_likelihood", "kl")}
    decoded = model.views["spectrum"].decode(model.embed("spectrum", values[3:]))
    assert metrics["test/spectrum/r2"] == score(views["spectrum"], values[3:], decoded)["r2"]
