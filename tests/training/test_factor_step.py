"""Between the epochs: the common scale, the factors, and the prior means expected of each view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from favae_cli.config.models import FactorModelConfig
from favae_cli.config.run import Config
from favae_cli.data import Dataset
from favae_cli.factors import FactorModel, Moments
from favae_cli.machine.world import ALONE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training import encodings as encodings_module
from favae_cli.training import factor_step
from favae_cli.training import priors as training_priors
from favae_cli.training.encodings import Encodings, Tables, encode
from favae_cli.training.epoch_state import Prior
from favae_cli.training.factor_step import FactorStep, join, rescale
from favae_cli.training.priors import expected_priors, write_prior_means
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views import Encoded

MakeModel = Callable[..., FAVAE]
MakeTrainer = Callable[..., VaeTrainer]
TinyConfig = Callable[..., Config]

IMAGES = ("face", "cartoon")


def model_section(config: Config) -> FactorModelConfig:
    assert isinstance(config.model, FactorModelConfig)
    return config.model


def encoded_at_random(model: FAVAE, data: Dataset, indices: np.ndarray, seed: int = 0) -> dict[str, Encoded]:
    rng, encoded = np.random.default_rng(seed), {}
    for name in model.trainable:
        mean = rng.standard_normal((len(indices), model.views[name].size)).astype(np.float32)
        mean[~data.views[name].present[indices]] = np.nan
        encoded[name] = Encoded(mean, np.where(np.isnan(mean), np.nan, rng.random(mean.shape)).astype(np.float32))
    return encoded


def as_encodings(model: FAVAE, data: Dataset, split: str, encoded: dict[str, Encoded]) -> Encodings:
    moments = model.embeddings(data, data.split[split], encoded).moments()
    return Encodings({name: part.mean for name, part in encoded.items()}, {}, slice(None), moments)


def assert_same(found: Moments, expected: Moments) -> None:
    assert found.patterns.keys() == expected.patterns.keys()
    for pattern, part in expected.patterns.items():
        for field in ("count", "total", "variance"):
            one, other = getattr(found.patterns[pattern], field), getattr(part, field)
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
        one, other = found.patterns[pattern].outer.dense(), part.outer.dense()
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
        assert found.patterns[pattern].entropy == pytest.approx(part.entropy, rel=1e-3)


# A common scale


@pytest.fixture
def trained(model: FAVAE, both: Dataset, make_trainer: MakeTrainer) -> dict[str, VaeTrainer]:
    """Trainers of networks whose embeddings have scales of their own."""
    settings, trainers = make_trainer().settings, {}
    for name, scale in zip(IMAGES, (3.0, 0.2), strict=True):
        view = model.trainable[name]
        view.scale_embedding(scale)
        trainers[name] = VaeTrainer(name, view, both.views[name], both.having("train", name), settings, 0)
    return trainers


def scaler(trainers: dict[str, VaeTrainer]) -> Callable[[str, torch.Tensor | float], None]:
    return lambda name, scale: trainers[name].scale_embedding(name, scale)


def test_every_embedding_gets_unit_average_variance_and_decodes_to_the_same_images(
    model: FAVAE, both: Dataset, trained: dict[str, VaeTrainer], tmp_path: Path
) -> None:
    splits = ("train", "validation", "test")
    tables = Tables(tmp_path, ALONE)
    encodings = {split: encode(model, both, both.split[split], IMAGES, {}, tables, split) for split in splits}
    encoded = {split: part.encoded for split, part in encodings.items()}
    seen = {name: ~np.isnan(encoded["test"][name].mean[:, 0]) for name in IMAGES}
    decoded = {name: model.views[name].decode(encoded["test"][name].mean[seen[name]]) for name in IMAGES}
    encodings = rescale(IMAGES, scaler(trained), encodings, ALONE)
    for name in IMAGES:
        mean = encoded["train"][name].mean
        count, _, _, variance = encodings["train"].moments.of_view(name)
        assert np.nanvar(mean, axis=0).mean() + variance.mean() / count == pytest.approx(1, rel=1e-4)
        assert np.isnan(mean[:, 0]).tolist() == (~both.views[name].present[both.split["train"]]).tolist()
        again = model.views[name].decode(encoded["test"][name].mean[seen[name]])
        np.testing.assert_allclose(again, decoded[name], atol=1e-5)
    # What was encoded before is what the networks now make, in every split.
    for split in splits:
        now = model.encode(both, both.split[split])
        for name, part in now.items():
            np.testing.assert_allclose(encoded[split][name].mean, part.mean, rtol=1e-3, atol=1e-5)
        assert_same(encodings[split].moments, model.embeddings(both, both.split[split], now).moments())


def test_the_scale_is_that_of_the_training_samples(model: FAVAE, both: Dataset, trained: dict[str, VaeTrainer]) -> None:
    scaled = []
    for seed in (8, 9):
        encodings = {
            "train": as_encodings(model, both, "train", encoded_at_random(model, both, both.split["train"])),
            "test": as_encodings(model, both, "test", encoded_at_random(model, both, both.split["test"], seed)),
        }
        scaled.append(rescale(IMAGES, scaler(trained), encodings, ALONE)["train"].tables)
    for name in IMAGES:
        assert np.array_equal(scaled[0][name], scaled[1][name], equal_nan=True)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_a_split_is_encoded_in_chunks_to_the_same_tables_and_moments(
    model: FAVAE, both: Dataset, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings_module, "CHUNK", chunk)
    monkeypatch.setattr(encodings_module, "LARGEST", 100)  # so tables are files
    indices = both.split["train"]
    tables = Tables(tmp_path / "tables", ALONE)
    found = encode(model, both, indices, IMAGES, {}, tables, "train")
    whole = model.encode(both, indices)
    for name in IMAGES:
        assert isinstance(found.tables[name], np.memmap)
        np.testing.assert_allclose(found.tables[name], whole[name].mean, rtol=1e-5, atol=1e-6)
    assert_same(found.moments, model.embeddings(both, indices, whole).moments())
    tables.clear()
    assert not (tmp_path / "tables").exists()
    np.testing.assert_allclose(found.tables[name], whole[name].mean, rtol=1e-5, atol=1e-6)


def test_prior_means_can_take_the_place_of_the_encodings_they_come_from(
    model: FAVAE, both: Dataset, tiny_config: TinyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    indices = both.split["train"]
    encoded = encoded_at_random(model, both, indices)
    expected = expected_priors(model, both, model_section(tiny_config()), "train", encoded, 1)
    monkeypatch.setattr(training_priors, "CHUNK", 5)
    tables = {name: encoded[name].mean for name in IMAGES}
    seen = {name: Encoded(mean, None) for name, mean in tables.items()}
    write_prior_means(model, both, model_section(tiny_config()), indices, seen, tables)
    for name, prior in expected.items():
        assert prior.mean is not None
        np.testing.assert_allclose(tables[name][: len(prior.mean)], prior.mean, atol=1e-5)  # both settled to 1e-6


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_variance_of_a_prior_is_that_of_z_given_the_other_views(
    split: str, model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    """Of the joint Gaussian, conditioned for each sample on the views that it has."""
    parts, indices = model.joined.views, both.split[split]
    places = dict(zip(parts, np.split(np.arange(8), [3, 6]), strict=True))
    weights = np.concatenate([part.weights for part in parts.values()])
    noise = np.concatenate([np.full(part.size, 1 / part.tau) for part in parts.values()])
    covariance = weights @ weights.T + np.diag(noise)
    encoded = encoded_at_random(model, both, indices)
    priors = expected_priors(model, both, model_section(tiny_config()), split, encoded, 1)
    for name in IMAGES:
        having = both.having(split, name)
        precision = priors[name].precisions(np.arange(len(having)), torch.device("cpu")).numpy()
        for i, sample in enumerate(having):
            given = [other for other in parts if other != name and both.views[other].present[sample]]
            seen, own = np.concatenate([np.zeros(0, int), *(places[other] for other in given)]), places[name]
            cross = covariance[np.ix_(own, seen)]
            left = covariance[np.ix_(own, own)] - cross @ np.linalg.solve(covariance[np.ix_(seen, seen)], cross.T)
            np.testing.assert_allclose(1 / precision[i], np.diag(left), rtol=1e-4)


def test_as_published_the_variance_of_a_prior_is_that_of_the_noise(
    model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    encoded = encoded_at_random(model, both, both.split["train"])
    for overrides in (["model.gamma=0"], ["model.prior=posterior"]):
        priors = expected_priors(model, both, model_section(tiny_config(*overrides)), "train", encoded, 1)
        for name, prior in priors.items():
            assert prior.precisions(np.arange(3), torch.device("cpu")).item() == model.joined.views[name].tau


# The factors


def test_views_are_joined_by_the_schedule_and_as_so_many_copies(
    make_model: MakeModel, data: Dataset, tiny_config: TinyConfig
) -> None:
    model = make_model()
    config = tiny_config("schedule.prune=false", "model.factors=4")
    schedule = config.schedule.model_copy(update={"sweeps": 4})
    encodings = as_encodings(model, data, "train", model.encode(data, data.split["train"]))
    join(model, data, model_section(config), {"face": 1.0, "attributes": 7.0}, schedule, 0, encodings)
    assert len(model.joined.bound) == 4
    assert model.joined.factors == 4
    assert {name: view.copies for name, view in model.joined.views.items()} == {"face": 1.0, "attributes": 7.0}


# The expected prior means


@pytest.mark.parametrize(("prior", "name"), [(p, n) for p in ("predictive", "posterior") for n in IMAGES])
def test_only_with_posterior_does_a_view_look_at_itself(
    prior: str, name: str, model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    indices, settings = both.split["train"], model_section(tiny_config(f"model.prior={prior}"))
    encoded, changed = (encoded_at_random(model, both, indices, seed) for seed in (0, 1))
    (other,) = set(IMAGES) - {name}

    def mean(parts: dict[str, Encoded]) -> np.ndarray:
        found = expected_priors(model, both, settings, "train", parts, 1)[name].mean
        assert found is not None
        return found

    before = mean(encoded)
    with_others_changed = mean({**encoded, other: changed[other]})
    there = both.views[other].present[both.having("train", name)]
    assert (np.abs(with_others_changed - before).max(axis=1) > 1e-3).tolist() == there.tolist()
    with_itself_changed = mean({**encoded, name: changed[name]})
    if prior == "predictive":
        assert np.array_equal(with_itself_changed, before)
    else:
        assert (np.abs(with_itself_changed - before).max(axis=1) > 1e-3).all()


@pytest.mark.parametrize("prior", ["predictive", "posterior"])
def test_the_prior_is_the_conditional_mean_of_the_joint_gaussian(
    prior: str, model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    """Against dense linear algebra on the joint Gaussian of both z; the noise of z is left out."""
    model = FAVAE({name: model.views[name] for name in IMAGES}, FactorModel({n: model.joined.views[n] for n in IMAGES}))
    encoded = encoded_at_random(model, both, both.split["test"])
    priors = expected_priors(model, both, model_section(tiny_config(f"model.prior={prior}")), "test", encoded, 1)
    parts = model.joined.views
    weights = np.concatenate([part.weights for part in parts.values()])
    bias = np.concatenate([part.bias for part in parts.values()])
    signal = weights @ weights.T
    covariance = signal + np.diag(np.concatenate([np.full(part.size, 1 / part.tau) for part in parts.values()]))
    stacked = np.concatenate([encoded[name].mean for name in IMAGES], axis=1).astype(float)
    place = {"face": slice(0, 3), "cartoon": slice(3, 6)}
    for name in IMAGES:
        assert priors[name].precision == parts[name].tau
        expected = []
        for z in stacked[~np.isnan(stacked[:, place[name]]).any(axis=1)]:
            seen = ~np.isnan(z)
            if prior == "predictive":
                seen[place[name]] = False
            gain = signal[place[name], seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
            expected.append(bias[place[name]] + gain @ (z[seen] - bias[seen]))
        np.testing.assert_allclose(priors[name].mean, expected, rtol=1e-5, atol=1e-5)


def test_the_prior_mean_of_a_sample_without_any_other_view_is_the_bias(
    model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    alone = np.full(len(both.keys), -1)
    data = replace(
        both,
        views={
            "face": both.views["face"],
            **{name: replace(both.views[name], row=alone) for name in ("cartoon", "attributes")},
        },
    )
    encoded = encoded_at_random(model, data, data.split["test"])
    found = expected_priors(model, data, model_section(tiny_config()), "test", encoded, 1)
    bias = model.joined.views["face"].bias
    assert found["face"].mean is not None
    np.testing.assert_allclose(found["face"].mean, np.tile(bias, (len(data.having("test", "face")), 1)), rtol=1e-6)


@pytest.mark.parametrize(("rounds", "fed"), [("null", [0.4] * 4), ("0", [0.0] * 4), ("2", [0.4, 0.4, 0.0, 0.0])])
def test_the_decoder_is_fed_in_the_first_rounds_only(
    rounds: str, fed: list[float], model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    settings = model_section(tiny_config("model.gamma=0", "model.feed=0.4", f"model.feed_rounds={rounds}"))
    encoded = encoded_at_random(model, both, both.split["test"])
    found = [expected_priors(model, both, settings, "test", encoded, stage) for stage in (1, 2, 3, 4)]
    for name in IMAGES:
        assert [priors[name].feed for priors in found] == fed


def test_the_prior_of_vaes_that_learned_alone_comes_from_the_others_and_is_never_fed(
    model: FAVAE, both: Dataset, tiny_config: TinyConfig
) -> None:
    encoded = encoded_at_random(model, both, both.split["test"])
    sections = [model_section(tiny_config(change)) for change in ("model=vae", "model.prior=predictive")]
    alone, predictive = (expected_priors(model, both, settings, "test", encoded, 1) for settings in sections)
    for name in IMAGES:
        found, expected = alone[name], predictive[name]
        assert isinstance(found, Prior)
        assert np.array_equal(found.mean, expected.mean)
        assert (found.precision, found.feed) == (expected.precision, 0.0)


# The noise of new samples


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_noise_is_that_of_validation_samples_where_views_learn_through_the_factors(
    model: FAVAE, both: Dataset, tiny_config: TinyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gamma: float
) -> None:
    asked: list[dict[str, np.ndarray]] = []
    louder = replace(model.joined)

    def noise(factors: FactorModel, embedded: dict[str, np.ndarray], _: object) -> FactorModel:
        asked.append({name: table.copy() for name, table in embedded.items()})
        return louder

    monkeypatch.setattr(factor_step, "noise_of_new", noise)
    settings = model_section(tiny_config(f"model.gamma={gamma}"))

    def scale(name: str, by: torch.Tensor | float) -> None:
        model.trainable[name].scale_embedding(by)

    splits, tables = ("train", "validation"), Tables(tmp_path, ALONE)
    FactorStep(model, both, settings, scale, splits, tables, lambda _: None, 0).take(1)
    assert len(asked) == gamma
    assert (model.joined is louder) == bool(gamma)
    if asked:
        encoded = model.encode(both, both.split["validation"])
        for name in IMAGES:
            np.testing.assert_allclose(asked[0][name], encoded[name].mean, rtol=1e-3, atol=1e-5)
