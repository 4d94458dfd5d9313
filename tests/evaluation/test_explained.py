"""Variance explained by each factor: the closed form, and what is decoded, against the definition sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from torch import nn

from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.explained import (
    QUANTITIES,
    explained_picture,
    explained_table,
    in_data,
    in_embedding,
    numbers,
)
from favae_cli.factors import FactorModel, ViewFactors
from favae_cli.factors.updates import ViewSums
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.factor_reading import Reading, factor_use
from favae_cli.views import Encoded, View

Known = Callable[[np.ndarray, np.ndarray, float], ViewFactors]


Function = Callable[[np.ndarray], np.ndarray]


class Decoder:
    """A view that is nothing but the function it decodes with."""

    trainable = False

    def __init__(self, function: Function, size: int) -> None:
        self.function, self.size = function, size
        self.networks = nn.ModuleDict()

    def fit(self, values: np.ndarray) -> None:
        pass

    def encode(self, values: np.ndarray) -> Encoded:
        raise NotImplementedError

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        return self.function(mean)

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        return None


def sums_of(z: np.ndarray, g: np.ndarray) -> ViewSums:
    """Of z and g that are known for sure."""
    return ViewSums(len(z), z.sum(axis=0), (z**2).sum(axis=0), g.sum(axis=0), g.T @ g, z.T @ g, 0.0)


def by_definition(share: Callable[[list[int]], float], factors: int) -> tuple[list[float], list[float]]:
    """R2 of each factor alone, and of all less that of all but each."""
    everything = list(range(factors))
    alone = [share([k]) for k in everything]
    without = [share([j for j in everything if j != k]) for k in everything]
    return alone, [share(everything) - each for each in without]


def _share(left: Callable[[list[int]], np.ndarray], chosen: list[int]) -> float:
    """Of all columns together."""
    return float(1 - left(chosen).sum() / left([]).sum())


def test_the_embeddings_shares_are_what_the_definition_says_of_incomplete_samples(
    paired: FAVAE, paired_data: Dataset
) -> None:
    """q(g) differs by the views that a sample has, and is uncertain; E ||z - b - W_S g||^2 summed one by one."""
    data = Dataset("images", paired_data.keys, {n: paired_data.views[n] for n in paired.views}, paired_data.split)
    reading = Reading.of(paired, data, "train")
    encoded = paired.encode(data, reading.indices)
    there = np.any([data.views[name].present[reading.indices] for name in paired.views], axis=0)
    posteriors = []
    for row in np.flatnonzero(there):
        has = {name: part.mean[[row]] for name, part in encoded.items() if not np.isnan(part.mean[row]).any()}
        mean, covariance = paired.joined.posterior(has)
        posteriors.append((row, mean[0], covariance))
        np.testing.assert_allclose(reading.latent[row], mean[0], atol=1e-9)
    for name, view in paired.joined.views.items():
        z, spread = encoded[name].mean.astype(float), encoded[name].variance
        assert spread is not None

        def left(chosen: list[int], z: np.ndarray = z, v: np.ndarray = spread, view: ViewFactors = view) -> np.ndarray:
            total = np.zeros(view.size)
            weights = view.weights[:, chosen]
            for row, mean, covariance in posteriors:
                if np.isnan(z[row]).any():
                    continue
                total += (z[row] - view.bias - weights @ mean[chosen]) ** 2 + v[row]
                total += np.diag(weights @ covariance[np.ix_(chosen, chosen)] @ weights.T)
            return total / view.variance

        alone, lost = by_definition(partial(_share, left), 4)
        found = in_embedding(view, reading.sums[name])
        np.testing.assert_allclose(found.total, alone, atol=1e-6)
        np.testing.assert_allclose(found.unique, lost, atol=1e-6)


def test_correlated_factors_share_what_they_explain_and_opposed_ones_undo_it(known_factors: Known) -> None:
    rng = np.random.default_rng(0)
    common = rng.standard_normal((5000, 1))
    g = common + 0.3 * rng.standard_normal((5000, 2))
    for weights, sign in ((np.array([[1.0, 1.0]]), 1), (np.array([[1.0, -0.6]]), -1)):
        z = g @ weights.T
        found = in_embedding(known_factors(weights, np.zeros(1), 1.0), sums_of(z, g))

        def left(chosen: list[int], z: np.ndarray = z, weights: np.ndarray = weights) -> np.ndarray:
            left_over: np.ndarray = np.sum((z - g[:, chosen] @ weights[:, chosen].T) ** 2, axis=0)
            return left_over

        alone, lost = by_definition(partial(_share, left), 2)
        np.testing.assert_allclose(found.total, alone, atol=1e-10)
        np.testing.assert_allclose(found.unique, lost, atol=1e-10)
        # Partners explain nearly everything alone and are missed little; one of two opponents alone makes things worse.
        assert np.all(sign * (found.total - found.unique) > 0.3)


def test_where_the_model_fits_unique_is_the_relevance(known_factors: Known) -> None:
    rng = np.random.default_rng(0)
    weights, bias = rng.standard_normal((6, 3)) * [1.0, 0.5, 0.0], rng.standard_normal(6)
    g = rng.standard_normal((200_000, 3))
    z = g @ weights.T + bias + 0.5 * rng.standard_normal((len(g), 6))
    found = in_embedding(known_factors(weights, bias, 4.0), sums_of(z, g))
    squares = weights**2
    expected = np.mean(squares / (squares.sum(axis=1, keepdims=True) + 0.25), axis=0)
    np.testing.assert_allclose(found.unique, expected, atol=0.01)
    np.testing.assert_allclose(found.total, expected, atol=0.01)


def test_a_column_that_hardly_moves_in_the_asked_samples_does_not_drown_the_rest(known_factors: Known) -> None:
    rng = np.random.default_rng(0)
    view = known_factors(np.ones((5, 1)), np.zeros(5), 4.0)
    g = rng.standard_normal((30, 1))
    z = g + 0.5 * rng.standard_normal((30, 5))
    usual = in_embedding(view, sums_of(z, g))
    z[:, 0] *= 0.01
    found = in_embedding(view, sums_of(z, g))
    assert usual.total[0] == pytest.approx(0.8, abs=0.1)  # 1 of 1.25
    assert 0.3 < found.total[0] < usual.total[0]  # wrong of one column in five


def bent(z: np.ndarray) -> np.ndarray:
    """Two columns of very different units, neither of them linear in z."""
    return np.column_stack([np.tanh(z[:, 0]) + z[:, 1] ** 2, 1000 * z[:, 0] * z[:, 1]])


def test_decoded_shares_are_what_the_definition_says(known_factors: Known) -> None:
    rng = np.random.default_rng(0)
    weights, bias = np.array([[1.0, 0.5, 0.2], [0.0, 0.8, -0.3]]), np.array([0.2, -0.1])
    latent = rng.standard_normal((150, 3))  # more than are decoded at a time
    stored = bent(latent @ weights.T + bias)
    deviation = stored.std(axis=0)

    def share(chosen: list[int]) -> float:
        decoded = (bent(latent[:, chosen] @ weights[:, chosen].T + bias) - stored) / deviation
        return 1 - float(np.sum(decoded**2) / np.sum(((bent(bias[None]) - stored) / deviation) ** 2))

    alone, lost = by_definition(share, 3)
    found = in_data(Decoder(bent, 2), known_factors(weights, bias, 1.0), stored, latent)
    np.testing.assert_allclose(found.total, alone, rtol=1e-5)
    np.testing.assert_allclose(found.unique, lost, rtol=1e-5)


def test_units_of_the_columns_do_not_matter(known_factors: Known) -> None:
    factors = known_factors(np.eye(2), np.zeros(2), 1.0)
    latent = np.random.default_rng(0).standard_normal((100, 2)) * [1.0, 2.0]
    latent -= latent.mean(axis=0)
    for unit in (np.array([1.0, 1.0]), np.array([1e-3, 1e5])):
        found = in_data(Decoder(partial(np.multiply, unit), 2), factors, latent * unit, latent)
        np.testing.assert_allclose(found.total, [0.5, 0.5], rtol=1e-4)


def test_a_factor_that_the_view_does_not_use_is_not_decoded(known_factors: Known) -> None:
    asked: list[int] = []

    def decode(z: np.ndarray) -> np.ndarray:
        asked.append(len(z))
        return z

    latent = np.random.default_rng(0).standard_normal((10, 3))
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    found = in_data(Decoder(decode, 2), known_factors(weights, np.zeros(2), 1.0), latent[:, :2], latent)
    assert found.total[1] == found.unique[1] == 0
    assert asked == [1, 10, *[10] * 4]  # nothing, everything, and two used factors with and without


def test_a_view_that_decodes_to_the_same_has_no_shares(known_factors: Known) -> None:
    latent = np.random.default_rng(0).standard_normal((10, 2))
    found = in_data(Decoder(np.zeros_like, 2), known_factors(np.eye(2), np.zeros(2), 1.0), latent, latent)
    assert np.isnan([found.total, found.unique]).all()


def test_texts_are_explained_by_the_factors_that_change_their_words(known_factors: Known) -> None:
    def decode(z: np.ndarray) -> np.ndarray:
        return np.array(["it barks" if first > 0 else "it meows" for first, _ in z], object)

    latent = np.random.default_rng(0).standard_normal((80, 2))
    found = in_data(Decoder(decode, 2), known_factors(np.eye(2), np.zeros(2), 1.0), decode(latent), latent)
    np.testing.assert_allclose([found.total, found.unique], [[1, 0], [1, 0]])
    # The order of words does not count.
    np.testing.assert_array_equal(*numbers(np.array(["big dog", "dog big"], object)))


def test_sequences_are_compared_where_both_go_on(known_factors: Known) -> None:
    def decode(z: np.ndarray) -> np.ndarray:
        steps = z[:, None, :1] * np.ones((1, 4, 1))
        steps[z[:, 1] > 0, 2:] = np.nan  # the second factor only shortens
        return steps

    latent = np.random.default_rng(0).standard_normal((60, 2))
    found = in_data(Decoder(decode, 2), known_factors(np.eye(2), np.zeros(2), 1.0), decode(latent), latent)
    assert found.unique[0] == pytest.approx(1)
    assert found.unique[1] == pytest.approx(0, abs=1e-9)


def test_the_table_has_a_row_for_each_factor_and_view_also_of_a_view_without_samples(
    planted: FAVAE, planted_data: Callable[..., Dataset]
) -> None:
    data = planted_data()
    order = np.array([2, 0, 1])
    table = explained_table(Reading.of(planted, data, "test"), order, 50)
    assert table["factor"].tolist() == [2, 2, 0, 0, 1, 1]
    assert table["view"].tolist() == ["face", "attributes"] * 3
    assert table["use"].tolist()[::2] == ["private face", "shared face, attributes", "shared face, attributes"]
    rows = table.set_index(["factor", "view"])
    for quantity in QUANTITIES:
        # Factor 2 is the image's own; the others are a half of it each, and a column of the attributes.
        shares = rows[quantity]
        assert shares[2, "attributes"] == pytest.approx(0, abs=0.01)
        assert min(shares[2, "face"], shares[0, "attributes"]) > 0.2
    # Pixels are their own embedding, and their factors add up.
    unique = rows.xs("face", level="view")["embedding_unique"]
    assert 0.8 < unique.sum() < 1.05

    faces = ViewData(data.views["face"].values, np.full(len(data.keys), -1))
    lacking = Dataset("bare", data.keys, data.views | {"face": faces}, data.split)
    bare = explained_table(Reading.of(planted, lacking, "test"), order, 50)
    assert bare[bare["view"] == "face"][[*QUANTITIES]].isna().all(axis=None)
    assert bare[bare["view"] == "attributes"][[*QUANTITIES]].notna().all(axis=None)


@pytest.mark.slow
def test_the_heat_map_shows_the_first_40_factors_and_says_how_many_more(known_factors: Known) -> None:
    rng = np.random.default_rng(0)
    model = FactorModel({name: known_factors(rng.standard_normal((4, 57)), np.zeros(4), 9.0) for name in ("a", "b")})
    latent = rng.standard_normal((20, 57))
    sums = {name: sums_of(latent @ part.weights.T, latent) for name, part in model.views.items()}
    view = ViewData(latent[:, :4], np.arange(20), tuple("wxyz"))
    data = Dataset("two", np.arange(20).astype(str), {"a": view, "b": view}, {})
    views: dict[str, View] = {name: Decoder(np.copy, 4) for name in model.views}
    table = explained_table(Reading(FAVAE(views, model), data, np.arange(20), latent, sums), np.arange(57)[::-1], 20)
    figure = explained_picture(table)
    assert len(figure.axes) == len(QUANTITIES)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"{factor}  {factor_use(model, factor).split()[0]}" for factor in range(56, 16, -1)]
    assert "17 more" in figure.get_suptitle()
    assert "more" not in explained_picture(table[table["factor"] > 30]).get_suptitle()
