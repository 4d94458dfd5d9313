"""What follows for g and for other views from some views alone, against formulas on a model whose factors are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from favae_cli.data import Dataset
from favae_cli.factors.bernoulli import probability
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.given import Given

COUNT = 60


@pytest.fixture
def data(planted_data: Callable[..., Dataset]) -> Dataset:
    """Some samples lack the face, some the attributes, and one both; of another the second attribute is not known."""
    data = planted_data(COUNT)
    data.views["face"].row[11] = -1
    data.views["attributes"].values[data.views["attributes"].row[5], 1] = np.nan
    return data


@pytest.fixture
def indices() -> np.ndarray:
    return np.random.default_rng(0).permutation(COUNT)


def test_attributes_are_predicted_from_the_face_and_by_their_share_without_one(
    planted: FAVAE, data: Dataset, indices: np.ndarray
) -> None:
    found = Given.of_samples(planted, data, indices, views=["face"]).decoded("attributes")
    assert found.shape == (COUNT, 2)
    seen = data.views["face"].present[indices]
    z = planted.embed("face", data.views["face"].gather(indices[seen]))
    mean, covariance = planted.joined.posterior({"face": z})
    logits = planted.joined.predict("attributes", mean, covariance)
    np.testing.assert_allclose(found[seen], probability(*logits), rtol=1e-5)
    share = probability(np.zeros(2), np.full(2, 4.0**2 + 1 / 4))
    np.testing.assert_allclose(found[~seen], np.tile(share, (int((~seen).sum()), 1)), rtol=1e-6)


def test_a_face_is_predicted_from_the_attributes(planted: FAVAE, data: Dataset, indices: np.ndarray) -> None:
    given = Given.of_samples(planted, data, indices, views=["attributes"])
    z = given.expected("face")
    np.testing.assert_allclose(given.decoded("face").reshape(COUNT, -1), z, rtol=1e-6)
    bias = planted.joined.views["face"].bias
    table = observed_table(data, "attributes", indices)
    np.testing.assert_allclose(z[np.isnan(table).all(axis=1)], np.tile(bias, (6, 1)))
    # The first attribute brightens the upper half; of sample 5 nobody knows the second, of the lower half.
    assert z[table[:, 0] == 1, 1].min() > bias[1] > z[table[:, 0] == 0, 1].max()
    assert z[indices == 5, -1] == pytest.approx(bias[-1])


def test_samples_that_are_encoded_already_are_taken_as_they_are(
    planted: FAVAE, data: Dataset, indices: np.ndarray
) -> None:
    plain = Given.of_samples(planted, data, indices)
    encoded = planted.encode(data, indices)
    np.testing.assert_array_equal(Given.of_samples(planted, data, indices, encoded).latents(), plain.latents())
    encoded["face"].mean[0] += 1.0
    changed = Given.of_samples(planted, data, indices, encoded).latents()
    apart = np.abs(changed - plain.latents()).max(axis=1)  # of the others, as far as they are settled
    assert np.flatnonzero(apart > 1e-4).tolist() == [0]


def test_one_view_alone_says_what_it_says_as_a_view_of_samples(
    planted: FAVAE, data: Dataset, indices: np.ndarray
) -> None:
    here = indices[data.views["face"].present[indices] & data.views["attributes"].present[indices]]
    z = planted.embed("face", data.views["face"].gather(here))
    table = observed_table(data, "attributes", here)
    for view, alone in (
        ("face", Given.of_embedding(planted, "face", z)),
        ("attributes", Given.of_table(planted, "attributes", table)),
    ):
        of_samples = Given.of_samples(planted, data, here, views=[view])
        np.testing.assert_array_equal(alone.latents(), of_samples.latents())
        np.testing.assert_array_equal(alone.spreads(), of_samples.spreads())
    # Who does not know an attribute is less sure of its factor, and of no other.
    spread = Given.of_table(planted, "attributes", np.array([[1.0, 0.0], [1.0, np.nan]])).spreads()
    assert spread[1, 1, 1] > 1.2 * spread[0, 1, 1]
    assert spread[1, 0, 0] == pytest.approx(spread[0, 0, 0])
