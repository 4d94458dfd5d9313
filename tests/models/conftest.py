"""Batches of planted pairs, and a plain loop that learns from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from favae_cli.data import Dataset
from favae_cli.evaluation.images import r2_pooled
from favae_cli.models import JointVAE
from favae_cli.training.joint_trainer import gathered
from favae_cli.views.objective import KLTerm, Loss

Batch = tuple[dict[str, Tensor], dict[str, Tensor]]


def batch_of(model: JointVAE, data: Dataset) -> Batch:
    indices = data.having("train", *model.views) if model.complete else data.split["train"]
    values, here = {}, {}
    for name, view in model.views.items():
        stored, present = gathered(data.views[name], indices, data.having("train", name))
        values[name], here[name] = view.batch(stored), torch.from_numpy(present)
    return values, here


@pytest.fixture
def make_batch() -> Callable[[JointVAE, Dataset], Batch]:
    """Of all training samples that the model can learn from."""
    return batch_of


@pytest.fixture
def learn() -> Callable[..., list[float]]:
    """The objective, step by step: `learn(model, data, steps)`."""

    def run(model: JointVAE, data: Dataset, steps: int) -> list[float]:
        batch, present = batch_of(model, data)
        optimizer = torch.optim.Adam(model.networks.parameters(), 0.02)
        generator = torch.Generator().manual_seed(0)
        seen = []
        for step in range(steps):
            loss: Loss = model.loss(batch, present, generator)
            objective = loss.objective(KLTerm(1.0), float(step))
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
            seen.append(objective.item())
        return seen

    return run


@pytest.fixture
def translation_r2() -> Callable[[JointVAE, Dataset], float]:
    """Mean of both directions, over the test samples that have both views; 0 is what their mean image has."""

    def score(model: JointVAE, data: Dataset) -> float:
        face, cartoon = (
            data.views[name].gather(data.having("test", "face", "cartoon")) for name in ("face", "cartoon")
        )
        scores = [
            r2_pooled(cartoon / 255, model.translate("face", "cartoon", face)),
            r2_pooled(face / 255, model.translate("cartoon", "face", cartoon)),
        ]
        return float(np.mean(scores))

    return score
