"""Every type of view, on data that are whole and on data with holes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from favae_cli.config.choices import ViewConfig as Section
from favae_cli.data import ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.views import View, build_view

SAMPLES, LATENT = 40, 3

CONV = {"name": "conv", "channels": [8, 16], "kernel": 4, "stride": 2, "padding": 1, "batch_norm": True, "leak": 0.01}
MLP = {"name": "mlp", "hidden": [16], "leak": 0.01}
GRU = {"name": "gru", "hidden": 8, "layers": 1}
CONV1D = {"name": "conv1d", "channels": [8, 8], "kernel": 3, "stride": 2, "leak": 0.01}
TOKENS = {"name": "tokens", "embedding": 8, "hidden": 8, "layers": 1}

SECTIONS: dict[str, dict[str, Any]] = {
    "image": {"type": "vae", "arch": CONV, "likelihood": "gaussian", "variance": 0.05, "start": "random"},
    "image_learned": {"type": "vae", "arch": CONV, "likelihood": "gaussian", "variance": "learned", "start": "random"},
    "vector": {"type": "vae", "arch": MLP, "likelihood": "gaussian", "variance": 0.5, "start": "random"},
    "vector_learned": {"type": "vae", "arch": MLP, "likelihood": "gaussian", "variance": "learned", "start": "random"},
    "vector_bernoulli": {"type": "vae", "arch": MLP, "likelihood": "bernoulli", "variance": 1.0, "start": "random"},
    "image_linear": {"type": "vae", "arch": CONV, "likelihood": "gaussian", "variance": 0.01, "start": "linear"},
    "vector_linear": {"type": "vae", "arch": MLP, "likelihood": "gaussian", "variance": "learned", "start": "linear"},
    "poisson": {"type": "counts", "arch": MLP, "likelihood": "poisson", "start": "random"},
    "negative_binomial": {"type": "counts", "arch": MLP, "likelihood": "negative_binomial", "start": "random"},
    "zinb": {"type": "counts", "arch": MLP, "likelihood": "zinb", "start": "linear"},
    "gru": {"type": "sequence", "arch": GRU, "variance": "learned"},
    "conv1d": {"type": "sequence", "arch": CONV1D, "variance": 0.5},
    "text": {"type": "text", "arch": TOKENS, "vocabulary": 300, "length": 8},
    "bernoulli": {"type": "bernoulli"},
    "categorical": {"type": "categorical"},
    "real": {"type": "real", "transform": {}},
}


@dataclass(frozen=True)
class Case:
    """A type of view and data for it, all of which follow two hidden factors.

    Attributes:
        name: of its section.
        complete: whether no entry and no sample is missing.
        data: what it sees, of `SAMPLES` samples.
    """

    name: str
    complete: bool
    data: ViewData

    @property
    def values(self) -> np.ndarray:
        return self.data.values

    @property
    def type(self) -> str:
        return SECTIONS[self.name]["type"]

    def view(self, seed: int = 0, values: np.ndarray | None = None) -> View:
        """Fresh weights from the seed, and what there is to learn of all the `values` (its own) at once."""
        own = {"latent": LATENT, "beta": None} if "arch" in SECTIONS[self.name] else {"weight": 1.0}
        section = TypeAdapter(Section).validate_python(SECTIONS[self.name] | own | {"data": None})
        view = build_view("it", section, self.data, Runtime(torch.device("cpu")), torch.Generator().manual_seed(seed))
        view.fit(self.values if values is None else values)
        return view


def holes(values: np.ndarray, rng: np.random.Generator, share: float = 0.3) -> np.ndarray:
    """The same with a share of the entries NaN, but never a whole sample."""
    hidden = rng.random(values.shape) < share
    hidden[:, 0] &= ~hidden.reshape(len(hidden), -1).all(axis=1).reshape(-1, *[1] * (hidden.ndim - 2))
    return np.where(hidden, np.float32(np.nan), values).astype(np.float32)


def made(name: str, complete: bool) -> ViewData:
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((SAMPLES, 2))

    def mixed(*shape: int) -> np.ndarray:
        return (factors @ rng.standard_normal((2, int(np.prod(shape))))).reshape(SAMPLES, *shape)

    groups: tuple[int, ...] = ()
    kind = SECTIONS[name]["type"]
    if name.startswith("image"):
        values = np.clip(127 + 60 * mixed(8, 8, 2), 0, 255).astype(np.uint8)
    elif kind == "text":
        words = np.array([["a red", "one blue"], ["dog", "bird"]])
        values = np.array([f"{words[0, a]} {words[1, b]}" for a, b in (factors > 0).astype(int)], object)
    elif kind == "sequence":
        values = (5 * mixed(10, 2) + [100, -3]).astype(np.float32)
    elif kind == "counts":
        values = rng.poisson(np.exp(mixed(6) / 2 + [0, 1, 2, 3, 4, 5])).astype(np.float32)
    elif kind == "categorical":
        groups = (3, 2)
        chosen = [mixed(size).argmax(axis=1) for size in groups]
        values = np.concatenate([np.eye(size)[column] for size, column in zip(groups, chosen, strict=True)], axis=1)
    elif name.endswith("bernoulli"):
        values = (mixed(6) > 0).astype(np.float32)
    else:
        values = (mixed(6) * [1, 5, 0.1, 1, 1, 1] + [0, 200, -1, 0, 0, 0]).astype(np.float32)
    row = np.arange(SAMPLES)
    if complete:
        return ViewData(values.astype(np.float32) if kind == "categorical" else values, row, groups=groups)
    if kind == "categorical":
        hidden = np.repeat(rng.random((SAMPLES, 2)) < [0.3, 0], groups, axis=1)
        return ViewData(np.where(hidden, np.nan, values).astype(np.float32), row, groups=groups)
    if values.dtype != np.float32:  # nothing but whole samples can be missing
        row[::5] = -1
        row[row >= 0] = np.arange((row >= 0).sum())
        return ViewData(values[: row.max() + 1], row)
    values = holes(values, rng)
    if kind == "sequence":
        ends = rng.integers(4, 11, SAMPLES)
        values[np.arange(10) >= ends[:, None]] = np.nan
    return ViewData(values, row)


NETWORKS = [name for name, section in SECTIONS.items() if "arch" in section]
ENTRIES = [name for name in NETWORKS if not name.startswith("image") and name != "text"]


@pytest.fixture
def make_case() -> Callable[[str, bool], Case]:
    return lambda name, complete: Case(name, complete, made(name, complete))


@pytest.fixture(params=[(name, complete) for name in SECTIONS for complete in (True, False)], ids=str)
def case(request: pytest.FixtureRequest, make_case: Callable[[str, bool], Case]) -> Case:
    """Each type of view on complete and on incomplete data."""
    return make_case(*request.param)


@pytest.fixture(params=[(name, complete) for name in NETWORKS for complete in (True, False)], ids=str)
def vae_case(request: pytest.FixtureRequest, make_case: Callable[[str, bool], Case]) -> Case:
    """Those that have networks."""
    return make_case(*request.param)


@pytest.fixture(params=ENTRIES)
def holed_case(request: pytest.FixtureRequest, make_case: Callable[[str, bool], Case]) -> Case:
    """Those that have networks and can miss single entries, of which some do."""
    return make_case(request.param, False)
