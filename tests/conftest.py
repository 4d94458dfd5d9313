"""What tests of several modules share."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import DictConfig

from favae_cli.config import Config, validate
from favae_cli.data import Dataset, ViewData
from favae_cli.folders import shipped_configs
from favae_cli.rivals import JointVAE, build_joint
from favae_cli.runtime import Runtime

LIBRARY = ("mvae", "mmvae", "jmvae", "dmvae", "mopoe", "mvtcae")


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of the session have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "common"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made_once(common: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    """A new folder that the first test process to ask for it fills: `made_once("run", train)`; not for writing to."""

    def folder_of(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = common / name, common / f"{name}.done"
        with FileLock(common / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one who failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(autouse=True, scope="session")
def own_cache(common: Path) -> Iterator[None]:
    """Keep the images that tests draw or decode out of the user's cache, and share them among the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAVAE_CACHE", str(common / "cache"))
        yield


@pytest.fixture(autouse=True, scope="session")
def composed_once() -> Iterator[None]:
    """Let Hydra compose a config once for the same files and overrides.

    It takes 0.2 s, a command line needs it three times and a sweep twice a run, and most tests begin with the same few.
    """
    compose_anew, made = ConfigLoaderImpl.load_configuration, dict[Any, bytes]()

    def load_configuration(
        loader: ConfigLoaderImpl,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        sources = [source for source in loader.get_sources() if source.scheme() == "file"]
        files = [path for source in sources for path in sorted(Path(source.path).rglob("*.yaml"))]
        texts = tuple((str(path), path.read_bytes()) for path in files)
        # Hydra adds the mode that it found to what was asked, which changes nothing else.
        modes = [line for line in overrides if line in ("hydra.mode=RUN", "hydra.mode=MULTIRUN")]
        asked = [line for line in overrides if line not in modes]
        key, strict = (config_name, *asked, texts), (RunMode.RUN, True)  # what is right for a run is so for a sweep
        way = strict if (strict, key) in made else (run_mode, validate_sweep_overrides)
        if (way, key) not in made:
            made[way, key] = pickle.dumps(compose_anew(loader, config_name, asked, run_mode, from_shell, way[1]))
        config: DictConfig = pickle.loads(made[way, key])
        config.hydra.runtime.cwd = str(Path.cwd())
        for line in modes:
            config.hydra.mode = RunMode[line.partition("=")[2]]
            config.hydra.overrides.hydra.append(line)
        return config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfigLoaderImpl, "load_configuration", load_configuration)
        yield


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, and give back what an entry point may change of the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["favae-run"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.fixture
def no_sweep_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the picture of a sweep, which is drawn anew after every run."""
    monkeypatch.setattr("favae_cli.sweep.sweep_figure", lambda runs, score: None)
    monkeypatch.setattr("favae_cli.sweep.save", lambda figure, path: None)


@cache
def composed(*overrides: str) -> Config:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return validate(compose("run", list(overrides)))


@pytest.fixture(scope="session")
def config_of() -> Callable[..., Config]:
    """The config that overrides of the shipped ones make, valid: `config_of("experiment=...", "seed=3")`."""
    return composed


def planted_pairs(incomplete: bool) -> Dataset:
    """Two views, `face` and `cartoon`: small images that show the same two bits, each in its own way and brightness."""
    rng = np.random.default_rng(0)
    count = 240
    truth = rng.choice([0.2, 0.7], (count, 2))
    face, cartoon = rng.normal(0, 0.02, (2, count, 4, 4, 3)) + rng.uniform(0, 0.2, (2, count, 1, 1, 1))
    face[:, :, :2] += truth[:, 0, None, None, None]
    face[:, :, 2:] += truth[:, 1, None, None, None]
    cartoon[..., 0] += 1 - truth[:, 0, None, None]
    cartoon[..., 1] += truth[:, 1, None, None]
    rows = np.arange(count)
    has_face, has_cartoon = rows.copy(), rows.copy()
    if incomplete:
        has_face[::5], has_cartoon[2::5] = -1, -1
    views = {
        name: ViewData((255 * images.clip(0, 1)).astype(np.uint8), row)
        for name, images, row in (("face", face, has_face), ("cartoon", cartoon, has_cartoon))
    }
    return Dataset(
        "pairs", rows.astype(str), views, {"train": rows[:200], "validation": rows[200:], "test": rows[220:]}
    )


@pytest.fixture(params=[False, True], ids=["complete", "incomplete"])
def pairs(request: pytest.FixtureRequest) -> Dataset:
    """Planted pairs, all views there or some missing."""
    return planted_pairs(request.param)


@pytest.fixture
def incomplete_pairs() -> Dataset:
    return planted_pairs(True)


@pytest.fixture(scope="session")
def joint() -> Callable[..., JointVAE]:
    """A fresh joint VAE of planted pairs: `joint("mvae", "seed=3", bf16=True)`."""

    def make(model: str, *overrides: str, bf16: bool = False) -> JointVAE:
        if model in LIBRARY:
            pytest.importorskip("multivae")
        networks = [
            key
            for view in ("face", "cartoon")
            for key in (f"arch@views.{view}.arch=mlp", f"views.{view}.arch.hidden=[24]", f"views.{view}.latent=6")
        ]
        sizes = {"multi_vae": ["model.classes=4"], "dmvae": ["model.private=2"]}.get(model, [])
        config = composed("experiment=avatars_adapt", f"model={model}", *networks, *sizes, *overrides)
        return build_joint(config, planted_pairs(False), Runtime(torch.device("cpu"), bf16))

    return make
