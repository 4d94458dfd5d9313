"""Views that begin at the linear optimum, in training: their units, and what the optimiser remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from favae_cli.common.errors import Interrupted
from favae_cli.config.run import Config
from favae_cli.config.stored import validate_stored
from favae_cli.data import Dataset
from favae_cli.machine.runtime import Runtime
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.training import checkpoint
from favae_cli.training.build import build_model, make_trainers
from favae_cli.training.epoch_state import Position, Prior
from favae_cli.training.schedule import Training
from favae_cli.training.trained_run import load_run
from favae_cli.views.objective import KLTerm

TinyConfig = Callable[..., Config]
Identical = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]
PLAIN = Runtime(torch.device("cpu"))
LINEAR = "views.face.start=linear"


@pytest.fixture
def begun(tiny_config: TinyConfig, data: Dataset, tmp_path: Path) -> Callable[..., Training]:
    """A training in a folder, by the model that a config asks for."""

    def make(folder: str, *overrides: str) -> Training:
        config, directory = tiny_config(LINEAR, *overrides), tmp_path / folder
        (directory / ".hydra").mkdir(parents=True, exist_ok=True)
        written = OmegaConf.create(config.model_dump(mode="json", by_alias=True))
        OmegaConf.save(written, directory / ".hydra" / "config.yaml")
        return Training(build_model(config, data, PLAIN), data, config, directory)

    return make


def test_a_view_begins_where_its_training_samples_put_it(tiny_config: TinyConfig, data: Dataset) -> None:
    """Not at what it has of other splits; and as well in one run as in another."""
    one, other, random = (
        build_model(tiny_config(*changes), data, PLAIN).views["face"]
        for changes in ((LINEAR,), (LINEAR, "seed=9"), ("views.face.start=random",))
    )
    assert torch.equal(one.decoder.linear.weight, other.decoder.linear.weight)
    train = data.views["face"].gather(data.having("train", "face"))
    np.testing.assert_allclose(one.decode(np.zeros((1, one.size)))[0], train.mean(0) / 255, atol=1e-5)
    assert random.decoder.linear is None


@pytest.mark.slow
def test_from_the_first_round_on_the_factors_see_z_in_units_of_the_data(
    begun: Callable[..., Training], data: Dataset
) -> None:
    training = begun("run", "schedule.rounds=1")
    view = training.model.views["face"]
    assert float(view.units.max() / view.units.min()) > 1.1
    training.run(StopRequest())
    assert view.units is None
    mean = view.encode(data.views["face"].gather(data.having("train", "face"))).mean
    spread = mean.std(0)
    assert spread.max() > 1.1 * spread.min()


@pytest.mark.parametrize("way", ["linear", "random"])
@pytest.mark.parametrize("scale", [3.0, torch.tensor([0.5, 2.0, 3.0])])
def test_what_the_optimiser_remembers_of_gradients_takes_their_new_units(
    way: str, scale: float | torch.Tensor, tiny_config: TinyConfig, data: Dataset
) -> None:
    config = tiny_config(f"views.face.start={way}")
    model = build_model(config, data, PLAIN)
    trainer = make_trainers(model, data, config.trainer, config.seed)["face"]
    trainer.epoch(0, 0, 1, Prior(), KLTerm(1.0), Position(), lambda: False)
    view = model.views["face"]
    x = view.batch(data.views["face"].gather(data.having("train", "face")))
    noise = torch.randn(len(x), view.size, generator=torch.Generator().manual_seed(0))

    def remembered() -> list[tuple[torch.Tensor, torch.Tensor]]:
        """What is remembered of a gradient, and that of the likelihood now, which is the same in all units of z."""
        view.networks.eval()
        view.networks.zero_grad()
        view.loss(x, noise, torch.zeros_like(noise), 1.0).log_likelihood.mean().backward()
        weights = view.encoder.head.weight, view.encoder.head.bias, view.decoder.stem.weight
        return [(trainer.optimizer.state[value]["exp_avg"].clone(), value.grad) for value in weights]

    before = remembered()
    trainer.scale_embedding("face", scale)
    for (memory, gradient), (earlier, its_gradient) in zip(remembered(), before, strict=True):
        found, expected = memory * its_gradient, earlier * gradient
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3 * float(expected.abs().max()))


def test_earlier_runs_began_at_random_and_weighed_all_views_alike(tiny_config: TinyConfig) -> None:
    stored = OmegaConf.create(tiny_config("views.face.likelihood=bernoulli").model_dump(mode="json", by_alias=True))
    del stored.views.face.start, stored.views.face.beta
    section = validate_stored(stored).views["face"]
    assert section.start == "random"
    assert section.beta == 1.0  # whatever a view of its type begins with today


@pytest.mark.slow
def test_z_is_as_large_as_the_data_ask_for_and_stays_so_without_them(
    begun: Callable[..., Training], tmp_path: Path
) -> None:
    training = begun("run", "views.face.latent=auto", "views.face.variance=0.02")
    found = np.sort(np.linalg.eigvalsh(_covariance(training)))[::-1]
    size = int((found > 0.02).sum())
    assert training.model.views["face"].size == size
    training.run(StopRequest())
    assert load_run(tmp_path / "run", PLAIN).model.views["face"].size == size


@pytest.mark.slow
@pytest.mark.parametrize("done", [1, 4])
def test_resumed_alone_or_in_the_rounds_it_ends_the_same(
    done: int, begun: Callable[..., Training], identical: Identical, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begun("whole")
    whole.run(StopRequest())
    cut, save, left = begun("cut"), Training._save, done

    def cut_off(training: Training) -> None:
        nonlocal left
        save(training)
        left -= 1
        if not left:
            raise Interrupted

    monkeypatch.setattr(Training, "_save", cut_off)
    with pytest.raises(Interrupted):
        cut.run(StopRequest())
    monkeypatch.setattr(Training, "_save", save)
    begun("cut").run(StopRequest())
    assert identical(checkpoint.load(cut.last)[0], checkpoint.load(whole.last)[0])


def _covariance(training: Training) -> np.ndarray:
    part = training.data.views["face"]
    images = part.gather(training.data.having("train", "face"))
    return np.cov(images.reshape(len(images), -1).T / 255.0, bias=True)
