"""Factor cards of planted models: what a factor goes with, who has most of it, and how each kind of view is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.stats import pearsonr
from torch import nn

from favae_cli.data import Dataset, ViewData
from favae_cli.evaluation.cards import (
    Card,
    card_picture,
    card_pictures,
    card_record,
    correlations,
    factor_cards,
    panels_of,
)
from favae_cli.factors import FactorModel, ViewFactors
from favae_cli.factors.categorical import contrasts
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.factor_reading import Reading
from favae_cli.views import BernoulliView, CategoricalView, Encoded, RealView, View

Known = Callable[[np.ndarray, np.ndarray, float], ViewFactors]
COUNT, SIDE, STEPS = 120, 8, 12
WORDS = ("cold", "mild", "hot")


class Drawn:
    """A view without noise: what z decodes to, and z read back from it."""

    trainable = False

    def __init__(
        self, size: int, decode: Callable[[np.ndarray], np.ndarray], read: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.size, self.read, self.function = size, read, decode
        self.networks = nn.ModuleDict()

    def fit(self, values: np.ndarray) -> None:
        pass

    def encode(self, values: np.ndarray) -> Encoded:
        return Encoded(self.read(values).astype(np.float32), None)

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        return self.function(mean)

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        return None


def image(z: np.ndarray) -> np.ndarray:
    """z brightens the left and the right half."""
    halves = np.repeat(np.clip(0.5 + 0.15 * z, 0, 1), SIDE // 2, axis=1)
    return np.tile(halves[:, None, :, None], (1, SIDE, 1, 1)).astype(np.float32)


def wave(z: np.ndarray) -> np.ndarray:
    """The first z is the height of a wave in the second channel; the last step is missing."""
    made = np.zeros((len(z), STEPS, 2))
    made[:, :, 0] = 50.0
    made[:, :, 1] = z[:, :1] * np.sin(np.arange(STEPS))
    made[:, -1] = np.nan
    return made


def word(z: np.ndarray) -> np.ndarray:
    return np.array([f"it is {WORDS[int(np.digitize(value, (-0.7, 0.7)))]}" for value in z[:, 0]], object)


@pytest.fixture
def everything(known_factors: Known) -> tuple[FAVAE, Dataset]:
    """A view of every kind: factor 0 is in all of them, factor 1 in the images alone, factor 2 nowhere."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((COUNT, 3))

    def first(*weights: float) -> np.ndarray:
        return np.column_stack([weights, np.zeros((len(weights), 2))])

    loadings = {
        "photo": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "vitals": first(0.9, -0.9, 0.0),
        "signs": first(3.0, 0.0),
        "ward": first(-2.0, 0.0, 2.0),
        "pulse": first(1.0, 0.0),
        "note": first(1.0),
    }
    z = {
        name: latent @ weights.T + 0.05 * rng.standard_normal((COUNT, len(weights)))
        for name, weights in loadings.items()
    }
    stored = {
        "photo": np.round(255 * image(z["photo"])).astype(np.uint8),
        "vitals": (z["vitals"] * [3.0, 40.0, 1.0] + [37.0, 900.0, 5.0]).astype(np.float32),
        "signs": (rng.random((COUNT, 2)) < 1 / (1 + np.exp(-z["signs"]))).astype(np.float32),
        "ward": np.eye(3, dtype=np.float32)[z["ward"].argmax(axis=1)],
        "pulse": wave(z["pulse"]).astype(np.float32),
        "note": word(z["note"]),
    }
    columns = {
        "vitals": ("temperature", "pressure", "shoe size"),
        "signs": ("fever", "limp"),
        "ward": ("ward=north", "ward=middle", "ward=south"),
        "pulse": ("offset", "beat"),
    }
    rows = np.arange(COUNT)
    data = {name: ViewData(values, rows, columns.get(name, ())) for name, values in stored.items()}
    data["signs"] = ViewData(stored["signs"], rows, columns["signs"], kind="binary")
    data["ward"] = ViewData(stored["ward"], rows, columns["ward"], (3,))
    data["photo"] = ViewData(stored["photo"], np.where(rows % 7, rows, -1))
    stored["vitals"][::5, 0] = np.nan
    real = RealView(3)
    real.fit(stored["vitals"])
    views: dict[str, View] = {
        "photo": Drawn(2, image, lambda x: (x[:, 0, [0, -1], 0] / 255 - 0.5) / 0.15),
        "vitals": real,
        "signs": BernoulliView(2),
        "ward": CategoricalView((3,)),
        "pulse": Drawn(2, wave, lambda x: np.column_stack([x[:, 1, 1] / np.sin(1), 0 * x[:, 1, 1]])),
        "note": Drawn(1, word, lambda x: np.array([[WORDS.index(text.split()[-1]) - 1.0] for text in x])),
    }
    inferred = loadings | {"ward": contrasts(3).T @ loadings["ward"]}
    model = FactorModel(
        {
            name: replace(known_factors(w, np.zeros(len(w)), 4.0), variance=(w**2).sum(axis=1) + 0.25)
            for name, w in inferred.items()
        }
    )
    keys = np.array([f"patient {row:03d}" for row in rows])
    return FAVAE(views, model), Dataset("ward", keys, data, {"test": rows, "none": rows[:0]})


def cards_of(everything: tuple[FAVAE, Dataset], count: int = 2) -> list[Card]:
    model, data = everything
    return factor_cards(Reading.of(model, data, "test"), count, 2.0, 5)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def picture_in(axes: Axes) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def test_correlations_are_pearsons_over_what_is_known() -> None:
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((50, 2)) + np.array([3.0, 0.0])
    table = 100 + latent @ rng.standard_normal((2, 4)) + rng.standard_normal((50, 4))
    table[:, 3] = 0.1  # its mean comes out as 0.1 only nearly
    table[rng.random(table.shape) < 0.3] = np.nan
    found = correlations(table, latent)
    for column in range(3):
        seen = ~np.isnan(table[:, column])
        expected = [pearsonr(table[seen, column], g[seen]).statistic for g in latent.T]
        np.testing.assert_allclose(found[column], expected, rtol=1e-9)
    assert np.isnan(found[3]).all()


def test_cards_come_by_relevance_and_none_of_an_unused_factor(everything: tuple[FAVAE, Dataset]) -> None:
    cards = cards_of(everything, 9)
    assert [card.factor for card in cards] == [0, 1]
    assert cards[0].use == "shared photo, vitals, signs, ward, pulse, note"
    assert cards[1].use == "private photo"
    assert [card.factor for card in cards_of(everything, 1)] == [0]


def test_a_factor_goes_with_the_columns_that_follow_it_and_with_no_others(everything: tuple[FAVAE, Dataset]) -> None:
    first, second = cards_of(everything)
    named = {companion.column: companion for companion in first.companions}
    assert {"temperature", "pressure", "fever", "ward=north", "ward=south"} <= set(named)
    assert {"limp", "shoe size"}.isdisjoint(named)
    strength = [abs(companion.correlation) for companion in first.companions]
    assert strength == sorted(strength, reverse=True)
    assert named["temperature"].correlation > 0.8 > -0.8 > named["pressure"].correlation
    assert named["temperature"].samples == COUNT * 4 // 5
    assert not {companion.column for companion in second.companions} & {"temperature", "pressure", "fever"}


def test_the_samples_at_its_ends_are_those_that_have_most_and_least(everything: tuple[FAVAE, Dataset]) -> None:
    model, data = everything
    card = cards_of(everything)[0]
    temperature = observed_table(data, "vitals", np.arange(COUNT))[:, 1]
    assert np.nanmax(temperature[card.highest]) < np.nanmin(temperature[card.lowest])  # pressure falls with it
    scores = Reading.of(model, data, "test").latent[:, 0]
    np.testing.assert_array_equal(card.highest, np.argsort(-scores)[:6])
    np.testing.assert_array_equal(card.lowest, np.argsort(scores)[:6])
    assert card.scores[int(card.highest[0])] == scores.max()


def test_every_view_that_uses_it_is_decoded_along_the_factor_from_the_middle(everything: tuple[FAVAE, Dataset]) -> None:
    model, _ = everything
    card, own = cards_of(everything)
    np.testing.assert_allclose(card.at, [-2, -1, 0, 1, 2])
    assert set(card.decoded) == set(model.views)
    assert set(own.decoded) == {"photo"}
    np.testing.assert_allclose(card.decoded["photo"][:, 0, 0, 0], 0.5 + 0.15 * card.at, rtol=1e-6)
    np.testing.assert_allclose(card.decoded["photo"][:, 0, -1, 0], 0.5)  # the other half has a factor of its own
    temperature, pressure, shoe = np.diff(card.decoded["vitals"][[0, -1]], axis=0)[0]
    assert temperature > shoe == 0 > pressure
    np.testing.assert_allclose(card.decoded["signs"][:, 0], 1 / (1 + np.exp(-3 * card.at)), rtol=1e-6)
    assert card.decoded["note"].tolist() == ["it is cold", "it is cold", "it is mild", "it is hot", "it is hot"]


def test_the_record_holds_what_changes_most_and_is_json(everything: tuple[FAVAE, Dataset]) -> None:
    _, data = everything
    record = json.loads(json.dumps(card_record(cards_of(everything)[0], data, panels_of(data)), allow_nan=False))
    assert record["changes"]["note"] == [{"low": "it is cold", "high": "it is hot"}]
    assert [change["column"] for change in record["changes"]["vitals"]][2] == "shoe size"
    fever = record["changes"]["signs"][0]
    assert fever["column"] == "fever"
    assert fever["low"] < 0.01 < 0.99 < fever["high"]
    assert "photo" not in record["changes"]
    assert record["highest"][0]["key"].startswith("patient ")
    assert record["highest"][0]["score"] > 1
    assert record["relevance"]["photo"] > 0.3


def test_the_picture_shows_every_view_in_its_own_way(everything: tuple[FAVAE, Dataset]) -> None:
    model, data = everything
    pictures = card_pictures(Reading.of(model, data, "test"), 2, 2.0, 5)
    assert list(pictures) == ["factor_000", "factor_001"]
    assert card_pictures(Reading.of(model, data, "test"), 0, 2.0, 5) == {}
    assert [axes.get_title(loc="left").split(":")[0] for axes in pictures["factor_001"].axes[:2]] == [
        "photo",
        "goes with",
    ]
    figure = pictures["factor_000"]
    panels = dict(zip(model.views, figure.axes, strict=False))
    assert all(axes.get_title(loc="left").startswith(f"{name}: ") for name, axes in panels.items())
    said = texts(figure)
    assert {"it is cold", "it is hot"} <= set(said)
    assert (
        panels["vitals"].get_xlabel() == "standard deviations from the mean; orange rises with the factor, blue falls"
    )
    assert (
        panels["signs"].get_xlabel()
        == panels["ward"].get_xlabel()
        == "probability; orange rises with the factor, blue falls"
    )
    assert {label.get_text() for label in panels["vitals"].get_yticklabels()[:2]} == {"temperature", "pressure"}
    assert panels["pulse"].get_ylabel() == "beat"
    assert len(panels["pulse"].lines) == 5
    assert "-2" in {label.get_text() for label in panels["photo"].get_xticklabels()}
    drawn = picture_in(panels["photo"])
    assert (np.diff(np.unique(drawn[0, :, 0])) > 30).all()  # five shades, the constant half's grey and white between
    assert drawn[0, 0, 0] == 51  # the darkest to the left


def test_without_images_the_samples_are_named_and_a_view_without_samples_is_left_out(
    everything: tuple[FAVAE, Dataset],
) -> None:
    model, data = everything
    gone = {"photo": ViewData(data.views["photo"].values, np.full(COUNT, -1))}
    bare = Dataset("bare", data.keys, data.views | gone, data.split)
    card = cards_of((model, bare))[0]
    panels = panels_of(bare)
    assert set(panels) == set(model.views) - {"photo"}
    said = "\n".join(texts(card_picture(card, bare, panels)))
    assert all(str(bare.keys[index]) in said for index in (*card.highest, *card.lowest))


def test_an_image_that_is_missing_leaves_its_place_blank(everything: tuple[FAVAE, Dataset]) -> None:
    _, data = everything
    lacking = np.flatnonzero(~data.views["photo"].present)[:6]
    card = replace(cards_of(everything)[0], highest=lacking, scores=dict.fromkeys(range(COUNT), 0.0))
    figure = card_picture(card, data, panels_of(data))
    highest, lowest = (next(a for a in figure.axes if a.get_title(loc="left") == end) for end in ("highest", "lowest"))
    assert (picture_in(highest) == 255).all()
    assert (picture_in(lowest) < 128).any()
    assert [label.get_text() for label in highest.get_xticklabels()] == [f"patient {row:03d}" for row in lacking]
