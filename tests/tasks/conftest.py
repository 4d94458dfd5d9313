"""A finished run that takes seconds and knows what it does: factor analysis of small drawn faces, no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image

from favae_cli.config import validate
from favae_cli.data import Dataset, load
from favae_cli.folders import shipped_configs
from favae_cli.runtime import prepare
from favae_cli.tasks.use import use_run
from favae_cli.training.interrupt import StopRequest
from favae_cli.training.rounds import Training
from favae_cli.training.setup import build_model
from favae_cli.use_config import validate_use

Using = Callable[..., Path]
SIZE = 16
RUN = [
    "experiment=avatars_adapt",
    "model=fa",
    "model.factors=20",
    "model.components=40",
    "schedule.sweeps=60",
    "data.samples=240",
    f"data.size={SIZE}",
    "+data.missing.cartoon=0.2",
    "+data.missing.attributes=0.1",
    "views.face.arch.channels=[8,16]",
    "views.cartoon.arch.channels=[8,16]",
    "evaluation.judge.epochs=1",
    "trainer.device=cpu",
    "trainer.precision=fp32",
]


def trained(folder: Path, overrides: list[str]) -> Path:
    """The folder of a run that is trained, though not judged."""
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        composed = compose("run", overrides)
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(composed, folder / ".hydra" / "config.yaml")
    config = validate(composed)
    data = load(config.data, config.cache, config.seed)
    training = Training(build_model(config, data, prepare(config.trainer)), data, config, folder)
    training.run(StopRequest())
    training.log.close()
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with the views face, cartoon and attributes; some samples lack one or two of them."""
    return trained(tmp_path_factory.mktemp("run"), RUN)


@pytest.fixture(scope="session")
def data() -> Dataset:
    """Its data."""
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        config = validate(compose("run", RUN))
    return load(config.data, config.cache, config.seed)


@pytest.fixture
def using(run: Path, tmp_path: Path) -> Using:
    """Use the run: `using("task=edit", "input=a.png", run=OTHER)`; the folder with what came of it."""

    def use(*overrides: str, run: Path = run) -> Path:
        with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
            config = validate_use(compose("use", [f"run={run}", "trainer.device=cpu", *overrides]))
        directory = tmp_path / f"used-{len(list(tmp_path.glob('used-*')))}"
        directory.mkdir()
        use_run(config, directory)
        return directory

    return use


@pytest.fixture
def photos(data: Dataset, tmp_path: Path) -> Path:
    """A folder with the faces of three test samples that neither smile nor wear glasses, enlarged, and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    test = data.having("test", "face", "attributes")
    plain = test[(data.views["attributes"].gather(test)[:, :2] == 0).all(axis=1)][:3]
    for name, pixels in zip("abc", data.views["face"].gather(plain), strict=True):
        Image.fromarray(pixels).resize((40, 40), Image.Resampling.NEAREST).save(folder / f"{name}.png")
    (folder / "notes.txt").write_text("no image")
    return folder
