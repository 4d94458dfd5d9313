"""Images from attributes, on a model whose factors are known: spread, direction and the choice of what to ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from favae_cli.data import Dataset
from favae_cli.evaluation.generation_and_editing import (
    Combinations,
    EditScores,
    curve_metrics,
    edit_metrics,
    edit_scores,
    enough,
    generation_metrics,
    generation_scores,
)
from favae_cli.evaluation.judge import Judge
from favae_cli.factors.bernoulli import probability
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.generate_and_edit import Editor

MakeData = Callable[..., Dataset]


class HalvesJudge(Judge):
    """Sees an attribute where the half of the image that it brightens is brighter than the middle grey."""

    def __init__(self) -> None:
        pass  # it has learned nothing

    def read(self, images: np.ndarray) -> np.ndarray:
        return np.stack([images[:, :2].mean(axis=(1, 2, 3)), images[:, 2:].mean(axis=(1, 2, 3))], axis=1) > 0.5


@pytest.fixture
def editor(planted: FAVAE) -> Editor:
    return Editor(planted, "face", "attributes")


# Combinations


def test_combinations_are_those_of_the_data_the_most_frequent_first() -> None:
    labels = np.array([[0, 1]] * 3 + [[1, 0]] * 5 + [[1, 1]] * 2 + [[np.nan, 1]] * 9)
    found = Combinations.of(labels, 3)
    assert found.values.tolist() == [[1, 0], [0, 1]]
    assert found.counts.tolist() == [5, 3]


def test_where_every_combination_is_rare_the_most_frequent_stay() -> None:
    assert Combinations.of(np.array([[0.0, 1]] * 2 + [[1, 0]]), 10).values.tolist() == [[0, 1]]


def test_flipping_an_attribute_takes_the_place_of_the_one_it_excludes() -> None:
    # Of the first three attributes exactly one holds, as with skin tones; the fourth is free.
    known = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]]
    combinations = Combinations(np.array(known, float), np.array([9, 8, 7, 6, 5]))
    light = np.array([[1.0, 0, 0, 1]])
    assert combinations.flipped(light, 1).tolist() == [[0, 1, 0, 1]]
    assert combinations.flipped(light, 3).tolist() == [[1, 0, 0, 0]]
    # Taken away, it gives way to the most frequent of the nearest.
    assert combinations.flipped(light, 0).tolist() == [[0, 1, 0, 1]]
    # Only (0, 0, 1, 0) has the third: the free attribute gives way too.
    assert combinations.flipped(light, 2).tolist() == [[0, 0, 1, 0]]
    assert light.tolist() == [[1, 0, 0, 1]]


def test_an_attribute_that_no_combination_flips_is_flipped_alone() -> None:
    combinations = Combinations(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([5, 4]))
    assert combinations.flipped(np.array([[0.0, 1.0]]), 1).tolist() == [[0, 0]]


# Factors given attributes


def test_attributes_move_their_own_factor_and_no_other(editor: Editor) -> None:
    mean, covariance = editor.latents(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert mean[0, 0] > 0.3 > -0.3 > mean[0, 1]
    np.testing.assert_allclose(mean[0], -mean[1], atol=1e-4)
    np.testing.assert_allclose(mean[:, 2], 0, atol=1e-12)
    assert covariance[0, 0, 0] < 1
    assert covariance[0, 2, 2] == pytest.approx(1)


def test_an_attribute_that_is_not_given_says_nothing(editor: Editor) -> None:
    mean, covariance = editor.latents(np.array([[1.0, np.nan]]))
    assert mean[0, 0] > 0.3
    assert mean[0, 1] == pytest.approx(0, abs=1e-6)
    assert covariance[0, 0, 0] < 0.9
    assert covariance[0, 1, 1] == pytest.approx(1, abs=1e-3)


def test_without_any_attribute_the_prior_is_left(editor: Editor) -> None:
    mean, covariance = editor.latents(np.full((3, 2), np.nan))
    np.testing.assert_allclose(mean, 0)
    np.testing.assert_allclose(covariance, np.tile(np.eye(3), (3, 1, 1)))


# Generated images


@pytest.mark.parametrize("labels", [[1.0, 0.0], [np.nan, np.nan]])
def test_generated_images_spread_as_the_model_says(editor: Editor, labels: list[float]) -> None:
    asked = np.repeat([labels], 10_000, axis=0)
    z = editor.generate(asked, np.random.default_rng(0)).reshape(len(asked), -1)
    mean, covariances = editor.latents(asked[:1])
    covariance = covariances[0]
    part = editor.model.joined.views["face"]
    np.testing.assert_allclose(z.mean(axis=0), mean[0] @ part.weights.T + part.bias, atol=5e-3)
    expected = part.weights @ covariance @ part.weights.T + np.eye(part.size) / part.tau
    np.testing.assert_allclose(np.cov(z.T), expected, atol=6e-4)
    _, variance = editor.model.joined.predict("face", mean, covariance)
    np.testing.assert_allclose(z.var(axis=0), variance[0], rtol=0.06)


def test_every_generated_image_has_draws_of_its_own(editor: Editor) -> None:
    z = editor.generate(np.repeat([[1.0, 0.0]], 500, axis=0), np.random.default_rng(0)).reshape(500, -1)
    centred = z - z.mean(axis=0)
    neighbours = (centred[1:] * centred[:-1]).sum(axis=1).mean() / np.square(centred).sum(axis=1).mean()
    assert abs(neighbours) < 0.1
    assert len(np.unique(z, axis=0)) == 500


def test_generated_images_are_judged_by_what_was_asked(editor: Editor) -> None:
    asked = np.repeat(np.array([[0.0, 0], [1, 1], [0, 1]]), 200, axis=0)
    weak, plain, strong = (
        generation_scores(editor, HalvesJudge(), asked, strength, np.random.default_rng(0))
        for strength in (0.0, 1.0, 3.0)
    )
    assert (weak < plain).all()
    assert (plain < strong).all()
    metrics = generation_metrics(np.array([0.75, 0.25]), 1.5, ("Top", "Bottom"))
    assert metrics == {
        "generate/accuracy": 0.5,
        "generate/strength": 1.5,
        "generate/Top/accuracy": 0.75,
        "generate/Bottom/accuracy": 0.25,
    }


def test_rows_with_and_without_attributes_can_be_asked_for_together(editor: Editor) -> None:
    asked = np.array([[1.0, 0.0], [np.nan, np.nan]])
    mean, covariance = editor.latents(asked)
    for row in range(2):
        alone = editor.latents(asked[[row]])
        np.testing.assert_allclose(mean[row], alone[0][0], atol=1e-6)
        np.testing.assert_allclose(covariance[row], alone[1][0], atol=1e-6)


# Edited images


def test_an_edit_to_what_is_there_already_is_no_edit(editor: Editor) -> None:
    labels = np.array([[1.0, 0.0], [0.0, 0.0]])
    z = np.random.default_rng(0).random((2, 16))
    assert not editor.step(z, labels, labels, 3.0).any()
    np.testing.assert_allclose(editor.edit(z, labels, labels, np.full(2, 3.0)).reshape(2, -1), z, rtol=1e-6)


def test_the_step_is_along_the_loadings_of_the_factors_that_the_attributes_move(editor: Editor) -> None:
    labels, wanted = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])
    step = editor.step(np.zeros((1, 16)), labels, wanted, 1.0).reshape(4, 4)
    assert (step[:2] > 0).all()
    np.testing.assert_allclose(step[2:], 0, atol=1e-5)


def test_an_image_that_is_further_on_the_way_has_less_to_go(editor: Editor) -> None:
    labels, wanted = np.zeros((200, 2)), np.tile([1.0, 0.0], (200, 1))
    mean, _ = editor.latents(np.array([[0.0, 0.0], [1.0, 0.0]]))
    length = np.linalg.norm(mean[1] - mean[0])
    way = (mean[1] - mean[0]) / length
    z = editor.model.joined.sample("face", *editor.latents(labels), np.random.default_rng(0))
    step = editor.step(z, labels, wanted, 1.0)
    gone = np.linalg.norm(step, axis=1) / np.linalg.norm(editor.model.joined.views["face"].weights @ way)
    before, after = (editor.model.joined.posterior({"face": part})[0] @ way for part in (z, z + step))
    free = gone > length / 2 + 1e-9
    assert 0 < free.sum() < 200
    assert np.corrcoef(before[free], gone[free])[0, 1] < -0.999
    np.testing.assert_allclose(gone[~free], length / 2)
    # They come to nearly the same place, wherever they were.
    assert after[free].std() < 0.3 * before[free].std()
    np.testing.assert_allclose(editor.step(z, labels, wanted, 2.5), 2.5 * step)


@pytest.mark.parametrize("column", [0, 1])
def test_an_edit_moves_the_predicted_probability_the_way_it_was_asked(
    editor: Editor, planted_data: MakeData, column: int
) -> None:
    data, model = planted_data(), editor.model
    indices = data.having("test", "face", "attributes")
    encoded = model.views["face"].encode(data.views["face"].gather(indices))
    labels = data.views["attributes"].gather(indices).astype(float)
    wanted = labels.copy()
    wanted[:, column] = 1 - labels[:, column]

    def predicted(z: np.ndarray) -> np.ndarray:
        mean, covariance = model.joined.posterior({"face": z})
        return probability(*model.joined.predict("attributes", mean, covariance))

    before = predicted(encoded.mean)
    after = predicted(editor.edit(encoded.mean, labels, wanted, np.ones(2)).reshape(len(indices), -1))
    moved = after - before
    assert (moved[:, column] * (wanted - labels)[:, column] > 0).all()
    assert np.abs(moved[:, 1 - column]).mean() < 0.1 * np.abs(moved[:, column]).mean()


def test_edits_are_scored_by_flips_stays_and_likeness(editor: Editor, planted_data: MakeData) -> None:
    data = planted_data()
    indices = data.having("test", "face", "attributes")
    stored = data.views["face"].gather(indices)
    labels = HalvesJudge().read(stored / np.float32(255)).astype(float)
    combinations = Combinations(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([4, 3, 2, 1]))
    scores = {
        strength: edit_scores(editor, HalvesJudge(), combinations, stored, labels, np.full(2, strength))
        for strength in (1e-9, 1.0, 20.0)
    }
    assert scores[1e-9].flip.tolist() == [0, 0]
    assert scores[20.0].flip.tolist() == [1, 1]
    assert (scores[1.0].flip > 0).all()
    # An edit of one half leaves the other as it was, however far it goes; only the likeness suffers.
    assert (scores[1.0].brightness > scores[1e-9].brightness).all()
    assert (scores[1.0].border > scores[1e-9].border).all()
    assert scores[1e-9].r2_reconstruction == pytest.approx(1)
    assert (scores[1.0].r2_reconstruction > scores[20.0].r2_reconstruction).all()
    assert all((found.keep == 1).all() for found in scores.values())
    assert scores[1e-9].r2 == pytest.approx(1, abs=1e-3)
    assert (scores[1e-9].r2 > scores[1.0].r2).all()
    assert (scores[1.0].r2 > scores[20.0].r2).all()


def test_an_edit_goes_as_far_as_what_it_switches_on_asks(editor: Editor) -> None:
    z = np.zeros((3, editor.model.views["face"].size), np.float32)
    labels = np.array([[0.0, 1], [0, 0], [1, 1]])
    wanted = np.array([[1.0, 0], [1, 1], [1, 0]])
    asked = editor.edit(z, labels, wanted, np.array([1.0, 3.0]))
    # On and off at once goes by what is switched on; two on, by their mean; one off, by that one.
    for row, strength in enumerate((1.0, 2.0, 3.0)):
        alone = editor.edit(z[[row]], labels[[row]], wanted[[row]], np.full(2, strength))
        np.testing.assert_allclose(asked[row], alone[0], rtol=1e-6, atol=1e-7)


def test_generation_takes_the_shortest_step_that_is_nearly_as_good_as_the_best() -> None:
    tried = np.array([[0.8, 0.2], [0.5, 0.195], [0.805, 0.1]])
    assert enough([2.0, 1.0, 3.0], tried).tolist() == [2.0, 1.0]


def test_a_strength_is_worth_the_worse_of_flips_and_stays_and_a_share_of_likeness() -> None:
    scores = scored(flip=[1.0, 0.5], keep=[0.6, 0.9], r2_reconstruction=[0.5, -1.0])
    np.testing.assert_allclose(scores.worth(0), [0.6, 0.5])
    np.testing.assert_allclose(scores.worth(0.2), [0.7, 0.3])


def test_metrics_of_edits_are_means_over_attributes_and_each_ones_own() -> None:
    scores = scored(flip=[1.0, 0.5], keep=[0.6, 0.9], r2=[0.3, 0.1])
    metrics = edit_metrics(scores, np.array([1.5, 2.5]), ("Top", "Bottom"))
    assert metrics["edit/flip"] == metrics["edit/keep"] == 0.75
    assert metrics["edit/r2"] == pytest.approx(0.2)
    assert metrics["edit/strength"] == 2.0
    assert (metrics["edit/Top/flip"], metrics["edit/Bottom/keep"], metrics["edit/Bottom/strength"]) == (1.0, 0.9, 2.5)
    assert curve_metrics({0.5: scores, 2.0: scores})["edit_curve/0.5/flip"] == 0.75


def scored(**known: list[float]) -> EditScores:
    """Of two attributes; 0 where nothing is said."""
    names = [field.name for field in fields(EditScores)]
    return EditScores(**{name: np.array(known.get(name, [0.0, 0.0])) for name in names})
