"""Images from attributes, on a model whose factors are known: spread, direction and the choice of what to ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
from scipy.special import expit

from favae_cli.common.errors import UserError
from favae_cli.common.pixels import unit
from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.generation_and_editing import (
    Combinations,
    EditScores,
    curve_metrics,
    edit_metrics,
    edit_scores,
    edits,
    generation_metrics,
)
from favae_cli.evaluation.judge import Judge, agreement
from favae_cli.evaluation.labelled import Labelled
from favae_cli.factors import FactorModel, ViewFactors
from favae_cli.models.class_gaussians import believed, learn_class_gaussians
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.generate_and_edit import Editor
from favae_cli.views import BernoulliView

MakeData = Callable[..., Dataset]


class HalvesJudge(Judge):
    """Sees an attribute where the half of the image that it brightens is brighter than the middle grey."""

    def __init__(self) -> None:
        pass  # it has learned nothing

    def read(self, images: np.ndarray) -> np.ndarray:
        return np.stack([images[:, :2].mean(axis=(1, 2, 3)), images[:, 2:].mean(axis=(1, 2, 3))], axis=1) > 0.5


class StandIn(Editor):
    """Makes the same image of every row with the same attributes."""

    def generate(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        halves = np.repeat(labels, 2, axis=1)[:, :, None, None]
        return np.broadcast_to(halves, (len(labels), 4, 4, 1))


@pytest.fixture
def editor(planted: FAVAE, planted_data: MakeData) -> Editor:
    learn_class_gaussians(planted, planted_data(4000, 1))
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


def test_generated_images_lie_where_images_with_what_is_asked_lie(editor: Editor, planted_data: MakeData) -> None:
    data = planted_data(20_000, 2)
    indices = data.having("train", "face", "attributes")
    labels, faces = data.views["attributes"].gather(indices), data.views["face"].gather(indices) / 255
    real = faces[(labels == [1, 0]).all(axis=1)]
    made = editor.generate(np.repeat([[1.0, 0.0]], 4000, axis=0), np.random.default_rng(0))
    halves = [[images[:, :2].mean(axis=(1, 2, 3)), images[:, 2:].mean(axis=(1, 2, 3))] for images in (real, made)]
    for asked, (natural, drawn) in zip((1, 0), zip(*halves, strict=True), strict=True):
        # Those that nobody would believe have moved on, so the rest of what is real is matched from one side.
        assert drawn.mean() == pytest.approx(natural.mean(), abs=0.5 * natural.std())
        assert (drawn.mean() - natural.mean()) * (1 if asked else -1) > -0.05 * natural.std()
        assert 0.5 * natural.std() < drawn.std() < 1.1 * natural.std()


def test_what_is_not_asked_is_drawn_as_often_as_it_is_found(editor: Editor, planted_data: MakeData) -> None:
    asked = np.repeat([[1.0, np.nan]], 2000, axis=0)
    seen = HalvesJudge().read(editor.generate(asked, np.random.default_rng(0)))
    assert seen[:, 0].mean() > 0.9
    assert 0.35 < seen[:, 1].mean() < 0.65
    again = editor.generate(asked[:50], np.random.default_rng(0))
    np.testing.assert_array_equal(again, editor.generate(asked[:50], np.random.default_rng(0)))


def test_every_generated_image_has_draws_of_its_own(editor: Editor) -> None:
    z = editor.generate(np.repeat([[1.0, 0.0]], 500, axis=0), np.random.default_rng(0)).reshape(500, -1)
    centred = z - z.mean(axis=0)
    neighbours = (centred[1:] * centred[:-1]).sum(axis=1).mean() / np.square(centred).sum(axis=1).mean()
    assert abs(neighbours) < 0.1
    assert len(np.unique(z, axis=0)) == 500


def test_generated_images_are_judged_by_what_was_asked_and_by_their_variety(
    editor: Editor, planted_data: MakeData
) -> None:
    data, names = planted_data(2000, 3), ("Top", "Bottom")
    real = Labelled.of(data, "test", "face", "attributes", np.random.default_rng(0))
    asked = np.repeat(np.array([[0.0, 0], [1, 1], [0, 1]]), 200, axis=0)

    def metrics(editor: Editor) -> dict[str, float]:
        return generation_metrics(editor, HalvesJudge(), asked, real, names, np.random.default_rng(0))

    found = metrics(editor)
    assert found["generate/accuracy"] == pytest.approx(np.mean([found[f"generate/{name}/accuracy"] for name in names]))
    assert found["generate/accuracy"] > agreement(HalvesJudge().read(unit(real.images)), real.labels).mean()
    assert 0.4 < found["generate/variety"] < 1.1
    # What shows what is asked, and always the same, has no variety.
    always = StandIn(editor.model, "face", "attributes")
    assert metrics(always) == {
        f"generate/{key}": float(key != "variety") for key in ("accuracy", "variety", "Top/accuracy", "Bottom/accuracy")
    }


@pytest.mark.slow
def test_many_attributes_at_once_do_not_carry_an_image_to_where_none_is(
    planted: FAVAE, known_factors: Callable[[np.ndarray, np.ndarray, float], ViewFactors]
) -> None:
    rng, count, many = np.random.default_rng(0), 2000, 20
    patterns, loadings = 0.04 * rng.standard_normal((16, 8)), 2 * rng.standard_normal((many, 8))
    parts = {
        "face": known_factors(patterns, np.full(16, 0.5), 400.0),
        "attributes": known_factors(loadings, np.zeros(many), 4.0),
    }
    model = FAVAE({"face": planted.views["face"], "attributes": BernoulliView(many)}, FactorModel(parts))
    factors, everyone = rng.standard_normal((count, 8)), np.arange(count)
    labels = (rng.random((count, many)) < expit(factors @ loadings.T)).astype(np.float32)
    z = 0.5 + factors @ patterns.T + 0.05 * rng.standard_normal((count, 16))
    stored = np.clip(np.round(255 * z), 0, 255).astype(np.uint8).reshape(count, 4, 4, 1)
    views = {"face": ViewData(stored, everyone), "attributes": ViewData(labels, everyone, kind="binary")}
    learn_class_gaussians(model, Dataset("many", everyone.astype(str), views, {"train": everyone}))
    made = Editor(model, "face", "attributes").generate(labels[:200].astype(float), rng).reshape(200, 16)
    real, drawn = (np.linalg.norm(part - z.mean(axis=0), axis=1) for part in (z, made))
    assert np.median(drawn) == pytest.approx(np.median(real), rel=0.1)


def test_without_what_it_would_have_learned_nothing_is_made(planted: FAVAE) -> None:
    labels = np.array([[1.0, 0.0]])
    with pytest.raises(UserError, match=r"^face: the run does not know where images with given attributes lie"):
        Editor(planted, "face", "attributes").generate(labels, np.random.default_rng(0))


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
    assert not editor.step(z, labels, labels).any()
    np.testing.assert_allclose(editor.edit(z, labels, labels, np.full(2, 3.0)).reshape(2, -1), z, rtol=1e-6)


def test_the_step_is_along_what_the_attribute_changes(editor: Editor) -> None:
    labels, wanted = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])
    step = editor.step(np.full((1, 16), 0.5), labels, wanted).reshape(4, 4)
    assert (step[:2] > 0).all()
    assert np.abs(step[2:]).max() < 0.2 * step[:2].min()


def test_steps_to_several_are_those_to_each(editor: Editor) -> None:
    z, labels = np.random.default_rng(0).random((3, 16)), np.array([[0.0, 0], [0, 1], [1, 1]])
    asked = [np.abs(labels - [1, 0]), labels, np.abs(labels - [0, 1])]
    for wanted, step in zip(asked, editor.steps(z, labels, asked), strict=True):
        np.testing.assert_allclose(step, editor.step(z, labels, wanted), atol=1e-12)


def test_an_image_goes_until_it_is_believed_and_no_further(editor: Editor, planted_data: MakeData) -> None:
    data, model = planted_data(), editor.model
    indices = data.having("test", "face", "attributes")
    z = model.embed("face", data.views["face"].gather(indices)).astype(float)
    labels = data.views["attributes"].gather(indices).astype(float)
    wanted = np.stack([1 - labels[:, 0], labels[:, 1]], axis=1)
    way, sign = editor.gaussians.moved(z, labels, wanted) - z, 2 * wanted[:, 0] - 1
    step = editor.step(z, labels, wanted)
    gone = np.linalg.norm(step, axis=1) / np.linalg.norm(way, axis=1)
    np.testing.assert_allclose(step, gone[:, None] * way, atol=1e-12)
    assert ((gone > 0) & (gone <= 1 + 1e-9)).all()
    sure = editor.gaussians.sure[wanted[:, 0].astype(int), 0]

    def told(share: np.ndarray) -> np.ndarray:
        return sign * believed(model, "face", "attributes", z + share[:, None] * way)[:, 0]

    free = (gone < 0.99) & (gone > 1 / 16)
    assert free.sum() > 10
    slack = 0.05  # of an image as it is stored
    assert (told(gone) > sure - slack)[free].all()
    assert (told(gone - 1 / 16) < sure + slack)[free].all()
    # Those that need more than the whole way get that.
    assert (told(np.full(len(z), 0.95)) < sure + slack)[gone > 0.99].all()


@pytest.mark.parametrize("column", [0, 1])
def test_an_edit_moves_the_predicted_probability_the_way_it_was_asked(
    editor: Editor, planted_data: MakeData, column: int
) -> None:
    data, model = planted_data(), editor.model
    indices = data.having("test", "face", "attributes")
    z = model.embed("face", data.views["face"].gather(indices)).astype(float)
    labels = data.views["attributes"].gather(indices).astype(float)
    wanted = labels.copy()
    wanted[:, column] = 1 - labels[:, column]
    images = editor.edit(z, labels, wanted, np.ones(2))
    before, after = (believed(model, "face", "attributes", part) for part in (z, images.reshape(len(z), -1)))
    moved = (after - before) * (wanted - labels).sum(axis=1, keepdims=True)
    assert (moved[:, column] >= 0).all()
    assert np.abs(moved[:, 1 - column]).mean() < 0.2 * moved[:, column].mean()


def test_edits_are_scored_by_flips_stays_and_likeness(editor: Editor, planted_data: MakeData) -> None:
    data = planted_data()
    indices = data.having("test", "face", "attributes")
    stored = data.views["face"].gather(indices)
    labels = HalvesJudge().read(stored / np.float32(255)).astype(float)
    combinations = Combinations(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([4, 3, 2, 1]))
    z = editor.model.embed("face", stored)
    asked = edits(editor, combinations, z, labels)
    assert [edit.column for edit in asked] == [0, 1]
    scores = {
        strength: edit_scores(editor, HalvesJudge(), Labelled(stored, labels), z, asked, np.full(2, strength))
        for strength in (1e-9, 1.0, 20.0)
    }
    assert scores[1e-9].flip.tolist() == [0, 0]
    assert (scores[1.0].flip > 0.5).all()
    assert scores[1e-9].r2_reconstruction == pytest.approx(1)
    # An edit of one half leaves the other as it was; the likeness suffers.
    assert (scores[1.0].brightness > scores[1e-9].brightness).all()
    assert (scores[1.0].border > scores[1e-9].border).all()
    assert (scores[1.0].r2_reconstruction > scores[20.0].r2_reconstruction).all()
    assert (scores[1e-9].keep == 1).all()
    assert (scores[1.0].keep > 0.95).all()
    assert scores[1e-9].r2 == pytest.approx(1, abs=1e-3)
    assert (scores[1e-9].r2 > scores[1.0].r2).all()
    assert (scores[1.0].r2 > scores[20.0].r2).all()


def test_an_edit_goes_as_far_as_what_it_switches_on_asks(editor: Editor) -> None:
    z = np.full((3, editor.model.views["face"].size), 0.5, np.float32)
    labels = np.array([[0.0, 1], [0, 0], [1, 1]])
    wanted = np.array([[1.0, 0], [1, 1], [1, 0]])
    asked = editor.edit(z, labels, wanted, np.array([1.0, 3.0]))
    # On and off at once goes by what is switched on; two on, by their mean; one off, by that one.
    for row, strength in enumerate((1.0, 2.0, 3.0)):
        alone = editor.edit(z[[row]], labels[[row]], wanted[[row]], np.full(2, strength))
        np.testing.assert_allclose(asked[row], alone[0], rtol=1e-6, atol=1e-7)


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
