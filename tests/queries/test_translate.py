"""What is made of one view by way of the factors, against the formula on models whose factors are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from favae_cli.data import Dataset
from favae_cli.factors import FactorModel
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.translate import FactorTranslator, image_views, translator_of
from favae_cli.views import BernoulliView, LinearView
from favae_cli.views.objective import Loss

DIRECTIONS = [("photo", "sketch"), ("sketch", "photo")]
PIXELS = 16


def photos(data: Dataset, view: str = "photo") -> np.ndarray:
    return data.views[view].gather(data.having("test", "photo", "sketch"))


def by_hand(model: FAVAE, source: str, target: str, z: np.ndarray) -> np.ndarray:
    """W_t E[g | z] + b_t with E[g | z] = (I + tau W'W)^-1 tau W' (z - b)."""
    given, wanted = model.joined.views[source], model.joined.views[target]
    precision = np.eye(4) + given.tau * given.weights.T @ given.weights
    latent = np.linalg.solve(precision, given.tau * given.weights.T @ (z - given.bias).T).T
    return latent @ wanted.weights.T + wanted.bias


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_a_translation_is_the_decoded_mean_given_the_source_alone(
    source: str, target: str, paired: FAVAE, paired_data: Dataset
) -> None:
    stored = photos(paired_data, source)
    made = translator_of(paired).translate(source, target, stored)
    assert made.shape == stored.shape
    np.testing.assert_allclose(flat(made), by_hand(paired, source, target, flat(stored) / 255), rtol=1e-5)


def test_a_translation_is_nearer_to_the_truth_than_the_mean_and_no_better_than_the_noise_allows(
    paired: FAVAE, paired_data: Dataset
) -> None:
    truth = flat(photos(paired_data, "sketch")) / 255
    made = flat(translator_of(paired).translate("photo", "sketch", photos(paired_data)))
    part = paired.joined.views["sketch"]
    assert np.square(truth - made).mean() < 0.75 * np.square(truth - part.bias).mean()
    assert np.square(truth - made).mean() > 0.8 / part.tau


def test_the_same_view_is_reconstructed_from_its_own_embedding(paired: FAVAE, paired_data: Dataset) -> None:
    stored = photos(paired_data)
    np.testing.assert_allclose(translator_of(paired).translate("photo", "photo", stored), stored / 255, rtol=1e-6)


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_partners_are_matched_in_the_targets_embedding_around_its_bias(
    source: str, target: str, paired: FAVAE, paired_data: Dataset
) -> None:
    given, partners = photos(paired_data, source), photos(paired_data, target)
    expected, actual = translator_of(paired).match(source, target, given, partners)
    bias = paired.joined.views[target].bias
    np.testing.assert_allclose(expected, by_hand(paired, source, target, flat(given) / 255) - bias, atol=1e-6)
    np.testing.assert_allclose(actual, flat(partners) / 255 - bias, atol=1e-6)


def test_a_linear_view_is_reconstructed_by_way_of_the_factors(paired: FAVAE, paired_data: Dataset) -> None:
    stored = paired_data.views["photo"].gather(paired_data.having("train", "photo"))
    view = LinearView(stored.shape[1:], PIXELS)
    view.fit(stored)
    model = FAVAE({"photo": view, "sketch": paired.views["sketch"]}, paired.factors)
    z = view.encode(stored).mean
    np.testing.assert_allclose(view.decode(z), stored / 255, atol=1e-5)  # of itself it would lose nothing
    made = translator_of(model).translate("photo", "photo", stored)
    np.testing.assert_allclose(made, view.decode(by_hand(model, "photo", "photo", z)), atol=1e-5)
    assert np.abs(made - stored / 255).mean() > 0.01


def test_views_that_are_images_are_known_by_their_data(paired: FAVAE, paired_data: Dataset) -> None:
    model = FAVAE({"attributes": BernoulliView(2), **paired.views}, FactorModel(paired.joined.views))
    assert image_views(model, paired_data) == ["photo", "sketch"]


class Joint(JointVAE):
    """Says what it was asked."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.views = dict.fromkeys(shapes)

    def draw(self, count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def loss_of(self, batch: object, present: object, drawn: object) -> Loss:
        raise NotImplementedError

    def embed(self, view: str, stored: np.ndarray) -> np.ndarray:
        return np.full((len(stored), 2), {"photo": 1.0, "sketch": 2.0}[view])

    def translate(self, source: str, target: str, stored: np.ndarray) -> np.ndarray:
        return np.full(stored.shape, {("photo", "sketch"): 0.1, ("photo", "photo"): 0.2}[source, target])


def test_a_joint_vae_translates_itself_and_is_matched_where_it_embeds_both_views(paired_data: Dataset) -> None:
    model = Joint({"photo": (4, 4, 1), "sketch": (4, 4, 1), "attributes": (2,)})
    translator, stored = translator_of(model), photos(paired_data)
    assert not isinstance(translator, FactorTranslator)
    assert image_views(model, paired_data) == ["photo", "sketch"]
    assert (translator.translate("photo", "sketch", stored) == 0.1).all()
    assert (translator.translate("photo", "photo", stored) == 0.2).all()
    expected, actual = translator.match("photo", "sketch", stored, photos(paired_data, "sketch"))
    assert (expected == 1).all()
    assert (actual == 2).all()
