"""What tests of several modules share."""

from __future__ import annotations

import gc
import os
import pickle
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from glob import glob
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from filelock import FileLock
from hydra import compose, initialize_config_dir, version
from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra._internal.defaults_list import DefaultsList, Overrides, create_defaults_list
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from matplotlib.text import Text
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from favae_cli.command_line.user_configs import SoundFiles
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.models import JointModelConfig
from favae_cli.config.run import Config
from favae_cli.data import Dataset, ViewData
from favae_cli.factors import FactorModel, Gamma, ViewFactors
from favae_cli.machine.runtime import Runtime
from favae_cli.models import JointVAE, build_joint
from favae_cli.models.fa_vae import FAVAE
from favae_cli.reporting import style
from favae_cli.views import BernoulliView, Encoded

PRIVATE = ("dmvae", "mmvaeplus", "cmvae")
LIBRARY = (*PRIVATE, "mvae", "mmvae", "crmvae", "jmvae", "mopoe", "mvtcae")


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector is to look at what tests make, and not all the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


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
def no_waiting_for_the_disk() -> Iterator[None]:
    """No test pulls the plug. What is no open file is refused as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)
        yield


def without_defaults(config: Any) -> None:
    """Take the lists of defaults out of a merged config, as Hydra does in the end."""
    if isinstance(config, DictConfig) and not config._is_missing() and not config._is_none():
        with flag_override(config, ["readonly", "struct"], False):
            if config._get_flag("HYDRA_REMOVE_TOP_LEVEL_DEFAULTS"):
                config._set_flag("HYDRA_REMOVE_TOP_LEVEL_DEFAULTS", None)
                config.pop("defaults", None)
        for _, value in config.items_ex(resolve=False):
            without_defaults(value)


@pytest.fixture(autouse=True, scope="session")
def merged_once() -> Iterator[None]:
    """Let Hydra read and merge the same files once; what the overrides then set in the result is done every time.

    That takes most of a composition's 0.2 s, a command line composes three times and a sweep twice a run.
    """
    Plugins.instance()  # registers the sources
    source_of_files = SourcesRegistry.instance().resolve("file")
    read, choose, known_choices = (
        source_of_files.load_config,
        create_defaults_list,
        defaults_list._create_interpolation_map,
    )
    merge = ConfigLoaderImpl._compose_config_from_defaults_list
    parsed, chosen = dict[Any, bytes](), dict[Any, DefaultsList]()
    placed, begun, merged = dict[Any, bytes](), dict[Any, bytes](), dict[Any, bytes]()
    shipped = shipped_configs()

    def read_once(source: ConfigSource, config_path: str) -> ConfigResult:
        path = Path(source.path, source._normalize_file_name(config_path))
        key = (source.provider, source.path, config_path, path.read_bytes() if path.is_file() else None)
        if key not in parsed:
            parsed[key] = pickle.dumps(read(source, config_path))
        result: ConfigResult = pickle.loads(parsed[key])
        return result

    def files(repo: IConfigRepository) -> tuple[tuple[str, bytes], ...]:
        folders = [source.path for source in repo.get_sources() if source.scheme() in ("file", SoundFiles.scheme())]
        changing = [folder for folder in folders if Path(folder) != shipped]
        paths = [path for folder in changing for path in glob(f"{folder}/**/*.yaml", recursive=True)]
        return tuple((path, Path(path).read_bytes()) for path in paths)

    def choose_once(
        repo: IConfigRepository,
        config_name: str | None,
        overrides_list: list[Override],
        prepend_hydra: bool,
        skip_missing: bool,
    ) -> DefaultsList:
        values = Overrides(repo, overrides_list).config_overrides
        choices = [o for o in overrides_list if o not in values and not o.is_sweep_override()]
        lines = tuple(choice.input_line for choice in choices)
        key = (config_name, lines, prepend_hydra, skip_missing, files(repo))
        if key not in chosen:
            chosen[key] = choose(repo, config_name, choices, prepend_hydra, skip_missing)
        return replace(chosen[key], config_overrides=values)

    def known_where_asked(overrides: Overrides, defaults: list[InputDefault], self_added: bool) -> DictConfig:
        asked = any("${" in repr(default) for default in defaults)
        return known_choices(overrides, defaults, self_added) if asked else OmegaConf.create()

    def go_on(
        config: DictConfig, loader: ConfigLoaderImpl, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        for part in defaults:
            key = (files(repo), part.config_path, part.package, part.primary)
            if key not in placed:
                placed[key] = pickle.dumps(loader._load_single_config(part, repo).config)
            with flag_override(config, "no_deepcopy_set_nodes", True):
                config.merge_with(pickle.loads(placed[key]))
        return config

    def merge_once(loader: ConfigLoaderImpl, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """Each list once, and once what all begin with: Hydra's own config, which is half the work."""
        of_hydra = len(list(takewhile(lambda part: (part.config_path or "").startswith("hydra/"), defaults)))
        key = (files(repo), *((part.config_path, part.package, part.primary) for part in defaults))
        first = key[: 1 + of_hydra]
        if key not in merged:
            try:
                if first not in begun:
                    begun[first] = pickle.dumps(go_on(OmegaConf.create(), loader, defaults[:of_hydra], repo))
                config = go_on(pickle.loads(begun[first]), loader, defaults[of_hydra:], repo)
            except OmegaConfBaseException:
                return merge(loader, defaults, repo)  # which says what is wrong
            without_defaults(config)
            merged[key] = pickle.dumps(config)
        result: DictConfig = pickle.loads(merged[key])
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_of_files, "load_config", read_once)
        patch.setattr(ConfigStore, "__deepcopy__", lambda store, memo: store, raising=False)  # no loader changes it
        patch.setattr(config_loader_impl, "create_defaults_list", choose_once)
        patch.setattr(defaults_list, "_create_interpolation_map", known_where_asked)
        patch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", merge_once)
        patch.setattr(yaml, "SafeLoader", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        patch.setattr(version, "_get_version", cache(version._get_version))
        patch.setattr(yaml, "compose", cache(yaml.compose))  # of the text of a stored config, in Python
        yield


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, and give back what an entry point may change of the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["favae-run"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.fixture
def others_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is called `others`, and all that is in it, may not be read: not by root either, who may read all else."""
    is_file, iterdir = Path.is_file, Path.iterdir

    def refuse(path: Path) -> None:
        if "others" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", lambda path: refuse(path) or is_file(path))
    monkeypatch.setattr(Path, "iterdir", lambda path: refuse(path) or iterdir(path))


@pytest.fixture(scope="session")
def undocumented() -> Callable[[dict[str, float]], list[str]]:
    """Names of metrics.json that docs/reference/metrics.md does not have."""
    page = (Path(__file__).parents[1] / "docs" / "reference" / "metrics.md").read_text()
    cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    names = [re.escape(name) for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    fixed = {
        "<split>": "(train|validation|test|all)",
        "<model>": "(rival|transfer(/[^/]+)?)",
        "<score>": "(r2|r2_mean|r2_std|rmse|mae|auc|accuracy|balanced_accuracy|log_loss|brier_skill|level_error"
        "|f1|exact)",
        re.escape("..."): ".+",
    }
    for placeholder, values in fixed.items():
        names = [name.replace(placeholder, values) for name in names]
    known = re.compile("|".join(re.sub("<[a-z]+>", "[^/]+", name) for name in names))
    return lambda metrics: [name for name in metrics if not known.fullmatch(name)]


@pytest.fixture
def no_sweep_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the picture of a sweep, which is drawn anew after every run."""
    monkeypatch.setattr("favae_cli.sweeps.figure.draw_sweep", lambda finished, swept, name, path: None)


SHOWS_IMAGES, DRAW_TEXT = style._shows_images, Text.draw


@contextmanager
def unarranged_axes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.blank.__kwdefaults__, "constrained", False)
        patch.setattr(style, "_shows_images", SHOWS_IMAGES)
        patch.setattr(Text, "draw", DRAW_TEXT)
        yield


@pytest.fixture(scope="session")
def unarranged() -> Callable[[], AbstractContextManager[None]]:
    """Leaves the axes of figures where they are: to arrange them takes longer than most of what a tiny run does.

    They are drawn as pixels and as vectors, also within `quick_figures`.
    """
    return unarranged_axes


@contextmanager
def quickly_drawn() -> Iterator[None]:
    with unarranged_axes(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "_shows_images", lambda figure: True)
        patch.setattr(Text, "draw", lambda text, renderer: None)
        yield


@pytest.fixture(scope="session")
def quick_figures() -> Callable[[], AbstractContextManager[None]]:
    """As `unarranged`, and draws figures once, as pixels, and without words, where nobody reads them.

    Words take as long as all the rest of a run on a small table.
    """
    return quickly_drawn


@contextmanager
def signal_at(
    owner: ModuleType | type, name: str, call: int = 1, number: int = signal.SIGTERM
) -> Iterator[Callable[[], int]]:
    calls, work = 0, getattr(owner, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            signal.raise_signal(number)
        return work(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, counted)
        yield lambda: calls


@pytest.fixture(scope="session")
def signalled_at() -> Callable[..., AbstractContextManager[Callable[[], int]]]:
    """Has a signal arrive at that call of a function: `signalled_at(owner, name, call=1, number=SIGTERM)`.

    The context gives the number of calls so far.
    """
    return signal_at


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
        sizes = {"multi_vae": ["model.classes=4"]} | {name: ["model.private=2"] for name in (*PRIVATE, "amvae")}
        config = composed("experiment=avatars_adapt", f"model={model}", *networks, *sizes.get(model, []), *overrides)
        assert isinstance(config.model, JointModelConfig)
        runtime = Runtime(torch.device("cpu"), bf16)
        return build_joint(config.model, config.views, config.seed, planted_pairs(False), runtime)

    return make


SIDE = 4
PIXELS = SIDE * SIDE


class PixelView:
    """An image view whose embedding is its pixels: nothing is lost on the way."""

    trainable = False
    size = PIXELS

    def __init__(self) -> None:
        self.networks = nn.ModuleDict({"encoder": nn.Identity()})

    def fit(self, values: np.ndarray) -> None:
        pass

    def encode(self, values: np.ndarray) -> Encoded:
        flat = values.reshape(len(values), PIXELS).astype(np.float32) / 255
        return Encoded(flat, np.full_like(flat, 1e-6))

    def decode(self, mean: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
        return np.asarray(mean, np.float32).reshape(-1, SIDE, SIDE, 1)

    def deviation(self, mean: np.ndarray, variance: np.ndarray) -> None:
        pass


def known(weights: np.ndarray, bias: np.ndarray, precision: float) -> ViewFactors:
    """W, b and tau known for sure."""
    factors = weights.shape[1]
    return ViewFactors(
        weights=weights,
        weights_cov=np.zeros((factors, factors)),
        bias=bias,
        bias_var=0.0,
        noise=Gamma(1.0, np.asarray(1 / precision)),
        ard=Gamma(1.0, np.ones(factors)),
        count=100,
        usage=np.full(factors, 100.0),
        variance=np.sum(weights**2, axis=1) + 1 / precision,
    )


def planted_model() -> FAVAE:
    """Each of two attributes has a factor that brightens its half of the image; a third factor is the image's own."""
    patterns = np.zeros((PIXELS, 3))
    patterns[: PIXELS // 2, 0] = patterns[PIXELS // 2 :, 1] = 0.1
    patterns[::2, 2] = 0.1
    loadings = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    views = {
        "face": known(patterns, np.full(PIXELS, 0.5), 400.0).in_units(),
        "attributes": known(loadings, np.zeros(2), 4.0),
    }
    return FAVAE({"face": PixelView(), "attributes": BernoulliView(2)}, FactorModel(views))


def planted_dataset(model: FAVAE, count: int = 300, seed: int = 0) -> Dataset:
    """Drawn from the model; every tenth face and every eleventh row of attributes is missing."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((count, 3))
    parts = model.joined.views
    z = latent @ parts["face"].weights.T + parts["face"].bias + 0.05 * rng.standard_normal((count, PIXELS))
    logits = latent @ parts["attributes"].weights.T
    labels = (rng.random((count, 2)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    images = np.clip(np.round(255 * z), 0, 255).astype(np.uint8).reshape(count, SIDE, SIDE, 1)
    faces, table = np.arange(count), np.arange(count)
    faces[::10], table[::11] = -1, -1
    views = {"face": ViewData(images, faces), "attributes": ViewData(labels, table, ("Top", "Bottom"), kind="binary")}
    cuts = np.split(np.arange(count), [count // 2, count * 3 // 4])
    return Dataset(
        "planted", np.arange(count).astype(str), views, dict(zip(("train", "validation", "test"), cuts, strict=True))
    )


def paired_model() -> FAVAE:
    """Two image views that share two factors; a third is the photo's own, and a fourth the sketch's."""
    rng = np.random.default_rng(0)
    own = {"photo": [1, 1, 1, 0], "sketch": [1, 1, 0, 1]}
    precision = {"photo": 400.0, "sketch": 100.0}
    parts = {
        name: known(0.08 * rng.standard_normal((PIXELS, 4)) * used, rng.uniform(0.4, 0.6, PIXELS), precision[name])
        for name, used in own.items()
    }
    return FAVAE({name: PixelView() for name in own}, FactorModel(parts))


def paired_dataset(model: FAVAE, count: int = 120, seed: int = 0) -> Dataset:
    """Drawn from the model, with attributes that say which shared factors are positive; some of each view is missing.

    Every sixth sample lacks the photo, every seventh the sketch and every eighth the attributes; every ninth does
    not know the second of them.
    """
    rng = np.random.default_rng(seed)
    latent, everyone = rng.standard_normal((count, 4)), np.arange(count)
    views = {}
    for (name, part), every in zip(model.joined.views.items(), (6, 7), strict=True):
        z = latent @ part.weights.T + part.bias + rng.standard_normal((count, PIXELS)) / np.sqrt(part.tau)
        stored = np.clip(np.round(255 * z), 0, 255).astype(np.uint8).reshape(count, SIDE, SIDE, 1)
        views[name] = ViewData(stored, np.where(everyone % every, everyone, -1))
    labels = (latent[:, :2] > 0).astype(np.float32)
    labels[::9, 1] = np.nan
    views["attributes"] = ViewData(labels, np.where(everyone % 8, everyone, -1), ("First", "Second"), kind="binary")
    cuts = np.split(everyone, [count // 2, count * 5 // 8])
    return Dataset("pairs", everyone.astype(str), views, dict(zip(("train", "validation", "test"), cuts, strict=True)))


@pytest.fixture
def paired() -> FAVAE:
    return paired_model()


@pytest.fixture
def paired_data(paired: FAVAE) -> Dataset:
    return paired_dataset(paired)


@pytest.fixture
def planted() -> FAVAE:
    return planted_model()


@pytest.fixture
def planted_data(planted: FAVAE) -> Callable[..., Dataset]:
    """`planted_data(count=300, seed=0)`."""

    def make(count: int = 300, seed: int = 0) -> Dataset:
        return planted_dataset(planted, count, seed)

    return make


@pytest.fixture
def known_factors() -> Callable[[np.ndarray, np.ndarray, float], ViewFactors]:
    return known
