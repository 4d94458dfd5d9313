"""The training step on a GPU: the same numbers as a graph and as it is written, and near those of a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from favae_cli.machine.runtime import find_device
from favae_cli.training.epoch_state import Position, Prior
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views.objective import KLTerm

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]
TERMS = (KLTerm(1.0), KLTerm(4.0), KLTerm(4.0))


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 as on a CPU."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def on(name: str, trainer: VaeTrainer) -> VaeTrainer:
    """The same trainer on another device."""
    old = trainer.view
    runtime = replace(old.runtime, device=find_device(name))
    view = type(old)(old.config, old.shape, runtime, torch.Generator().manual_seed(0))
    view.networks.load_state_dict(old.networks.state_dict())
    return VaeTrainer(trainer.name, view, trainer.data, trainer.indices, trainer.settings, 0)


def elbos(trainer: VaeTrainer) -> list[float]:
    """Of each epoch."""
    prior = Prior(np.random.default_rng(0).normal(size=(len(trainer.indices), 3)).astype(np.float32), 2.0, 0.3)
    found = []
    for number, term in enumerate(TERMS):
        at = Position()
        assert trainer.epoch(0, number, len(TERMS), prior, term, at, lambda: False)
        found.append(at.parts[trainer.name].means()["elbo"])
    return found


@pytest.mark.usefixtures("exact")
def test_as_a_graph_it_gives_the_numbers_of_the_plain_step(make_trainer: Callable[..., VaeTrainer]) -> None:
    same_numbers(make_trainer())


@pytest.mark.usefixtures("exact")
def test_so_it_does_of_counts(counts_trainer: VaeTrainer) -> None:
    same_numbers(counts_trainer)


def same_numbers(cpu: VaeTrainer) -> None:
    graph, plain = (on("cuda", cpu) for _ in range(2))
    plain._records = False
    told = elbos(graph)
    assert graph._recorded is not None
    assert told == pytest.approx(elbos(plain), rel=1e-4)
    assert told == pytest.approx(elbos(cpu), rel=1e-2)


def test_the_epoch_of_a_graph_waits_for_the_gpu_at_its_end_alone(
    make_trainer: Callable[..., VaeTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = on("cuda", make_trainer())
    elbos(trainer)  # recorded by now
    steps = iter(range(trainer.steps))
    inner = trainer._step

    def watched(*arguments: Any) -> None:
        torch.cuda.set_sync_debug_mode("error")
        inner(*arguments)
        if next(steps) == trainer.steps - 1:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(trainer, "_step", watched)
    try:
        assert trainer.epoch(0, 3, 4, Prior(), TERMS[-1], Position(), lambda: False)
    finally:
        torch.cuda.set_sync_debug_mode("default")
