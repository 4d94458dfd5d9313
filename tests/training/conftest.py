"""A tiny run in memory: two views of a few images, and what trains on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import Config, ScheduleConfig, TrainerConfig
from favae_cli.config.views import ConvArch, CountsViewConfig, MlpArch
from favae_cli.config.views import VaeViewConfig as Section
from favae_cli.data import Dataset, ViewData
from favae_cli.factors import FactorModel, Gamma, ViewFactors
from favae_cli.machine.runtime import Runtime
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training import checkpoint
from favae_cli.training.records import read_records
from favae_cli.training.schedule import Training
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views import BernoulliView, CountsView, VaeView

LATENT = 3
SIZE = 8
SAMPLES = 48
TIED = 2  # factors of a model whose views are joined
TIMES = ("seconds", "images_per_second")
End = tuple[dict[str, torch.Tensor], list[dict[str, Any]], dict[str, Any]]


def trainer_section(**changes: object) -> TrainerConfig:
    keys = yaml.safe_load((shipped_configs() / "trainer" / "default.yaml").read_text()) | {
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 8,
        "learning_rate": 1e-2,
        "final_learning_rate": 1e-4,
        "warm_up_steps": 2,
        "clip_norm": 10.0,
        "weight_decay": 0.01,
    }
    return TrainerConfig(**(keys | changes))


def tiny_dataset() -> Dataset:
    """Striped images whose brightness shows the first attribute and whose stripe the second; some views missing."""
    rng = np.random.default_rng(0)
    labels = (rng.random((SAMPLES, 2)) < 0.5).astype(np.float32)
    images = rng.integers(0, 60, (SAMPLES, SIZE, SIZE, 3))
    images += (100 * labels[:, 0, None, None, None]).astype(int)
    images[:, :, : SIZE // 2] += (90 * labels[:, 1, None, None, None]).astype(int)
    row = np.arange(SAMPLES)
    faces, table = row.copy(), row.copy()
    faces[::7], table[3::7] = -1, -1
    views = {
        "face": ViewData(images.astype(np.uint8), faces),
        "attributes": ViewData(labels, table, ("Bright", "Striped"), kind="binary"),
    }
    split = {"train": row[:32], "validation": row[32:40], "test": row[40:]}
    return Dataset("toy", row.astype(str), views, split)


def tiny_view(bf16: bool = False, seed: int = 0) -> VaeView:
    arch = ConvArch(name="conv", channels=[4, 8], kernel=4, stride=2, padding=1, batch_norm=True, leak=0.1)
    section = Section(
        type="vae", arch=arch, latent=LATENT, likelihood="gaussian", variance=0.05, start="random", beta=None, data=None
    )
    runtime = Runtime(torch.device("cpu"), bf16)
    return VaeView(section, (SIZE, SIZE, 3), runtime, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="session")
def fresh_data() -> Callable[[], Dataset]:
    """Makes the images of `data` anew, for who changes or keeps them."""
    return tiny_dataset


@pytest.fixture
def data() -> Dataset:
    return tiny_dataset()


@pytest.fixture
def make_trainer(data: Dataset) -> Callable[..., VaeTrainer]:
    """A trainer of fresh networks: `make_trainer(seed=0, bf16=False, **changes of the trainer section)`."""

    def make(seed: int = 0, bf16: bool = False, **changes: object) -> VaeTrainer:
        view, part = tiny_view(bf16, seed), data.views["face"]
        indices = data.having("train", "face")
        return VaeTrainer("face", view, part, indices, trainer_section(**changes), seed)

    return make


@pytest.fixture
def counts_trainer() -> VaeTrainer:
    """A trainer of counts some of which are lost and some missing, at their linear start."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.exp(rng.standard_normal((SAMPLES, 1)) + np.arange(6) / 2)).astype(np.float32)
    counts[rng.random(counts.shape) < 0.3] = 0
    counts[rng.random(counts.shape) < 0.1] = np.nan
    section = CountsViewConfig(
        type="counts",
        arch=MlpArch(name="mlp", hidden=[16], leak=0.1),
        latent=LATENT,
        likelihood="zinb",
        start="linear",
        beta=None,
        data=None,
    )
    view = CountsView(section, (6,), Runtime(torch.device("cpu")), torch.Generator().manual_seed(0))
    view.fit(counts)
    rows = np.arange(SAMPLES)
    return VaeTrainer("counts", view, ViewData(counts, rows, kind="counts"), rows, trainer_section(), 0)


def tiny_model(bf16: bool = False, seed: int = 0) -> FAVAE:
    return FAVAE({"face": tiny_view(bf16, seed), "attributes": BernoulliView(2)})


@pytest.fixture
def make_model() -> Callable[..., FAVAE]:
    return tiny_model


@pytest.fixture
def both(data: Dataset) -> Dataset:
    """The faces once more as cartoons, upside down and with other samples missing."""
    face = data.views["face"]
    row = np.arange(len(face.row))
    row[2::5] = -1
    return replace(data, views={**data.views, "cartoon": ViewData(face.values[:, ::-1].copy(), row)})


@pytest.fixture
def model(make_model: Callable[..., FAVAE]) -> FAVAE:
    """Two image views and the attributes, whose factors are known for sure."""
    rng = np.random.default_rng(0)
    one, other = make_model(seed=0), make_model(seed=1)
    views = {"face": one.views["face"], "cartoon": other.views["face"], "attributes": one.views["attributes"]}
    precision = {"face": 2.0, "cartoon": 5.0, "attributes": 3.0}
    factors = {
        name: ViewFactors(
            weights=rng.standard_normal((view.size, TIED)),
            weights_cov=1e-12 * np.eye(TIED),
            bias=rng.standard_normal(view.size),
            bias_var=0.0,
            noise=Gamma(1.0, np.asarray(1 / precision[name])),
            ard=Gamma(1.0, np.ones(TIED)),
            count=10,
            usage=np.full(TIED, 10.0),
            variance=np.ones(view.size),
        )
        for name, view in views.items()
    }
    return FAVAE(views, FactorModel(factors))


@pytest.fixture(scope="session")
def tiny_config(config_of: Callable[..., Config]) -> Callable[..., Config]:
    """The config of a run that takes a second: `tiny_config("model.beta=4")`."""

    @cache
    def make(*overrides: str) -> Config:
        return config_of(
            "data.size=8",
            "views.face.arch.channels=[4,8]",
            f"views.face.latent={LATENT}",
            "model.factors=4",
            "schedule.alone_epochs=2",
            "schedule.rounds=2",
            "schedule.round_epochs=1",
            "schedule.sweeps=10",
            "schedule.tolerance=0",
            "trainer.batch_size=8",
            "trainer.precision=fp32",
            *([] if any(line.startswith("model=") for line in overrides) else ["model.gamma=1"]),
            *overrides,
        )

    return make


def same_tensors(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether both hold the same names, types and bits."""
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


@pytest.fixture
def identical() -> Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], bool]:
    return same_tensors


def begin(
    model: FAVAE, data: Dataset, config: Config, directory: Path, plan: ScheduleConfig, watched: tuple[str, ...] = ()
) -> Training:
    return Training(model, data, config, directory, lambda: {"joined": float(model.factors is not None)}, plan, watched)


@pytest.fixture
def start(data: Dataset, tiny_config: Callable[..., Config], tmp_path: Path) -> Callable[..., Training]:
    """A training that goes on from what lies in its folder, as after a new start of the program."""

    def make(
        folder: str = "run",
        *overrides: str,
        views: tuple[str, ...] = ("face", "attributes"),
        plan: Callable[[ScheduleConfig], ScheduleConfig] = lambda schedule: schedule,
        watched: tuple[str, ...] = (),
    ) -> Training:
        directory = tmp_path / folder
        directory.mkdir(exist_ok=True)
        model, config = tiny_model(), tiny_config(*overrides)
        model.views = {name: model.views[name] for name in views}
        return begin(model, data, config, directory, plan(config.plan), watched)

    return make


def run_to_the_end(training: Training) -> End:
    training.run(StopRequest())
    training.log.close()
    tensors, state = checkpoint.load(training.last)
    records = [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in read_records(training.last.parents[1])
    ]
    return tensors, records, {key: value for key, value in state.items() if key not in ("seconds", "written", "digest")}


@pytest.fixture
def finish() -> Callable[[Training], End]:
    """Trains to the end: the last checkpoint's tensors, the records and the progress, all without times."""
    return run_to_the_end


@pytest.fixture(scope="session")
def finished(tiny_config: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, End]:
    """What `start()` begins, at its end; for looking at, not for going on with."""
    config = tiny_config()
    training = begin(tiny_model(), tiny_dataset(), config, tmp_path_factory.mktemp("finished"), config.plan)
    return training, run_to_the_end(training)
