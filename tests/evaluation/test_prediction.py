"""What is predicted of a view, against the Gaussian's own formula, and how it is scored and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from favae_cli.common.pixels import unit
from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.attributes import predicted_attributes
from favae_cli.evaluation.columns import Predicted
from favae_cli.evaluation.prediction import prediction_metrics, prediction_pictures
from favae_cli.evaluation.prediction_figures import comparison
from favae_cli.evaluation.scores import score
from favae_cli.factors import FactorModel
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.predict import predicted

MakeData = Callable[..., Dataset]
RNG = np.random.default_rng(0)


def test_what_one_view_says_of_another_is_the_gaussian_conditional(paired: FAVAE, paired_data: Dataset) -> None:
    encoded = paired.encode(paired_data, paired_data.split["test"])
    truth, made, _ = predicted(paired, paired_data, "sketch", ["photo"], "test", encoded)
    both = paired_data.having("test", "photo", "sketch")
    np.testing.assert_array_equal(truth, paired_data.views["sketch"].gather(both))
    photo, sketch = (paired.joined.views[name] for name in ("photo", "sketch"))
    z = unit(paired_data.views["photo"].gather(both)).reshape(len(both), -1) - photo.bias
    covariance = photo.weights @ photo.weights.T + np.eye(photo.size) / photo.tau
    expected = z @ np.linalg.solve(covariance, photo.weights @ sketch.weights.T) + sketch.bias
    np.testing.assert_allclose(made.reshape(len(both), -1), expected, atol=1e-4)


def test_samples_without_evidence_or_without_truth_are_not_scored(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    encoded = planted.encode(data, data.split["test"])
    truth, made, _ = predicted(planted, data, "attributes", ["face"], "test", encoded)
    labels, probability = predicted_attributes(planted, data, "attributes", "test", encoded)
    known = ~np.isnan(labels).all(axis=1)
    np.testing.assert_array_equal(truth, labels[known])
    np.testing.assert_allclose(made, probability[known])
    assert len(predicted(planted, data, "attributes", ["face"], "test", encoded, 3)[0]) == 3


def test_every_view_has_scores_from_all_others(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    metrics = prediction_metrics(planted, data, "test", planted.encode(data, data.split["test"]))
    scores = {"face": ("r2", "r2_mean", "r2_std"), "attributes": ("auc", "accuracy", "brier_skill")}
    keys = {f"predict/{view}/{name}" for view in scores for name in scores[view]}  # the other one is all others
    assert set(metrics) == keys | {"predict/r2", "predict/auc", "predict/mean"}
    assert metrics["predict/r2"] == metrics["predict/face/r2"]
    assert metrics["predict/auc"] == metrics["predict/attributes/auc"]
    assert metrics["predict/attributes/auc"] > 0.85
    assert metrics["predict/face/r2"] > 0.1
    shares = metrics["predict/face/r2"], metrics["predict/attributes/brier_skill"]  # of variance, both
    assert metrics["predict/mean"] == pytest.approx(np.mean(shares))


@pytest.fixture
def many(paired: FAVAE, paired_data: Dataset) -> Callable[[int], tuple[FAVAE, Dataset]]:
    """Copies of two views, as if each were another view of the same samples."""

    def make(copies: int) -> tuple[FAVAE, Dataset]:
        names = {f"{name}{i}": name for i in range(copies) for name in paired.views}
        factors = FactorModel({name: paired.joined.views[own] for name, own in names.items()})
        views = {name: paired.views[own] for name, own in names.items()}
        return FAVAE(views, factors), paired_data.seen_as(names)

    return make


def test_of_many_views_only_the_prediction_from_all_others_is_scored(
    many: Callable[[int], tuple[FAVAE, Dataset]],
) -> None:
    for copies, singles in ((2, 12), (3, 0)):
        model, data = many(copies)
        metrics = prediction_metrics(model, data, "test", model.encode(data, data.split["test"]))
        ways = {key.split("/")[1] for key in metrics if key.count("/") == 2}
        assert ways >= set(model.views)
        assert len(ways - set(model.views)) == singles
        if singles:  # a copy tells the whole view, another view only what is shared
            assert metrics["predict/photo1-photo0/r2"] > metrics["predict/sketch0-photo0/r2"] + 0.05


def test_views_that_never_come_together_have_no_score_and_no_figure(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    face, table = data.views["face"], data.views["attributes"]
    even = np.arange(len(data.keys)) % 2 == 0
    apart = {
        "face": replace(face, row=np.where(even, face.row, -1)),
        "attributes": replace(table, row=np.where(even, -1, table.row)),
    }
    data = replace(data, views=apart)
    encoded = planted.encode(data, data.split["test"])
    assert prediction_metrics(planted, data, "test", encoded) == {}
    assert prediction_pictures(planted, data, "test", encoded, 4) == {}


def test_there_is_a_figure_for_every_view(planted: FAVAE, planted_data: MakeData) -> None:
    data = planted_data()
    pictures = prediction_pictures(planted, data, "test", planted.encode(data, data.split["test"]), 4)
    assert set(pictures) == {"prediction_face", "prediction_attributes"}
    bars = pictures["prediction_attributes"].axes[0].patches
    found = score(
        data.views["attributes"],
        *predicted(planted, data, "attributes", ["face"], "test", planted.encode(data, data.split["test"]))[:2],
    )
    assert np.mean([bar.get_width() for bar in bars if isinstance(bar, Rectangle)]) == pytest.approx(found["auc"])


def table(values: np.ndarray, columns: int, groups: tuple[int, ...] = ()) -> ViewData:
    return ViewData(values.astype(np.float32), np.arange(len(values)), tuple(f"v={i}" for i in range(columns)), groups)


def test_of_many_real_columns_the_best_the_middle_and_the_worst_are_scattered() -> None:
    truth = RNG.normal(size=(30, 20))
    truth[:, 0] = 1
    truth[::2, 1] = np.nan
    apart = 0.1 * np.arange(20) * np.nanstd(truth, axis=0)
    made = truth + apart  # the further to the right, the worse
    figure = comparison(Predicted(table(truth, 20), truth, made, np.full_like(truth, 0.1)))
    assert figure is not None
    titles = [axes.get_title(loc="left").partition(":")[0] for axes in figure.axes]
    assert [title[:2] for title in titles] == ["v="] * 12
    places = [int(title[2:]) for title in titles]
    assert set(places[:4]) == {1, 2, 3, 4}
    assert set(places[8:]) == {16, 17, 18, 19}
    assert all(6 <= place <= 14 for place in places[4:8])
    assert figure.get_suptitle() == "the 4 best, 4 middle and 4 worst, 12 of 19 columns"

    points, bars = figure.axes[places.index(1)].collections
    offsets = np.asarray(points.get_offsets())
    assert len(offsets) == 15
    np.testing.assert_allclose(offsets[:, 1] - offsets[:, 0], apart[1])
    ends = np.array([np.asarray(path.vertices)[:, 1] for path in bars.get_paths()])
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 2 * 1.6449 * 0.1)

    few = comparison(Predicted(table(truth[:, :13], 13), truth[:, :13], truth[:, :13], None))
    assert few is not None
    assert few.get_suptitle() == ""
    assert comparison(Predicted(table(truth, 20), truth[:, :1], truth[:, :1], None)) is None


def test_confusions_count_the_most_probable_categories() -> None:
    label, taken = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0])
    truth, made = np.eye(3)[label], np.eye(3)[taken] * 0.5 + 0.1
    figure = comparison(Predicted(table(truth, 3, (3,)), truth, made, None))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "1", "0", "0", "1", "0", "1", "0", "1"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "1", "2"]


def test_categories_come_as_in_the_data_and_numbers_in_their_own_order() -> None:
    """Columns are stored by alphabet: large, medium, small."""
    stored = np.eye(3)[[2, 2, 1, 2, 0, 1]]
    truth, made = stored[[0, 2, 4, 5]], np.eye(3)[[2, 1, 0, 0]]
    view = ViewData(stored.astype(np.float32), np.arange(6), ("size=large", "size=medium", "size=small"), (3,))
    for names, ticks, counts in (
        (view.columns, ["small", "medium", "large"], "100011001"),
        (("year=1", "year=2", "year=10"), ["1", "2", "10"], "100110001"),
    ):
        figure = comparison(Predicted(replace(view, columns=names), truth, made, None))
        assert figure is not None
        assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ticks
        assert "".join(text.get_text() for text in figure.axes[0].texts) == counts


def test_sequences_are_drawn_over_time_and_texts_not_at_all() -> None:
    truth = RNG.normal(size=(20, 6, 2))
    view = ViewData(truth.astype(np.float32), np.arange(20), ("left", "right"))
    figure = comparison(Predicted(view, truth, truth, None))
    assert figure is not None
    assert len(figure.axes) == 12
    assert len(figure.axes[0].lines) == 4
    words = np.array(["a", "b"], dtype=object)
    assert comparison(Predicted(ViewData(words, np.arange(2)), words, words, None)) is None
