"""Finished runs that take seconds.

One knows what it does: factor analysis of small drawn faces, no network. One has views of many kinds with holes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.trained_run_tasks import validate_use
from favae_cli.data import Dataset, load
from favae_cli.machine.runtime import prepare
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.tasks.trained_run import use_run
from favae_cli.training.build import build_model
from favae_cli.training.schedule import Training

Using = Callable[..., Path]
MadeOnce = Callable[[str, Callable[[Path], object]], Path]
DRAWN = bool(os.environ.get("FAVAE_SCREENSHOTS"))  # for pictures of the page, in which faces are to be seen
SIZE = 64 if DRAWN else 16
RUN = [
    "experiment=avatars_adapt",
    "model=fa",
    f"model.factors={30 if DRAWN else 20}",
    f"model.components={300 if DRAWN else 40}",
    "schedule.sweeps=30",
    f"data.samples={1000 if DRAWN else 240}",
    f"data.size={SIZE}",
    "+data.missing.cartoon=0.2",
    "+data.missing.attributes=0.1",
    "views.face.arch.channels=[8,16]",
    "views.cartoon.arch.channels=[8,16]",
    "evaluation.judge.epochs=1",
    "trainer.device=cpu",
    "trainer.precision=fp32",
]


MIXED = [
    "experiment=avatars_condition",
    "task=train",
    "score=predict/mean",
    "model.factors=6",
    "schedule.alone_epochs=2",
    "schedule.rounds=1",
    "schedule.round_epochs=1",
    "schedule.sweeps=30",
    "evaluation.cards=1",
    "trainer.device=cpu",
    "trainer.precision=fp32",
    "trainer.threads=1",
]
KINDS: dict[str, dict[str, Any]] = {
    "numbers": {"kind": "real", "columns": ["small", "large", "price"]},
    "bits": {"kind": "binary", "columns": ["new", "sold"], "binarise": {}, "empty": "missing"},
    "labels": {"kind": "categorical", "columns": ["colour", "size"]},
    "course": {"kind": "sequence", "columns": ["day*"]},
    "remark": {"kind": "text", "column": "remark"},
}


def mixed_table(count: int = 240) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples with columns of five kinds, all of which two hidden numbers decide on: complete, and with holes."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((count, 2))
    noise = rng.standard_normal((count, 12))
    one, other = hidden.T
    table = pd.DataFrame({"id": [f"item {number}" for number in range(count)]})
    table["small"] = 0.01 * (one + 0.3 * noise[:, 0])
    table["large"] = 1.7e9 + 30 * (one - other + 0.3 * noise[:, 1])
    table["price"] = 5 + other + 0.3 * noise[:, 2]
    table["new"] = (one + 0.3 * noise[:, 3] > 0).astype(int)
    table["sold"] = (other + 0.3 * noise[:, 4] > 0).astype(int)
    table["colour"] = np.array(["red", "green", "blue"])[np.digitize(one + 0.2 * noise[:, 5], [-0.5, 0.5])]
    table["size"] = np.where(other + 0.2 * noise[:, 6] > 0, "L", "S")
    for day in range(5):
        table[f"day{day}"] = one * np.sin(day) + other + 0.1 * noise[:, 7 + day]
    table["remark"] = np.where(one > 0, "good and new", "bad and old")
    holes = table.astype(object)
    kinds = rng.random((12, len(table.columns))) < 0.2 * (table.columns != "id")  # few: each costs time in every sweep
    holes[kinds[rng.integers(len(kinds), size=count)]] = np.nan
    holes.loc[::10, [f"day{day}" for day in range(5)]] = np.nan
    holes.loc[1::10, ["day3", "day4"]] = np.nan
    return table, holes


def preset(group: str, name: str) -> dict[str, Any]:
    """A shipped config of a group by itself."""
    text = (shipped_configs() / group / f"{name}.yaml").read_text()
    return {key: value for key, value in yaml.safe_load(text).items() if key != "defaults"}


def with_sections(overrides: list[str], sections: Mapping[str, Any]) -> DictConfig:
    """The composed config of a run, some of its sections put in as a whole."""
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        composed = compose("run", overrides)
    for key, section in sections.items():
        OmegaConf.update(composed, key, section, merge=False, force_add=True)
    return composed


def trained(folder: Path, composed: DictConfig) -> Path:
    """The folder of a run that is trained, though not judged."""
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(composed, folder / ".hydra" / "config.yaml")
    config = validate(composed)
    data = load(config.data, config.cache, config.seed)
    training = Training(build_model(config, data, prepare(config.trainer)), data, config, folder)
    training.run(StopRequest())
    training.log.close()
    return folder


@pytest.fixture(autouse=True, scope="module")
def plain_figures(quick_figures: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    with quick_figures():
        yield


@pytest.fixture(scope="session")
def run(made_once: MadeOnce) -> Path:
    """The folder of a run with the views face, cartoon and attributes; some samples lack one or two of them."""
    return made_once("run", lambda folder: trained(folder, with_sections(RUN, {})))


@pytest.fixture(scope="session")
def mixed_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of `mixed_run` without its holes, and with them."""
    return mixed_table()


@pytest.fixture(scope="session")
def mixed_run(made_once: MadeOnce, mixed_tables: tuple[pd.DataFrame, pd.DataFrame]) -> Path:
    """The folder of a run with the views numbers, bits, labels, course and remark, whose data have holes.

    Beside its table, mixed.csv, lies more.csv: the same with the further columns `weight` and `seen`.
    """
    return made_once("mixed", lambda folder: train_mixed(folder, *mixed_tables)) / "run"


def train_mixed(folder: Path, complete: pd.DataFrame, holes: pd.DataFrame) -> None:
    holes.to_csv(folder / "mixed.csv", index=False)
    holes = holes.copy()
    holes["weight"] = 100 + 20 * complete["price"] + np.random.default_rng(1).standard_normal(len(holes))
    holes.loc[::7, "weight"] = np.nan
    holes["seen"] = (complete["price"] > 5).astype(int)
    holes.to_csv(folder / "more.csv", index=False)
    small = {"hidden": 8, "layers": 1}
    gru, tokens = {**preset("arch", "gru"), **small}, {**preset("arch", "tokens"), **small, "embedding": 8}
    views = {
        "numbers": preset("view", "real"),
        "bits": {**preset("view", "bernoulli"), "weight": 1.0},
        "labels": {**preset("view", "categorical"), "weight": 1.0},
        "course": {**preset("view", "sequence"), "latent": 4, "arch": gru},
        "remark": {**preset("view", "text"), "latent": 4, "length": 8, "arch": tokens},
    }
    data = {**preset("data", "manifest"), "root": str(folder), "table": "mixed.csv", "key": "id", "views": KINDS}
    trained(folder / "run", with_sections(MIXED, {"views": views, "data": data}))


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
