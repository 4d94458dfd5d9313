"""A stop is heard in every phase of training, leaves nothing half-written, and costs no digit of the result."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from favae_cli.common.errors import Interrupted
from favae_cli.factors import inference, pseudo_data, rotation, spectral_start
from favae_cli.machine import runtime
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.training import encodings, factor_step, joined_trainer, priors, schedule, vae_trainer
from favae_cli.training.schedule import Training
from favae_cli.views import VaeView

Tensors = dict[str, torch.Tensor]
Finish = Callable[[Training], tuple[Tensors, list[dict[str, Any]], dict[str, Any]]]
SignalledAt = Callable[..., AbstractContextManager[Callable[[], int]]]

# In the order in which a run comes through them: what is at work, and whose which call is the one that hears it.
PHASES: dict[str, tuple[ModuleType | type, str, int]] = {
    "a step": (vae_trainer.VaeTrainer, "loss", 2),
    "the test after an epoch": (vae_trainer, "summed", 1),
    "the judgement of the VAEs alone": (schedule.Training, "_leave", 1),
    "encoding": (VaeView, "encode", 2),
    "the spectral start": (spectral_start, "pooled_covariance", 1),
    "a sweep": (pseudo_data.PseudoData, "update", 3),
    "a rotation": (rotation, "_negative_gain", 4),
    "settling": (inference.Evidence, "settle", 2),
    "the bound of a round": (factor_step.FactorStep, "record", 1),
    "a step of all views together": (joined_trainer.JoinedTrainer, "loss", 2),
    "the test after an epoch of theirs": (joined_trainer, "add_up", 1),
    "the read-outs": (factor_step, "learn_read_outs", 1),
}


def half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".") or path.name == "tables"]


@pytest.fixture(autouse=True)
def several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even these few samples are worked on in several parts, and their tables are files."""
    monkeypatch.setattr(runtime, "BATCH", 4)
    monkeypatch.setattr(priors, "CHUNK", 16)
    monkeypatch.setattr(encodings, "LARGEST", 0)


@pytest.mark.slow
def test_stopped_in_every_phase_it_ends_with_the_same_numbers(
    start: Callable[..., Training],
    identical: Callable[[Tensors, Tensors], bool],
    finish: Finish,
    signalled_at: SignalledAt,
    tmp_path: Path,
) -> None:
    tensors, records, state = finish(start("whole"))
    for (phase, (owner, name, call)), number in product(PHASES.items(), (signal.SIGTERM, signal.SIGINT)):
        training, arrives = start("stopped"), signalled_at(owner, name, call, number)
        with StopRequest().handling() as stop, arrives as calls, pytest.raises(Interrupted):
            training.run(stop)
        assert calls() == call, f"{phase} goes on"
        assert not half_written(tmp_path / "stopped"), phase
        if phase.startswith("the test after"):
            (trainer,) = training.trainers.values()
            assert training.progress.position.step == trainer.steps, "the epoch is not lost"
    its_tensors, its_records, its_state = finish(start("stopped"))
    assert identical(its_tensors, tensors)
    assert its_records == records
    assert its_state == state
