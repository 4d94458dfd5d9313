"""The Python interface, on arrays of a few samples."""

from __future__ import annotations

import doctest
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from favae_cli import FAVAE
from favae_cli.api import estimator, fitted
from favae_cli.api.kinds import as_learned, guessed_kind
from favae_cli.api.samples import views_to_fit
from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import Config
from favae_cli.config.trained_run_tasks import validate_use
from favae_cli.data import load
from favae_cli.data.cells import Cells
from favae_cli.data.dates import Dates
from favae_cli.data.masked_tables import masked_view
from favae_cli.data.sets.arrays import as_view
from favae_cli.machine.runtime import prepare
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.tasks.trained_run import use_run
from favae_cli.training.build import build_model
from favae_cli.training.schedule import Training

COUNT = 100
NUMBERS = np.random.default_rng(0).normal(size=(20, 2))
Arrays = dict[str, Any]
SWEEPS = "schedule.sweeps=60"
small = partial(FAVAE, factors=4, epochs=2, rounds=1, round_epochs=1, device="cpu", overrides=[SWEEPS])


@pytest.fixture(scope="session")
def truth() -> Arrays:
    """Two hidden numbers of each sample decide on all views."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(COUNT, 2))
    noise = rng.normal(size=(COUNT, 6))
    numbers = hidden @ rng.normal(size=(2, 4)) * [1, 10, 100, 1] + 0.1 * noise[:, :4] * [1, 10, 100, 1] + [0, 5, 0, 0]
    return {
        "numbers": pd.DataFrame(numbers, columns=["a", "b", "c", "d"]),
        "colour": np.array(["red", "green", "blue"])[np.digitize(hidden[:, 0] + 0.1 * noise[:, 4], [-0.4, 0.4])],
        "bits": np.stack([hidden[:, 1] + 0.1 * noise[:, 5] > 0, hidden[:, 0] > 0.2], axis=1),
    }


@pytest.fixture(scope="session")
def holes(truth: Arrays) -> Arrays:
    """The same with gaps: NaN in a data frame, None in a list, and a mask."""
    rng = np.random.default_rng(1)
    numbers = truth["numbers"].mask(rng.random((COUNT, 4)) < 0.2)
    numbers.iloc[3] = np.nan
    colour = [None if gap else word for word, gap in zip(truth["colour"], rng.random(COUNT) < 0.1, strict=True)]
    return {
        "numbers": numbers,
        "colour": colour,
        "bits": np.ma.array(truth["bits"], mask=rng.random((COUNT, 2)) < 0.1),
    }


@pytest.fixture(scope="session")
def tables(holes: Arrays, tmp_path_factory: pytest.TempPathFactory) -> FAVAE:
    """A model of three tables."""
    return small(directory=tmp_path_factory.mktemp("api") / "run").fit(holes)


@pytest.fixture(scope="session")
def squares() -> Arrays:
    """Bright and dark pictures of 16 x 16 pixels, and which they are; a fifth of the pictures is missing."""
    rng = np.random.default_rng(0)
    bright = rng.random(40) > 0.5
    images = (0.2 + 0.6 * bright[:, None, None] + 0.05 * rng.random((40, 16, 16))).astype(np.float32)
    images[::5] = np.nan
    return {"picture": images, "bright": bright[:, None]}


@pytest.fixture(scope="session")
def pictures(squares: Arrays) -> FAVAE:
    picture = {"latent": 2, "arch": {"channels": [8, 8, 8]}}
    return small({"picture": picture}, overrides=["trainer.batch_size=8", "schedule.sweeps=20"]).fit(squares)


@pytest.mark.slow
@pytest.mark.parametrize("module", [estimator, fitted])
def test_the_examples_of_the_docstrings_are_right(module: Any) -> None:
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 5
    assert not found.failed


def test_kinds_are_guessed_and_columns_named(tables: FAVAE) -> None:
    assert tables.views_ == {"numbers": "real", "colour": "categorical", "bits": "binary"}
    assert tables.columns_["numbers"] == ("a", "b", "c", "d")
    assert tables.columns_["bits"] == ("bits_0", "bits_1")
    assert [names.tolist() for names in tables.categories_["colour"]] == [["blue", "green", "red"]]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros((30, 8, 8), np.uint8), "image"),
        (np.full((30, 8, 8, 3), 0.5), "image"),
        ([None, *np.full((29, 8, 8), 0.5)], "image"),
        (np.full((30, 8, 2), -1.0), "sequence"),
        (np.arange(30), "real"),
        ([1, None, *range(28)], "real"),
        (pd.DataFrame({"a": range(30), "b": [0.5] * 30}), "real"),
        ([True, False, None] * 10, "binary"),
        (pd.Series(["x", "y", "z"] * 10, dtype="category"), "categorical"),
        (pd.DataFrame({"a": ["x", None] * 15, "b": ["y"] * 30}), "categorical"),
        ([f"number {index}" for index in range(30)], "text"),
        (np.array([0.0, 1.0, np.nan] * 10), "binary"),
        (np.eye(3)[[0, 1, 2] * 10], "binary"),
        (["ja", "nein", None] * 10, "binary"),
        ([1, 2, 3, None] * 10, "ordinal"),
        ([1, 2.5, 3, None] * 10, "real"),
        (pd.DataFrame({"pain": [1, 2, 3] * 10, "ward": [4, 5, 6] * 10}), "real"),
        (pd.DataFrame({"ward": [4, 5, 6] * 10}), "categorical"),
        (pd.Series(["mild", "none", "severe"] * 10), "ordinal"),
        (["Rome", "Oslo", "Bern"] * 10 + [f"town {index}" for index in range(20)], "categorical"),
        (pd.date_range("2024-01-01", periods=30), "real"),
    ],
)
def test_a_kind_is_guessed(values: Any, kind: str) -> None:
    assert guessed_kind("view", Cells.of("view", values))[0] == kind


def test_what_words_say_is_taken_in_python_as_in_files() -> None:
    dates = pd.Series(pd.to_datetime(["2024-01-03", None, "2024-01-01"]))
    words = {"pain": ["mild", "none", "severe"], "smoker": ["ja", None, "nein"], "seen": dates}
    repeated = {name: pd.Series(part).iloc[[0, 1, 2] * 4].reset_index(drop=True) for name, part in words.items()}
    views, kinds = views_to_fit(repeated, {})
    assert kinds == {"pain": "ordinal", "smoker": "binary", "seen": "real"}
    assert views["pain"].columns == ("pain=none", "pain=mild", "pain=severe")
    assert views["smoker"].values[:2, 0].tolist() == [1, 0]
    assert np.diff(views["seen"].values[:2, 0]).tolist() == [-2]
    with pytest.raises(UserError, match=r"X\['seen'\]: has dates or times, .* written as texts; give those of pandas"):
        views_to_fit({"seen": ["2024-01-03", "2024-01-01", "2024-01-02"] * 4}, {})


def test_words_for_no_value_are_missing_in_python_as_in_files() -> None:
    words = {
        "smoker": ["yes", "no", "unknown", "yes"],
        "pain": ["low", "medium", "high", "Unknown"],
        "town": ["Rome", "Oslo", "Bern", "n/a"],
    }
    views, kinds = views_to_fit({name: part * 4 for name, part in words.items()}, {})
    assert kinds == {"smoker": "binary", "pain": "ordinal", "town": "categorical"}
    assert views["smoker"].present[:4].tolist() == [True, True, False, True]
    assert views["pain"].columns == ("pain=low", "pain=medium", "pain=high")
    assert views["town"].columns == ("town=Bern", "town=Oslo", "town=Rome")
    for name, part in words.items():  # in new samples, too
        cells = as_learned(Cells.of(name, part), views[name])
        view = as_view(name, cells, kinds[name], views[name])
        np.testing.assert_array_equal(view.present, views[name].present[:4])
    kept = masked_view(np.eye(2), ["town=Rome", "town=unknown"], [2])
    assert not as_learned(Cells.of("town", ["unknown", "Rome"]), kept).missing.any()


def test_dates_are_counted_as_the_files_of_a_run_did() -> None:
    like = masked_view(np.zeros((2, 2)), ["lab", "seen"], written=[np.dtype(float), Dates("%d.%m.%Y", "01.02.2024")])
    dates = pd.Series(pd.to_datetime(["2024-02-03", None]))
    for seen in (dates, pd.Series(["03.02.2024", None])):
        cells = Cells.of("x", pd.DataFrame({"lab": [5.0, 6.0], "seen": seen}))
        values = as_view("x", cells, "real", like).values
        np.testing.assert_array_equal(values, [[5, 2], [6, np.nan]])


def test_each_column_of_a_frame_says_by_itself_how_its_dates_are_given() -> None:
    ways = [Dates("%d.%m.%Y", "01.02.2024"), Dates("%Y-%m-%d", "2024-03-01")]
    like = masked_view(np.zeros((2, 2)), ["seen", "born"], written=ways)
    born = pd.to_datetime(["2024-03-02", "2024-03-04"])
    frame = pd.DataFrame({"born": born, "seen": ["03.02.2024", ""]})
    values = as_view("x", Cells.of("x", frame), "real", like).values
    np.testing.assert_array_equal(values, [[2, 1], [np.nan, 3]])
    with pytest.raises(UserError, match=r"holds 2024-02-03 at \[1, 0\]; use dates written as %d\.%m\.%Y"):
        as_view("x", Cells.of("x", frame.assign(seen=["03.02.2024", "2024-02-03"])), "real", like)


def test_codes_that_may_mean_missing_are_told(caplog: pytest.LogCaptureFixture) -> None:
    lab = np.random.default_rng(0).normal(5, 1, (30, 2))
    lab[::9, 1] = -999
    with caplog.at_level("WARNING"):
        views_to_fit({"lab": lab}, {})
    assert "X['lab']: has values that may mean missing, in columns 1 (-999); give NaN if they do" in caplog.text


def test_any_views_predict_the_others(tables: FAVAE, truth: Arrays) -> None:
    made = tables.predict({"numbers": truth["numbers"]})
    assert set(made) == {"colour", "bits"}
    chosen = tables.categories_["colour"][0][made["colour"].argmax(axis=1)]
    assert np.mean(chosen == truth["colour"]) > 0.7
    np.testing.assert_allclose(made["colour"].sum(axis=1), 1)
    assert np.mean((made["bits"] > 0.5) == truth["bits"]) > 0.85
    assert set(tables.predict({"colour": truth["colour"]}, to="numbers")) == {"numbers"}


def test_gaps_are_filled_in_the_units_of_the_data_and_the_rest_stays(
    tables: FAVAE, holes: Arrays, truth: Arrays
) -> None:
    value, std = tables.predict(holes, return_std=True)
    assert set(value) == {"numbers", "colour", "bits"}
    assert set(std) == {"numbers"}
    gap = holes["numbers"].isna().to_numpy()
    right = truth["numbers"].to_numpy()
    np.testing.assert_allclose(value["numbers"][~gap], right[~gap], rtol=1e-6)
    assert (std["numbers"][~gap] == 0).all()
    assert (std["numbers"][gap] > 0).all()
    error = (value["numbers"] - right) / right.std(axis=0)
    from_mean = (holes["numbers"].mean().to_numpy() - right) / right.std(axis=0)
    assert np.mean(error[gap] ** 2) < 0.4 * np.mean(from_mean[gap] ** 2)
    z = (value["numbers"] - right)[gap] / std["numbers"][gap]
    assert 0.8 < np.mean(np.abs(z) < 1.645) < 1


@pytest.mark.slow
def test_time_stamps_and_coordinates_are_filled_like_any_column_and_what_was_measured_stays_to_the_last_digit() -> None:
    rng = np.random.default_rng(16)
    hidden = rng.normal(size=200)
    scale = np.array([0.4, 30, 3e12, 3e-12, 1.0])
    noise = rng.normal(size=(200, 5)) * 0.05
    truth = [5412345.678, 1.7e9, 0, 0, 0] + scale * (hidden[:, None] + noise)
    columns = ["northing_m", "epoch_s", "huge", "tiny", "plain"]
    table = pd.DataFrame(np.where(rng.random(truth.shape) < 0.15, np.nan, truth), columns=columns)
    filled = FAVAE(factors=3, device="cpu", overrides=["schedule.sweeps=80"]).fit({"x": table}).predict({"x": table})
    missing = table.isna().to_numpy()
    np.testing.assert_array_equal(filled["x"][~missing], truth[~missing])
    error = np.sqrt(np.mean((filled["x"] - truth) ** 2, axis=0, where=missing)) / truth.std(axis=0)
    assert (error < 0.08).all(), error


@pytest.mark.slow
def test_a_binary_column_that_never_varied_is_foretold_as_it_was_beside_others_that_are_learned(truth: Arrays) -> None:
    never = np.column_stack([truth["bits"], np.zeros(COUNT)])
    model = small().fit({"numbers": truth["numbers"], "bits": never})
    found = model.predict({"numbers": truth["numbers"]}, to="bits")["bits"]
    assert (found[:, 2] < 0.1).all()
    assert ((found[:, :2] > 0.5) == truth["bits"]).mean() > 0.85


def test_what_is_complete_is_predicted_only_when_asked(tables: FAVAE, truth: Arrays) -> None:
    assert tables.predict(truth) == {}
    again = tables.predict(truth, to=["numbers"])["numbers"]
    np.testing.assert_allclose(again, truth["numbers"], rtol=1e-6)


def test_columns_go_by_name_and_categories_by_value(tables: FAVAE, truth: Arrays) -> None:
    plain = tables.transform({"numbers": truth["numbers"].to_numpy()})
    np.testing.assert_array_equal(tables.transform({"numbers": truth["numbers"][["d", "b", "a", "c"]]}), plain)
    red = tables.transform({"colour": ["red", None]})
    # In another company, sums are rounded in another order.
    np.testing.assert_allclose(red[0], tables.transform({"colour": ["blue", "red"]})[1], rtol=1e-12)
    np.testing.assert_array_equal(red[1], 0)  # nothing known: the mean of the prior


def test_what_the_factors_are(tables: FAVAE, truth: Arrays) -> None:
    g = tables.transform(truth)
    assert g.shape == (COUNT, tables.n_factors_) == (COUNT, len(tables.uses_))
    assert any(use.startswith("shared numbers") for use in tables.uses_)
    assert set(tables.relevance_) == set(tables.views_)
    assert all(share.shape == (tables.n_factors_,) for share in tables.relevance_.values())


def test_the_score_tells_related_views_from_others(tables: FAVAE, truth: Arrays) -> None:
    mixed = truth | {"numbers": truth["numbers"].iloc[np.random.default_rng(0).permutation(COUNT)]}
    assert tables.score(truth) > 0.7 > tables.score(mixed)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(squares: Arrays, pictures: FAVAE) -> None:
    g = pictures.transform(squares)
    np.testing.assert_array_equal(clone(pictures).fit(squares).transform(squares), g)
    other = clone(pictures).set_params(seed=1).fit(squares).transform(squares)
    assert other.shape != g.shape or not np.allclose(other, g)


@pytest.mark.slow
def test_missing_pictures_are_made_in_the_form_of_the_others(pictures: FAVAE, squares: Arrays) -> None:
    made = pictures.predict(squares)["picture"]
    assert made.shape == (40, 16, 16, 1)
    assert ((made >= 0) & (made <= 1)).all()
    here = ~np.isnan(squares["picture"][:, 0, 0])
    np.testing.assert_allclose(made[here, :, :, 0], squares["picture"][here], atol=1 / 255)
    # However they are said to be missing, and whatever the type.
    bytes_ = [
        None if gap else np.round(255 * image).astype(np.uint8)
        for gap, image in zip(~here, squares["picture"], strict=True)
    ]
    np.testing.assert_array_equal(pictures.predict(squares | {"picture": bytes_})["picture"], made)
    masked = np.ma.array(np.nan_to_num(squares["picture"]), mask=np.isnan(squares["picture"]))
    np.testing.assert_array_equal(pictures.predict(squares | {"picture": masked})["picture"], made)


@pytest.mark.slow
def test_networks_of_every_kind_are_fitted_and_predict() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(60, 1))
    walk = np.cumsum(hidden[:, :, None] + 0.1 * rng.normal(size=(60, 6, 2)), axis=1)
    walk[::2, 4:] = np.nan
    X = {
        "visits": rng.poisson(np.exp(1 + hidden + np.zeros((60, 3)))),
        "walk": walk,
        "remark": np.where(hidden[:, 0] > 0, "so good and new", "bad and very old").astype(object),
        "spectrum": (hidden + 0.1 * rng.normal(size=(60, 5))).astype(np.float32),
    }
    views: dict[str, str | dict[str, Any]] = {
        "visits": "counts",
        "spectrum": {"type": "vector", "latent": 3, "arch": "mlp_small"},
        "remark": "text",
    }
    model = small(views, latent=2).fit(X)
    assert model.views_ == {"visits": "counts", "walk": "sequence", "remark": "text", "spectrum": "vector"}
    assert model._model.views["spectrum"].size == 3
    assert model._model.views["visits"].size == 2
    value, std = model.predict({"spectrum": X["spectrum"][:7]}, return_std=True)
    assert {name: made.shape for name, made in value.items()} == {"visits": (7, 3), "walk": (7, 6, 2), "remark": (7,)}
    assert set(std) == {"visits", "walk"}
    assert (value["visits"] >= 0).all()
    assert all(isinstance(text, str) for text in value["remark"])
    short = model.predict({"walk": walk[:4, :3]}, to="spectrum")["spectrum"]  # sequences that are shorter than any
    assert np.isfinite(short).all()


def test_a_run_is_saved_and_loaded(tables: FAVAE, holes: Arrays, tmp_path: Path) -> None:
    tables.save(tmp_path / "kept")
    again = FAVAE.load(tmp_path / "kept", device="cpu")
    assert again.views_ == tables.views_
    np.testing.assert_array_equal(again.transform(holes), tables.transform(holes))
    with pytest.raises(UserError, match=r"folder: .*kept is not empty; a run is written to a new folder"):
        tables.save(tmp_path / "kept")
    with pytest.raises(UserError, match=r"directory: .* is not empty"):
        clone(tables).fit(holes)


@pytest.mark.slow
def test_a_run_of_a_task_is_loaded(config_of: Callable[..., Config], tmp_path: Path) -> None:
    views = "+view@views.numbers=real", "+view@views.categories=categorical", "views.categories.weight=1.0"
    iris = "data=bundled", "data.set=iris", *views
    config = config_of("~experiment", "task=train", *iris, "model.factors=3", SWEEPS, "trainer.device=cpu")
    data, runtime = load(config.data, config.cache, config.seed), prepare(config.trainer)
    training = Training(build_model(config, data, runtime), data, config, tmp_path)
    training.run(StopRequest())
    training.log.close()
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create(config.model_dump(mode="json", by_alias=True)), tmp_path / ".hydra" / "config.yaml")

    model, flowers = FAVAE.load(tmp_path, device="cpu"), load_iris(as_frame=True)
    assert model.views_ == {"numbers": "real", "categories": "categorical"}
    assert model.categories_["categories"][0].tolist() == flowers.target_names.tolist()
    found = model.predict({"numbers": flowers.data})["categories"].argmax(axis=1)
    assert np.mean(found == flowers.target) > 0.75


@pytest.mark.slow
def test_a_copy_outlives_the_folder_but_cannot_be_saved(tmp_path: Path) -> None:
    model = small().fit({"a": NUMBERS})
    g, copied = model.transform({"a": NUMBERS}), pickle.loads(pickle.dumps(model))
    del model
    np.testing.assert_array_equal(copied.transform({"a": NUMBERS}), g)
    with pytest.raises(UserError, match=r"folder: .* is gone, with the estimator that this is a copy of"):
        copied.save(tmp_path / "kept")


def test_tasks_that_need_the_data_say_that_they_are_not_kept(tables: FAVAE, tmp_path: Path) -> None:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        config = validate_use(compose("use", ["task=impute", f"run={tables.run_}", "trainer.device=cpu"]))
    with pytest.raises(UserError, match="data: this run was fitted on arrays in memory; name others, as data=manifest"):
        use_run(config, tmp_path)


def test_what_may_be_wrong_with_a_fit_is_said_and_kept(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    hasty = FAVAE(factors=2, device="cpu", directory=tmp_path / "run", overrides=["schedule.sweeps=2"])
    (line,) = hasty.fit({"a": NUMBERS}).health_
    assert "the factors were still moving after 2 sweeps" in line
    assert f"health: {line}" in caplog.text
    assert len(json.loads((tmp_path / "run" / "health.json").read_text())) == 1


def test_a_temporary_run_goes_with_its_estimator() -> None:
    model = small().fit({"a": NUMBERS})
    folder = model.run_
    assert folder.is_dir()
    del model
    assert not folder.exists()


def test_an_estimator_that_is_not_fitted_says_so(truth: Arrays) -> None:
    assert not hasattr(FAVAE(), "factors_")
    for ask in (FAVAE().transform, FAVAE().predict, FAVAE().score):
        with pytest.raises(NotFittedError):
            ask(truth)


def test_the_program_starts_without_torch() -> None:
    code = "import sys, favae_cli; assert 'torch' not in sys.modules and not hasattr(favae_cli, 'FAVEA')"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("parameters", "X", "told"),
    [
        ({}, NUMBERS, r"X: must be a dict of views .* got ndarray"),
        ({}, {}, "X: must be a dict of views"),
        ({}, {"a": NUMBERS, "b": NUMBERS[:9]}, "same number of samples, but a has 20, b has 9"),
        ({}, {"a": NUMBERS[:2]}, "X: has 2 samples; it takes at least 3"),
        ({}, {"a": NUMBERS[:0]}, "X: has no samples"),
        (
            {"views": {"a": {"type": "vector", "likelihood": "bernoulli"}}},
            {"a": 9 + NUMBERS, "b": NUMBERS},
            r"views\.a\.likelihood: bernoulli takes values from 0 to 1, not [0-9.]+; use gaussian",
        ),
        ({}, {"a": 3.5}, r"X\['a'\]: float has no samples"),
        ({}, {"my view": NUMBERS}, "views.my view: must be made of letters"),
        (
            {},
            {"a": np.where(NUMBERS[4, 1] == NUMBERS, np.inf, NUMBERS)},
            r"X\['a'\]: holds inf at \[4, 1\]; use finite",
        ),
        ({}, {"a": [["x", 1.0]] * 20}, r"X\['a'\]: holds float and str; make a view of each"),
        ({}, {"a": [np.zeros((8, 8)), np.zeros((9, 8))] * 10}, r"shapes such as \(8, 8\) and \(9, 8\)"),
        ({}, {"a": np.where(np.arange(20)[:, None] == 7, np.nan, NUMBERS)}, "X: sample 7 has none of the views a"),
        ({}, {"a": np.zeros((20, 8, 8), np.uint8)}, "X: one view with a network"),
        ({}, {"a": [*NUMBERS[:10], *[None] * 10], "b": [*[None] * 10, *NUMBERS[10:]]}, "hardly a sample has two of"),
        ({"views": {"b": "real"}}, {"a": NUMBERS}, "views: X has no view 'b'; there are a"),
        ({"views": {"a": "reel"}}, {"a": NUMBERS}, r"views\['a'\]: no type 'reel'; did you mean real\?"),
        ({"views": ["a"]}, {"a": NUMBERS}, r"views: must be a dict such as {'face': 'image'}, got \['a'\]"),
        ({"views": {"a": {"latnt": 3, "type": "vector"}}}, {"a": NUMBERS}, "views.a.latnt: unknown key; .*latent"),
        ({"views": {"a": "binary"}}, {"a": NUMBERS}, r"X\['a'\]: holds .* at \[0, 0\]; use 0 and 1"),
        ({"views": {"a": "counts"}}, {"a": NUMBERS}, r"use whole numbers from 0"),
        ({"views": {"a": "real"}}, {"a": ["one"] * 20}, r"X\['a'\]: holds something that is no number"),
        ({"views": {"a": "text"}}, {"a": NUMBERS}, r"X\['a'\]: has shape \(20, 2\); it must be \(N,\)"),
        ({"views": {"a": "text"}}, {"a": ["one", 2] * 10}, r"X\['a'\]: holds 2 at \[1\]; use texts"),
        ({"views": {"a": "image"}}, {"a": NUMBERS}, r"X\['a'\]: has shape \(20, 2\); it must be \(N, H, W\)"),
        ({"views": {"a": "image"}}, {"a": np.full((20, 8, 8), 7.0)}, "use uint8 images, 0 to 255, or float ones"),
        ({"views": {"a": "image"}}, {"a": np.full((20, 8, 8), 7)}, "holds int64; images are uint8"),
        ({"views": {"a": "real"}}, {"a": np.ones((20, 2))}, r"X\['a'\]: constant over the 18 training samples"),
        ({"factors": 0}, {"a": NUMBERS}, "model.factors: must be greater than or equal to 1, got 0"),
        ({"beta": "much"}, {"a": NUMBERS}, "model.beta: must be a valid number, got"),
        ({"device": "tpu"}, {"a": NUMBERS}, "trainer.device: must be auto, cpu, cuda or cuda:N, got tpu"),
        ({"overrides": ["model=modle"]}, {"a": NUMBERS}, "model=modle: no such option"),
    ],
)
def test_a_mistake_is_a_line(parameters: Arrays, X: Any, told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        FAVAE(**parameters).fit(X)
    assert "\n" not in str(error.value)


def test_pixels_that_are_missing_in_part_are_refused(squares: Arrays) -> None:
    images = squares["picture"].copy()
    images[3, 2, 1] = np.nan
    with pytest.raises(UserError, match=r"X\['picture'\]: pixels of sample 3 are missing"):
        small().fit(squares | {"picture": images})


def test_samples_unlike_those_of_the_model_are_refused(tables: FAVAE, pictures: FAVAE, truth: Arrays) -> None:
    for model, X, told in (
        (tables, {"number": truth["numbers"]}, r"X: the model has no view 'number'; did you mean numbers\?"),
        (tables, {"numbers": np.zeros((5, 3))}, r"has 3 columns; the model was fitted on 4 \(a, b, c, d\)"),
        (tables, {"numbers": pd.DataFrame({"a": [1.0], "x": [2.0]})}, "has columns a, x; the model was fitted on a, b"),
        (tables, {"colour": ["red", "pink"]}, r"column colour has 'pink', which the run has not seen; it knows"),
        (pictures, {"picture": np.zeros((2, 8, 8))}, r"sample has shape \(8, 8, 1\); the model was .* \(16, 16, 1\)"),
    ):
        with pytest.raises(UserError, match=told):
            model.transform(X)
    with pytest.raises(UserError, match="to: the model has no view 'bit'; did you mean bits"):
        tables.predict(truth, to=["bit"])
    with pytest.raises(UserError, match="X: there is nothing to judge by"):
        tables.score({"numbers": truth["numbers"]})
    with pytest.raises(UserError, match="run: there is no folder"):
        FAVAE.load("/nowhere")


@pytest.mark.slow
def test_levels_of_pandas_are_foretold_and_filled_in_their_order() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((200, 1))
    numbers = hidden @ np.array([[1.0, -1.0, 0.5]]) + 0.2 * rng.standard_normal((200, 3))
    order = ["none", "mild", "severe"]
    words = np.array(order)[np.digitize(hidden[:, 0] + 0.2 * rng.standard_normal(200), [-0.5, 0.5])]
    pain = pd.Series(pd.Categorical(words, categories=order, ordered=True)).where(np.arange(200) % 10 > 0)
    model = FAVAE(factors=3, device="cpu", overrides=[SWEEPS]).fit({"numbers": numbers, "pain": pain})
    assert model.views_["pain"] == "ordinal"
    assert [list(part) for part in model.categories_["pain"]] == [order]
    p = model.predict({"numbers": numbers}, to="pain")["pain"]
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert np.mean(np.array(order)[p.argmax(axis=1)] == words) > 0.75
    assert np.corrcoef(p @ np.arange(3), hidden[:, 0])[0, 1] > 0.9
    ours = np.where(words == "none", "no pain", words)
    with pytest.raises(UserError, match=r"X\['pain'\]: 'mild' is no number.*ordered Categoricals"):
        FAVAE(views={"pain": "ordinal"}, device="cpu").fit({"numbers": numbers, "pain": ours})
